//! Processing out of order: the whole slice at once, and many partition keys at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::call::{Alarm, Broken, Called, call, call_async, call_in_time, catch};
use super::error::{AfterCut, Error, Failure, FailureReason};
use super::processor::Processor;
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::user_record::EventUserRecord;
use super::user_records::EventUserRecords;
use crate::deaggregate::Deaggregated;
use crate::error::Loss;

/// Which user records of the slice a handler has done.
///
/// An index outside the slice is an error of the handler, and then nothing counts as done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// All user records are done.
    All,
    /// This many are done, from the start of the slice; the rest is not.
    First(usize),
    /// All are done except those at these indices. This gives up the order of the slice: what follows
    /// a failed one is done before it.
    AllBut(Vec<usize>),
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` once with all user records, in order; with a [`Resume`](super::Resume), with those
    /// that are still to be done. An error or a panic fails them all.
    ///
    /// Without user records it is not called. [`on_cut`](Processor::on_cut) is told after it, of the
    /// aggregates whose readable user records are done: after [`Handled::First`], only up to the
    /// first that is not done.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{BatchResponse, Error, Handled, OwnedKinesisEvent, Processor};
    ///
    /// # fn write_all(_: Vec<&[u8]>) -> Result<Vec<usize>, Error> { Ok(Vec::new()) }
    /// fn function(processor: &Processor, event: &OwnedKinesisEvent) -> BatchResponse {
    ///     processor.read(event).process_batch(|user_records| {
    ///         let data = user_records.iter().map(|user_record| user_record.data());
    ///         let refused = write_all(data.collect())?;
    ///         Ok::<_, Error>(Handled::AllBut(refused))
    ///     })
    /// }
    /// ```
    pub fn process_batch<'b, F, E>(&'b self, f: F) -> BatchResponse
    where
        F: FnOnce(&[EventUserRecord<'b, R>]) -> Result<Handled, E>,
        E: Into<Error>,
    {
        let mut whole = Whole::new(self);
        let called = if whole.items.is_empty() {
            Ok(Ok(Handled::All))
        } else {
            call(|| f(&whole.items))
        };
        for position in whole.settle(called) {
            whole.close(position);
        }
        whole.finish()
    }

    /// [`process_batch`](Self::process_batch) with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, nothing counts as done.
    pub async fn process_batch_async<F, E>(&self, f: F) -> BatchResponse
    where
        F: AsyncFnOnce(&[EventUserRecord<'_, R>]) -> Result<Handled, E>,
        E: Into<Error>,
    {
        let mut whole = Whole::new(self);
        let mut alarm = self.alarm();
        let called = if whole.items.is_empty() {
            Ok(Ok(Handled::All))
        } else {
            call_in_time(&mut alarm, || f(&whole.items)).await
        };
        for position in whole.settle(called) {
            whole.close_async(position, &mut alarm).await;
        }
        whole.finish()
    }

    /// Calls `f` for up to `limit` user records at a time (0 counts as 1), those of one partition
    /// key one after another, in order. When one fails, the later ones of its partition key are not
    /// called, and the rest is finished.
    ///
    /// The futures run inside this one, on its task, and need no particular runtime. User records
    /// without a partition key have no order. A panic in `f` is a failure.
    ///
    /// The answer names the lowest Kinesis record that failed, so Lambda also sends again what was
    /// done after it: a [`Resume`](super::Resume) leaves that out.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{BatchResponse, Error, OwnedKinesisEvent, Processor};
    ///
    /// # async fn write(_: &[u8]) -> Result<(), Error> { Ok(()) }
    /// async fn function(processor: &Processor, event: &OwnedKinesisEvent) -> BatchResponse {
    ///     let user_records = processor.read(event);
    ///     let response = user_records.process_concurrently(16, async |user_record| {
    ///         write(user_record.data()).await
    ///     });
    ///     response.await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, a [`Resume`](super::Resume) knows what is done.
    pub async fn process_concurrently<F, E>(&self, limit: usize, f: F) -> BatchResponse
    where
        F: AsyncFn(EventUserRecord<'_, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        let mut whole = Whole::new(self);
        let mut alarm = self.alarm();
        let mut lanes = Lanes::new(&whole.items);
        // An aggregate without readable user records has nothing that its cut would have to wait for.
        for position in whole.finished() {
            whole.close_async(position, &mut alarm).await;
        }
        let mut running = FuturesUnordered::new();
        let mut out_of_time = false;
        loop {
            while running.len() < limit.max(1)
                && !out_of_time
                && let Some(index) = lanes.pop()
                && let Some(&item) = whole.items.get(index)
            {
                if self.deadline_has_passed() {
                    out_of_time = true;
                    break;
                }
                // `f` itself is called here, in order, and not when its future is first polled.
                let future = catch(|| f(item));
                running.push(async move {
                    let called = match future {
                        Ok(future) => call_async(|| future).await,
                        Err(panicked) => Err(panicked.into()),
                    };
                    (index, item, called)
                });
            }
            let (index, item, called) = match alarm.race(running.next()).await {
                Some(Some(ended)) => ended,
                Some(None) => break,
                None => {
                    out_of_time = true;
                    break;
                }
            };
            if item.report(whole.processor, called).is_none() {
                whole.progress.fail(1);
                continue;
            }
            lanes.proceed(index);
            if whole.done(index) {
                whole.close_async(item.record_index(), &mut alarm).await;
            }
        }
        drop(running);
        if out_of_time {
            whole.report_out_of_time();
        }
        whole.finish()
    }
}

/// All user records of an event that are still to be done.
struct Whole<'b, R: EventRecord> {
    processor: &'b Processor,
    progress: Progress<'b, R>,
    records: &'b [Deaggregated<&'b R>],
    items: Vec<EventUserRecord<'b, R>>,
    /// How many of the items are left of each Kinesis record. `None` if it was done whole before.
    left: Vec<Option<usize>>,
}

impl<'b, R: EventRecord> Whole<'b, R> {
    fn new(user_records: &'b EventUserRecords<'_, R>) -> Self {
        let processor = user_records.processor();
        let mut progress = Progress::new(user_records.records(), processor.memory());
        let records = user_records.batch().records();
        let mut items = Vec::new();
        let mut left = Vec::with_capacity(records.len());
        for (position, record) in records.iter().enumerate() {
            let source: &R = record.source();
            let (before, mut readable) = (items.len(), 0_usize);
            for user_record in record.user_records().flatten() {
                readable = readable.saturating_add(1);
                if !progress.is_done(position, user_record.sub_sequence_number()) {
                    items.push(EventUserRecord::new(position, source, user_record));
                }
            }
            let to_do = items.len().saturating_sub(before);
            progress.leave_out(readable.saturating_sub(to_do));
            if progress.was_complete(position) {
                progress.complete(position);
                left.push(None);
            } else {
                left.push(Some(to_do));
            }
        }
        Self {
            processor,
            progress,
            records,
            items,
            left,
        }
    }

    /// The Kinesis records whose readable user records are all done, and whose cuts come next.
    fn finished(&self) -> Vec<usize> {
        let left = self.left.iter().enumerate();
        let finished = left.filter(|(_, left)| **left == Some(0));
        finished.map(|(position, _)| position).collect()
    }

    /// The user record at `index` is done, which is said once of each. Whether it was the last one
    /// of its Kinesis record.
    fn done(&mut self, index: usize) -> bool {
        let Some(item) = self.items.get(index) else {
            return false;
        };
        let position = item.record_index();
        self.progress.done_one(position, item.sub_sequence_number());
        let Some(Some(left)) = self.left.get_mut(position) else {
            return false;
        };
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// Takes the answer of a handler that had the whole slice. Returns the Kinesis records to close: if
    /// the order was kept, only those before the first user record that is not done, because a cut
    /// has its place in that order too.
    fn settle(&mut self, called: Called<Handled>) -> Vec<usize> {
        let len = self.items.len();
        let ordered = match called {
            Ok(Ok(handled)) => match handled.outside(len) {
                None => self.settle_each(handled),
                Some(index) => self.fail_all(FailureReason::NoSuchIndex { index, len }),
            },
            Ok(Err(error)) => self.fail_all(FailureReason::Handler(&error)),
            Err(Broken::Panicked) => self.fail_all(FailureReason::Panicked),
            Err(Broken::OutOfTime) => self.fail_all(FailureReason::Deadline),
        };
        let mut finished = self.finished();
        let unfinished = |left: &Option<usize>| left.is_some_and(|left| left > 0);
        if ordered && let Some(first) = self.left.iter().position(unfinished) {
            finished.retain(|position| *position < first);
        }
        finished
    }

    /// Whether the order of the slice was kept.
    fn settle_each(&mut self, mut handled: Handled) -> bool {
        if let Handled::AllBut(failed) = &mut handled {
            failed.sort_unstable();
        }
        let ordered = !matches!(handled, Handled::AllBut(_));
        for index in 0..self.items.len() {
            if handled.is_done(index) {
                self.done(index);
                continue;
            }
            if let Some(item) = self.items.get(index) {
                item.fail(self.processor, FailureReason::NotDone);
                self.progress.fail(1);
            }
            if ordered {
                // The rest was not reached.
                break;
            }
        }
        ordered
    }

    /// Everything in the slice fails: the callback is told once for each Kinesis record.
    fn fail_all(&mut self, reason: FailureReason<'_>) -> bool {
        let mut last = None;
        for item in &self.items {
            let position = item.record_index();
            if last != Some(position) {
                let failure = Failure::new(position, item.source(), None, reason);
                self.processor.report(&failure);
                last = Some(position);
            }
        }
        self.progress.fail(self.items.len());
        true
    }

    /// Ends a Kinesis record whose readable user records are done: asks about its cuts, and it is
    /// done unless one of them fails it.
    fn close(&mut self, position: usize) {
        let mut failed = None;
        for (loss, source) in self.cuts(position) {
            let after = self.processor.after_cut(loss, source);
            self.settle_cut(position, loss, after, &mut failed);
        }
        self.end(position, failed);
    }

    async fn close_async(&mut self, position: usize, alarm: &mut Alarm) {
        let mut failed = None;
        for (loss, source) in self.cuts(position) {
            let asked = self.processor.after_cut_async(loss, source);
            let after = alarm.race(asked).await.unwrap_or(AfterCut::Fail);
            self.settle_cut(position, loss, after, &mut failed);
        }
        self.end(position, failed);
    }

    /// The callback is told once: of the first Kinesis record that is not done.
    fn report_out_of_time(&self) {
        let unfinished = |left: &Option<usize>| left.is_some_and(|left| left > 0);
        let Some(position) = self.left.iter().position(unfinished) else {
            return;
        };
        if let Some(record) = self.records.get(position) {
            let reason = FailureReason::Deadline;
            let failure = Failure::new(position, *record.source(), None, reason);
            self.processor.report(&failure);
        }
    }

    /// The losses of a Kinesis record to ask about. The callback for drops is told of its own.
    fn cuts(&self, position: usize) -> Vec<(&'b Loss, &'b R)> {
        let Some(record) = self.records.get(position) else {
            return Vec::new();
        };
        let source: &'b R = record.source();
        let losses = record.losses().iter();
        let cuts = losses.filter(|loss| {
            let told = self.progress.was_told(position, loss);
            !told && !self.processor.is_dropped(loss, source)
        });
        cuts.map(|loss| (loss, source)).collect()
    }

    fn settle_cut(
        &mut self,
        position: usize,
        loss: &'b Loss,
        after: AfterCut,
        failed: &mut Option<&'b Loss>,
    ) {
        if after == AfterCut::GoOn {
            self.progress.tell(position, loss);
        } else {
            failed.get_or_insert(loss);
        }
    }

    fn end(&mut self, position: usize, failed: Option<&'b Loss>) {
        let Some(loss) = failed else {
            self.progress.complete(position);
            return;
        };
        self.progress.cut();
        if let Some(record) = self.records.get(position) {
            let reason = FailureReason::Cut(loss);
            let failure = Failure::new(position, *record.source(), None, reason);
            self.processor.report(&failure);
        }
    }

    fn finish(self) -> BatchResponse {
        self.progress.finish()
    }
}

impl Handled {
    /// `AllBut` has been sorted.
    fn is_done(&self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::First(count) => index < *count,
            Self::AllBut(failed) => failed.binary_search(&index).is_err(),
        }
    }

    /// An index that it names and a slice of `len` does not have.
    fn outside(&self, len: usize) -> Option<usize> {
        match self {
            Self::All => None,
            Self::First(count) => (*count > len).then_some(*count),
            Self::AllBut(failed) => failed.iter().copied().find(|index| *index >= len),
        }
    }
}

/// The order of the user records under each partition key, by their indices.
///
/// With the keys `k l k m k`, 0, 1 and 3 may run at once; `next` is `[2, -, 4, -, -]`, so 2 may run
/// once 0 is done, and 4 once 2 is. If 0 fails, nothing ever lets 2 and 4 run.
struct Lanes {
    /// Those that may run now, the lowest first: at most one of each partition key. One without a
    /// key has no order, and may always run.
    ready: BinaryHeap<Reverse<usize>>,
    /// For each, the next one under the same partition key.
    next: Vec<Option<usize>>,
}

impl Lanes {
    fn new<R: EventRecord>(items: &[EventUserRecord<'_, R>]) -> Self {
        let mut lanes = Self {
            ready: BinaryHeap::new(),
            next: vec![None; items.len()],
        };
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let before = item.partition_key().and_then(|key| last.insert(key, index));
            match before.and_then(|before| lanes.next.get_mut(before)) {
                Some(next) => *next = Some(index),
                None => lanes.ready.push(Reverse(index)),
            }
        }
        lanes
    }

    fn pop(&mut self) -> Option<usize> {
        self.ready.pop().map(|Reverse(index)| index)
    }

    /// `index` is done, and what follows it may run.
    fn proceed(&mut self, index: usize) {
        if let Some(Some(next)) = self.next.get(index) {
            self.ready.push(Reverse(*next));
        }
    }
}
