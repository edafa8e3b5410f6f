//! The half of a delivery to a stream that puts new records, and what it shares with the other half.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::{Delivery, Producer, PutError, PutErrorKind};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::outgoing::{Outgoing, RecordId, Traffic};
use super::pause::Pause;
use crate::config::Flow;

/// A record that the producer has.
pub(super) struct Pending {
    pub(super) id: RecordId,
    pub(super) len: usize,
    pub(super) delivery: Delivery,
}

/// The producer, and the state that both halves share.
///
/// A stream with service-managed distribution keeps no order. If the flow wants order, the producer refuses new
/// records for such a stream, and gives back those that it has not sent. They all wait until the stream goes by
/// partition keys. So that none overtakes another, a new record is meanwhile put only after all earlier ones are
/// settled.
pub(super) struct Link<'f> {
    flow: &'f Flow,
    /// The flow's name.
    pub(super) id: String,
    producer: Producer,
    done: std::sync::mpsc::Sender<Vec<RecordId>>,
    pub(super) traffic: Arc<Traffic>,
    /// How many records were put and are not settled, including those that will be put again.
    unsettled: AtomicUsize,
    /// Whether the stream was seen to keep no order since `unsettled` was last zero.
    lacks_order: AtomicBool,
    /// Notified when `unsettled` falls to zero, and after records were put again. Only the half that puts new
    /// records waits for it, so a notification that comes while it does not wait is kept for it.
    moved: Notify,
}

impl<'f> Link<'f> {
    pub(super) fn new(
        flow: &'f Flow,
        producer: Producer,
        done: std::sync::mpsc::Sender<Vec<RecordId>>,
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            flow,
            id: flow.id(),
            producer,
            done,
            traffic,
            unsettled: AtomicUsize::new(0),
            lacks_order: AtomicBool::new(false),
            moved: Notify::new(),
        }
    }

    /// Puts all new records, and waits until every record is settled. Returns false if the producer ends first.
    pub(super) async fn put_all(
        &self,
        mut records: mpsc::Receiver<Vec<Outgoing>>,
        sender: mpsc::Sender<Pending>,
    ) -> bool {
        loop {
            let batch = tokio::select! {
                batch = records.recv() => batch,
                // The producer has ended. Without this, a quiet flow would notice only at its next record.
                () = sender.closed() => return false,
            };
            let Some(batch) = batch else {
                break;
            };
            for Outgoing { id, data, key } in batch {
                let record = match key {
                    Some(key) => UserRecord::new(key, data),
                    // The producer gives a random one to each Kinesis record.
                    None => UserRecord::without_partition_key(data),
                };
                match self.put_in_turn(id, record).await {
                    Ok(pending) => {
                        if sender.send(pending).await.is_err() {
                            return false;
                        }
                    }
                    Err(kind) if is_over(kind) => return false,
                    Err(kind) => self.refused(id, kind),
                }
            }
        }
        drop(sender);
        // No more records come, so those that the producer has need not wait for more to share a request with. Nor
        // need those that are put again, hence the loop.
        while self.producer.flush().await.is_ok() {
            if !self.has_unsettled() {
                return true;
            }
            self.moved.notified().await;
        }
        false
    }

    /// Puts a new record. While the stream lacks the order that the flow wants, waits until all earlier records are
    /// settled and the stream keeps order.
    async fn put_in_turn(
        &self,
        id: RecordId,
        mut record: UserRecord,
    ) -> Result<Pending, PutErrorKind> {
        let mut pause = self.pause();
        loop {
            while self.lacks_order() && self.has_unsettled() {
                self.moved.notified().await;
            }
            match self.put(id, record).await {
                Ok(pending) => {
                    self.unsettled.fetch_add(1, Ordering::Relaxed);
                    return Ok(pending);
                }
                Err(error) if error.kind() == PutErrorKind::NoOrder => {
                    self.wait_for_order();
                    record = error.into_record();
                }
                Err(error) => return Err(error.kind()),
            }
            sleep(pause.next()).await;
        }
    }

    pub(super) async fn put(&self, id: RecordId, record: UserRecord) -> Result<Pending, PutError> {
        let len = record.data().len();
        let delivery = self.producer.put(record).await?;
        Ok(Pending { id, len, delivery })
    }

    pub(super) fn pause(&self) -> Pause {
        Pause::new(self.flow.retry_initial(), self.flow.retry_max())
    }

    fn has_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Relaxed) > 0
    }

    /// Whether records may be waiting for a stream that keeps order.
    pub(super) fn lacks_order(&self) -> bool {
        self.lacks_order.load(Ordering::Relaxed)
    }

    /// Notes that the stream keeps no order. Logs it once, until all records are settled.
    pub(super) fn wait_for_order(&self) {
        if !self.lacks_order.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "{}: kagg.partitionKeyFrom file keeps the lines of a file in order, and a stream with service-managed distribution keeps none: lines wait until the stream goes by partition keys; remove the setting to send them without order",
                self.id
            );
        }
    }

    /// Leaves out a record that the stream will never take: it is too large, or looks like an aggregate.
    pub(super) fn refused(&self, id: RecordId, kind: PutErrorKind) {
        self.traffic.refused();
        tracing::error!(
            "{}: a record cannot be put and is left out: {kind}",
            self.id
        );
        self.tell(vec![id]);
    }

    /// Reports records as done: their lines need not be read again.
    pub(super) fn tell(&self, ids: Vec<RecordId>) {
        // Nobody listens any more once the flow has ended.
        let _ = self.done.send(ids);
    }

    /// Counts one record that was put as settled.
    pub(super) fn settled(&self) {
        if self.unsettled.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.lacks_order.store(false, Ordering::Relaxed);
            self.moved.notify_one();
        }
    }

    /// Tells the other half that failed records were put again.
    pub(super) fn was_put_again(&self) {
        self.moved.notify_one();
    }
}

/// Whether the producer has ended.
pub(super) fn is_over(kind: PutErrorKind) -> bool {
    matches!(kind, PutErrorKind::Closed | PutErrorKind::Aborted)
}
