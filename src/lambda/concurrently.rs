//! Processing many partition keys at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::error::Error;
use super::process::report;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::unwind;
use super::user_records::{EventUserRecord, EventUserRecords};
use super::whole::Whole;

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
