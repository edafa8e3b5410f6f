//! The half of a delivery to a stream that waits for the outcome of each record, and puts again those that failed.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::{FailureKind, Outcome, PutError, PutErrorKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::link::{Link, Pending, is_over};
use super::outgoing::RecordId;
use super::pause::Pause;

/// Settles the records that were put.
pub(super) struct Outcomes<'l> {
    link: &'l Link<'l>,
    /// Records whose outcomes are awaited, one after another.
    pending: VecDeque<Pending>,
    /// Records to put again after the pause, in the order of each file.
    failed: BTreeMap<RecordId, UserRecord>,
    pause: Pause,
    /// Records that fail before this moment share the pause.
    pause_ends: Instant,
    /// Delivered records that have not been reported yet.
    settled: Vec<RecordId>,
    /// Whether the producer has ended and a record is left undelivered.
    is_over: bool,
}

impl<'l> Outcomes<'l> {
    pub(super) fn new(link: &'l Link<'l>) -> Self {
        Self {
            link,
            pending: VecDeque::new(),
            failed: BTreeMap::new(),
            pause: link.pause(),
            pause_ends: Instant::now(),
            settled: Vec::new(),
            is_over: false,
        }
    }

    /// Settles every record. Returns false if the producer ends first.
    pub(super) async fn run(mut self, mut receiver: mpsc::Receiver<Pending>) -> bool {
        let mut is_open = true;
        loop {
            self.settle_resolved();
            if self.is_over {
                receiver.close();
            }
            let is_pending = !self.pending.is_empty();
            tokio::select! {
                biased;
                outcome = first(&mut self.pending), if is_pending => self.settle_first(outcome),
                first = receiver.recv(), if is_open && !is_pending => {
                    is_open = first.is_some();
                    self.pending.extend(first);
                    while let Ok(next) = receiver.try_recv() {
                        self.pending.push_back(next);
                    }
                }
                () = sleep_until(self.pause_ends), if self.may_put_again() => self.put_again().await,
                else => return !self.is_over,
            }
        }
    }

    /// Settles the first records as far as their outcomes are known, and reports those that were delivered.
    fn settle_resolved(&mut self) {
        while let Some(first) = self.pending.front_mut()
            && let Some(outcome) = first.delivery.try_wait()
        {
            self.settle_first(outcome);
        }
        if !self.settled.is_empty() {
            self.link.tell(std::mem::take(&mut self.settled));
        }
    }

    fn settle_first(&mut self, outcome: Outcome) {
        let Some(Pending { id, len, .. }) = self.pending.pop_front() else {
            return;
        };
        let error = match outcome {
            Ok(_) => {
                self.pause.succeeded();
                self.link.traffic.sent(len);
                self.settled.push(id);
                return self.link.settled();
            }
            Err(error) => error,
        };
        self.link.traffic.failed();
        let kind = error.kind().clone();
        let Some(record) = error.into_record() else {
            return self.leave();
        };
        let pause = self.failed.is_empty().then(|| self.rest());
        self.failed.insert(id, record);
        if kind == FailureKind::NoOrder {
            self.link.wait_for_order();
        } else if let Some(pause) = pause {
            let id = &self.link.id;
            tracing::warn!(
                "{id}: records were not delivered and are put again in {pause:?}: {kind}"
            );
        }
    }

    /// Starts a pause, and returns its length.
    fn rest(&mut self) -> Duration {
        let pause = self.pause.next();
        self.pause_ends = Instant::now() + pause;
        pause
    }

    /// Whether records that failed may be put again. While the stream keeps no order, they wait until every outcome
    /// is known: a record that is earlier than they are may still fail.
    fn may_put_again(&self) -> bool {
        !self.failed.is_empty() && (self.pending.is_empty() || !self.link.lacks_order())
    }

    /// Puts again all that have failed by now. What fails meanwhile has a pause of its own.
    async fn put_again(&mut self) {
        let mut failed = std::mem::take(&mut self.failed);
        while let Some((id, record)) = failed.pop_first() {
            let error = match self.put(id, record).await {
                Ok(pending) => {
                    self.pending.push_back(pending);
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                PutErrorKind::NoOrder => {
                    self.link.wait_for_order();
                    failed.insert(id, error.into_record());
                    self.rest();
                    break;
                }
                kind if is_over(kind) => self.leave(),
                kind => {
                    self.link.refused(id, kind);
                    self.link.settled();
                }
            }
        }
        self.failed.append(&mut failed);
        self.link.was_put_again();
    }

    /// Puts a record, and reports what is delivered while it waits for room.
    async fn put(&mut self, id: RecordId, record: UserRecord) -> Result<Pending, PutError> {
        let link = self.link;
        let mut put = pin!(link.put(id, record));
        loop {
            let is_pending = !self.pending.is_empty();
            tokio::select! {
                biased;
                put = &mut put => return put,
                outcome = first(&mut self.pending), if is_pending => {
                    self.settle_first(outcome);
                    self.settle_resolved();
                }
            }
        }
    }

    /// Leaves a record to the next process, because the producer has ended.
    fn leave(&mut self) {
        self.is_over = true;
        self.link.settled();
    }
}

/// Returns the outcome of the first record. Waits for ever if there is none.
async fn first(pending: &mut VecDeque<Pending>) -> Outcome {
    match pending.front_mut() {
        Some(first) => (&mut first.delivery).await,
        None => std::future::pending().await,
    }
}
