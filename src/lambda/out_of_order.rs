//! Processing out of order: the whole slice at once, and many partition keys at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::error::{Error, Failure, FailureReason};
use super::process::report;
use super::processor::Processor;
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::unwind::{self, Called, Panicked};
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::Deaggregated;

/// All user records of an event that are still to be done.
pub(super) struct Whole<'b, R: EventRecord> {
    processor: &'b Processor,
    progress: Progress<'b, R>,
    records: &'b [Deaggregated<&'b R>],
    items: Vec<EventUserRecord<'b, R>>,
    /// How many of these each Kinesis record still has.
    left: Vec<usize>,
}

impl<'b, R: EventRecord> Whole<'b, R> {
    pub(super) fn new(user_records: &'b EventUserRecords<'_, R>) -> Self {
        let processor = user_records.processor();
        let progress = Progress::new(user_records.records(), processor.resume());
        let records = user_records.batch().records();
        let mut items = Vec::new();
        let mut left = Vec::with_capacity(records.len());
        for (position, record) in records.iter().enumerate() {
            let before = items.len();
            if !progress.was_complete(position) {
                let source: &R = record.source();
                // Losses have their turn at the end.
                let readable = record.user_records().flatten();
                let to_do = readable.filter(|user_record| {
                    !progress.is_done(position, user_record.sub_sequence_number())
                });
                items.extend(to_do.map(|item| EventUserRecord::new(position, source, item)));
            }
            left.push(items.len().saturating_sub(before));
        }
        Self {
            processor,
            progress,
            records,
            items,
            left,
        }
    }

    pub(super) fn processor(&self) -> &'b Processor {
        self.processor
    }

    pub(super) fn items(&self) -> &[EventUserRecord<'b, R>] {
        &self.items
    }

    /// The user record at `index` is done. To be said once of each.
    pub(super) fn done(&mut self, index: usize) {
        let Some(item) = self.items.get(index) else {
            return;
        };
        let position = item.position();
        self.progress.mark(position, item.sub_sequence_number());
        if let Some(left) = self.left.get_mut(position) {
            *left = left.saturating_sub(1);
        }
    }

    /// Behind the readable user records come the losses; then the answer.
    pub(super) fn finish(mut self) -> BatchResponse {
        let records = self.records.iter().zip(&self.left).enumerate();
        for (position, (record, left)) in records {
            if *left > 0 {
                continue;
            }
            if self.progress.was_complete(position) || passes(self.processor, position, record) {
                self.progress.complete(position);
            }
        }
        self.progress.finish()
    }
}

/// Whether a Kinesis record, all its readable user records done, is done in spite of its losses.
fn passes<R: EventRecord>(
    processor: &Processor,
    position: usize,
    record: &Deaggregated<&R>,
) -> bool {
    let mut cut = None;
    for loss in record.losses() {
        if processor.judge(loss, record.source()).is_fail() {
            cut.get_or_insert(loss);
        }
    }
    if let Some(loss) = cut {
        let reason = FailureReason::Cut(loss);
        processor.report(&Failure::new(position, record.source(), None, reason));
    }
    cut.is_none()
}

/// What a function that takes the whole slice says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// All user records are done.
    All,
    /// The first so many are done, the rest is not.
    First(usize),
    /// All but those at these indices are done. The order of the slice is not kept then: what
    /// stands behind a failed one is done before it.
    AllBut(Vec<usize>),
}

impl Handled {
    fn is_done(&self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::First(count) => index < *count,
            Self::AllBut(failed) => failed.binary_search(&index).is_err(),
        }
    }
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` once with all user records, in order: those that are still to be done, with a
    /// [`Resume`](super::Resume). An error or a panic fails them all.
    ///
    /// Without user records it is not called.
    pub fn process_batch<'b, F>(&'b self, f: F) -> BatchResponse
    where
        F: FnOnce(&[EventUserRecord<'b, R>]) -> Result<Handled, Error>,
    {
        let whole = Whole::new(self);
        let handled = if whole.items().is_empty() {
            Ok(Ok(Handled::All))
        } else {
            unwind::catch(|| f(whole.items()))
        };
        settle(whole, handled)
    }

    /// [`process_batch`](Self::process_batch), with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, nothing counts as done.
    pub async fn process_batch_async<'b, F, Fut>(&'b self, f: F) -> BatchResponse
    where
        F: FnOnce(Vec<EventUserRecord<'b, R>>) -> Fut,
        Fut: Future<Output = Result<Handled, Error>>,
    {
        let whole = Whole::new(self);
        let handled = if whole.items().is_empty() {
            Ok(Ok(Handled::All))
        } else {
            let items = whole.items().to_vec();
            unwind::catch_async(|| f(items)).await
        };
        settle(whole, handled)
    }
}

fn settle<R: EventRecord>(
    mut whole: Whole<'_, R>,
    handled: Result<Result<Handled, Error>, Panicked>,
) -> BatchResponse {
    let (mut handled, called): (Handled, Called) = match handled {
        Ok(Ok(handled)) => (handled, Ok(Ok(()))),
        Ok(Err(error)) => (Handled::First(0), Ok(Err(error))),
        Err(panicked) => (Handled::First(0), Err(panicked)),
    };
    if let Some(first) = whole.items().first() {
        report(whole.processor(), first, &called);
    }
    if let Handled::AllBut(failed) = &mut handled {
        failed.sort_unstable();
    }
    for index in 0..whole.items().len() {
        if handled.is_done(index) {
            whole.done(index);
        }
    }
    whole.finish()
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` for up to `limit` user records at a time (0 counts as 1), those of one partition
    /// key one after another, in order. When one fails, the later ones of its partition key are
    /// left out, and the rest is finished.
    ///
    /// The futures run inside this one, on its task; it needs no particular runtime. User records
    /// without a partition key have no order. A panic in `f` is a failure.
    ///
    /// The answer names the lowest Kinesis record that failed, so Lambda also sends again what was
    /// done behind it: a [`Resume`](super::Resume) leaves that out.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, a [`Resume`](super::Resume) knows what was done.
    pub async fn process_concurrently<'b, F, Fut>(&'b self, limit: usize, mut f: F) -> BatchResponse
    where
        F: FnMut(EventUserRecord<'b, R>) -> Fut,
        Fut: Future<Output = Result<(), Error>>,
    {
        let mut whole = Whole::new(self);
        let mut lanes = Lanes::new(whole.items());
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < limit.max(1)
                && let Some(index) = lanes.pop()
                && let Some(&item) = whole.items().get(index)
            {
                // `f` itself is called here, in order, and not when its future is first polled.
                let future = unwind::catch(|| f(item));
                running.push(async move {
                    let called = match future {
                        Ok(future) => unwind::catch_async(|| future).await,
                        Err(panicked) => Err(panicked),
                    };
                    (index, item, called)
                });
            }
            let Some((index, item, called)) = running.next().await else {
                break;
            };
            if !report(whole.processor(), &item, &called) {
                whole.done(index);
                lanes.proceed(index);
            }
        }
        drop(running);
        whole.finish()
    }
}

/// The user records by partition key, by their indices.
struct Lanes {
    /// Those that may run now: of each partition key at most one, the lowest first.
    ready: BinaryHeap<Reverse<usize>>,
    /// What follows each under the same partition key.
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
