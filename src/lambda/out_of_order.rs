//! Processing out of order: the whole slice at once, and many partition keys at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::call::{Alarm, Called, call, call_async, call_in_time, catch};
use super::error::{Error, FailureReason};
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::Deaggregated;
use crate::error::Loss;

/// Which user records of the slice a handler has done.
///
/// If an index is outside the slice, the handler has a bug, and nothing counts as done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// All user records are done.
    All,
    /// This many are done, from the start of the slice; the rest are not.
    First(usize),
    /// All are done except those at these indices. This gives up the order of the slice: user records
    /// after a failed one are done before it.
    AllBut(Vec<usize>),
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` once with all user records, in order; with a [`Resume`](super::Resume), with those
    /// that are not done yet. An error or a panic fails them all.
    ///
    /// If there are none, `f` is not called. After `f`, [`on_cut`](super::Processor::on_cut) is called
    /// for the cut aggregates whose readable user records are done; after [`Handled::First`], only for
    /// those before the first user record that is not done.
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
        let called = match &whole.items[..] {
            [] => Ok(Handled::All),
            items => call(|| f(items)),
        };
        for position in whole.settle(called) {
            whole.close(position);
        }
        whole.progress.finish()
    }

    /// [`process_batch`](Self::process_batch) with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped before `f` returns, nothing counts as done. If it is dropped later, while
    /// it asks about a cut, a [`Resume`](super::Resume) knows what is done.
    pub async fn process_batch_async<F, E>(&self, f: F) -> BatchResponse
    where
        F: AsyncFnOnce(&[EventUserRecord<'_, R>]) -> Result<Handled, E>,
        E: Into<Error>,
    {
        let mut whole = Whole::new(self);
        let mut alarm = self.alarm();
        let called = match &whole.items[..] {
            [] => Ok(Handled::All),
            items => call_in_time(&mut alarm, || f(items)).await,
        };
        for position in whole.settle(called) {
            whole.close_in_time(position, &mut alarm).await;
        }
        whole.progress.finish()
    }

    /// Calls `f` for up to `limit` user records at a time (0 counts as 1), those of one partition
    /// key one after another, in order. When one fails, the later ones of its partition key are not
    /// called, and the others are finished.
    ///
    /// The futures run inside this one, on its task, with any async runtime. User records without a
    /// partition key have no order. A panic in `f` is a failure.
    ///
    /// The answer names the lowest Kinesis record that failed, so Lambda also sends the later ones
    /// again, done or not. A [`Resume`](super::Resume) leaves out what is done.
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
        // The cut of an aggregate without readable user records has nothing to wait for.
        for position in whole.finished(false) {
            whole.close_in_time(position, &mut alarm).await;
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
                        Err(panicked) => Err(panicked),
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
            if self.report(&item, called).is_none() {
                whole.progress.fail(1);
                continue;
            }
            lanes.proceed(index);
            if whole.done(&item) {
                whole.close_in_time(item.record_index(), &mut alarm).await;
            }
        }
        drop(running);
        // The callback is told once: of the first Kinesis record that is not done.
        let is_unfinished = |left: &Option<usize>| left.is_some_and(|left| left > 0);
        if out_of_time && let Some(position) = whole.left.iter().position(is_unfinished) {
            self.fail(position, FailureReason::Deadline);
        }
        whole.progress.finish()
    }
}

/// All user records of an event that are still to be done.
struct Whole<'b, R: EventRecord> {
    event: &'b EventUserRecords<'b, R>,
    progress: Progress<'b, R>,
    items: Vec<EventUserRecord<'b, R>>,
    /// How many items of each Kinesis record are left. `None` if all of it was done before.
    left: Vec<Option<usize>>,
}

impl<'b, R: EventRecord> Whole<'b, R> {
    fn new(event: &'b EventUserRecords<'b, R>) -> Self {
        let mut progress = Progress::new(event, event.memory());
        let (mut items, mut left) = (Vec::new(), Vec::new());
        for (position, record) in event.batch().records().iter().enumerate() {
            if progress.leaves_out(position, record) {
                left.push(None);
                continue;
            }
            let (source, before): (&R, _) = (record.source(), items.len());
            for user_record in record.user_records().flatten() {
                let item = EventUserRecord::new(position, source, user_record);
                if !progress.leaves_out_one(&item) {
                    items.push(item);
                }
            }
            left.push(items.len().checked_sub(before));
        }
        Self {
            event,
            progress,
            items,
            left,
        }
    }

    /// The Kinesis records whose readable user records are all done, and whose cuts come next; if
    /// `in_order`, only those before the first one with a user record that is not done.
    fn finished(&self, in_order: bool) -> Vec<usize> {
        let left = self.left.iter().enumerate();
        let reached = left.take_while(|(_, left)| !in_order || left.is_none_or(|left| left == 0));
        let finished = reached.filter(|(_, left)| **left == Some(0));
        finished.map(|(position, _)| position).collect()
    }

    /// A user record is done; call it once for each. Returns whether it was the last one of its Kinesis
    /// record.
    fn done(&mut self, item: &EventUserRecord<'b, R>) -> bool {
        self.progress.done_one(item);
        let Some(Some(left)) = self.left.get_mut(item.record_index()) else {
            return false;
        };
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// Takes the answer of a handler that got the whole slice. Returns the Kinesis records to close: if
    /// the order was kept, only those before the first user record that is not done, because a cut has
    /// a place in that order too.
    fn settle(&mut self, called: Called<Handled>) -> Vec<usize> {
        let len = self.items.len();
        let in_order = !matches!(called, Ok(Handled::AllBut(_)));
        match called.map(|handled| handled.of_each(len)) {
            Ok(Ok(done)) => self.settle_each(&done, in_order),
            Ok(Err(index)) => return self.fail_all(FailureReason::NoSuchIndex { index, len }),
            Err(broken) => return self.fail_all(broken.reason()),
        }
        self.finished(in_order)
    }

    fn settle_each(&mut self, done: &[bool], in_order: bool) {
        for (item, done) in std::mem::take(&mut self.items).iter().zip(done) {
            if *done {
                self.done(item);
                continue;
            }
            self.event.fail_one(item, FailureReason::NotDone);
            self.progress.fail(1);
            if in_order {
                // The rest was not reached.
                break;
            }
        }
    }

    /// Everything in the slice fails: the callback is called once for each Kinesis record. Returns the
    /// Kinesis records to close anyway.
    fn fail_all(&mut self, reason: FailureReason<'_>) -> Vec<usize> {
        for one_record in self
            .items
            .chunk_by(|a, b| a.record_index() == b.record_index())
        {
            if let Some(item) = one_record.first() {
                self.event.fail(item.record_index(), reason);
            }
        }
        self.progress.fail(self.items.len());
        self.finished(true)
    }

    /// Ends a Kinesis record whose readable user records are done: asks about its cuts. It is done
    /// unless one of them makes it fail.
    fn close(&mut self, position: usize) {
        let mut cut = None;
        for loss in self.losses(position) {
            if self.progress.asks_about(loss) {
                let after = self.event.after_cut(loss);
                self.progress.settle_cut(loss, after, &mut cut);
            }
        }
        self.progress.close(position, cut);
    }

    /// [`Self::close`] for the asynchronous forms.
    async fn close_in_time(&mut self, position: usize, alarm: &mut Alarm) {
        let mut cut = None;
        for loss in self.losses(position) {
            if self.progress.asks_about(loss) {
                let after = self.event.after_cut_in_time(loss, alarm).await;
                self.progress.settle_cut(loss, after, &mut cut);
            }
        }
        self.progress.close(position, cut);
    }

    fn losses(&self, position: usize) -> &'b [Loss] {
        let record = self.event.batch().records().get(position);
        record.map(Deaggregated::losses).unwrap_or_default()
    }
}

impl Handled {
    /// Whether each of `len` user records is done. An index that the slice does not have is an
    /// error.
    fn of_each(&self, len: usize) -> Result<Vec<bool>, usize> {
        let mut done = vec![true; len];
        match self {
            Self::All => {}
            Self::First(count) => done.get_mut(*count..).ok_or(*count)?.fill(false),
            Self::AllBut(failed) => {
                for index in failed {
                    *done.get_mut(*index).ok_or(*index)? = false;
                }
            }
        }
        Ok(done)
    }
}

/// The order of the user records under each partition key, by their indices.
///
/// With the keys `k l k m k`, 0, 1 and 3 may run at once; `next` is `[2, -, 4, -, -]`, so 2 may run
/// once 0 is done, and 4 once 2 is. If 0 fails, nothing ever lets 2 and 4 run.
struct Lanes {
    /// Those that may run now, the lowest first: at most one of each partition key, and all without a
    /// key, which have no order.
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
