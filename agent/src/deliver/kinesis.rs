//! To a Kinesis stream, through the producer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::{
    Delivery, Producer, ProducerConfigError, PutErrorKind, StreamClient,
};
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use super::outgoing::{Outgoing, Ticket, Traffic};
use super::pause::Pause;
use crate::config::{Destination, Flow, PartitionKeyFrom, PartitionKeyOption};

/// Records are tried for ever. The producer wants a number.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Records whose fate is not known yet, between the two halves: more than the producer takes.
const QUEUE: usize = 1 << 17;

/// The producer of a flow, on the current tokio runtime.
pub(crate) fn producer(
    flow: &Flow,
    client: impl StreamClient,
    max_memory: usize,
) -> Result<Producer, ProducerConfigError> {
    let mut builder = Producer::builder()
        .aggregation_enabled(flow.aggregate())
        .collection_max_count(flow.max_buffer_records())
        .collection_max_size(flow.max_buffer_bytes())
        .record_max_buffered_time(flow.max_buffer_age())
        .record_ttl(FOR_EVER)
        .max_pending_bytes(max_memory)
        .ordered(flow.partition_key_from() == Some(&PartitionKeyFrom::File));
    if let Destination::Kinesis(name) = flow.destination() {
        builder = builder.stream_name(name);
    }
    builder.build(client)
}

/// A record with its key: its own, else the MD5 of its bytes, or none, and then the producer gives a
/// random one to each Kinesis record.
fn user_record(option: PartitionKeyOption, key: Option<String>, data: Bytes) -> UserRecord {
    if let Some(key) = key {
        return UserRecord::new(key, data);
    }
    match option {
        PartitionKeyOption::Random => UserRecord::without_partition_key(data),
        PartitionKeyOption::Deterministic => UserRecord::new(md5_key(&data), data),
    }
}

/// The MD5 of bytes as a partition key: 32 hexadecimal digits.
pub(crate) fn md5_key(bytes: &[u8]) -> String {
    let digest = u128::from_be_bytes(Md5::digest(bytes).into());
    format!("{digest:032x}")
}

/// A record that the producer has.
struct Pending {
    ticket: Ticket,
    len: usize,
    delivery: Delivery,
    /// How many pauses there had been when it was put.
    pauses: u64,
}

/// Puts every record, again and again until it is delivered, and reports it. Returns true once no more
/// come and all are delivered, and false if the producer ends before that.
pub(crate) async fn deliver(
    flow: &Flow,
    producer: Producer,
    mut records: mpsc::Receiver<Vec<Outgoing>>,
    done: std::sync::mpsc::Sender<Vec<Ticket>>,
    traffic: Arc<Traffic>,
) -> bool {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let id = flow.id();
    let fates = Fates {
        flow: id.clone(),
        producer: producer.clone(),
        pause: Pause::new(flow.retry_initial(), flow.retry_max()),
        pauses: 0,
        done: done.clone(),
        traffic: Arc::clone(&traffic),
        settled: Vec::new(),
        again: VecDeque::new(),
        is_over: false,
    };
    let put = async {
        while let Some(batch) = records.recv().await {
            for record in batch {
                let len = record.data.len();
                let put = producer
                    .put(user_record(flow.partition_key(), record.key, record.data))
                    .await;
                match put {
                    Ok(delivery) => {
                        let pending = Pending {
                            ticket: record.ticket,
                            len,
                            delivery,
                            pauses: 0,
                        };
                        if sender.send(pending).await.is_err() {
                            return false;
                        }
                    }
                    Err(error) if is_over(error.kind()) => return false,
                    Err(error) => {
                        refused(&id, &traffic, error.kind());
                        let _ = done.send(vec![record.ticket]);
                    }
                }
            }
        }
        drop(sender);
        // What waits for company need not wait any longer.
        producer.flush().await.is_ok()
    };
    let (is_put, is_settled) = tokio::join!(put, fates.run(receiver));
    is_put && is_settled
}

fn is_over(kind: PutErrorKind) -> bool {
    matches!(kind, PutErrorKind::Closed | PutErrorKind::Aborted)
}

/// No try will ever help: the record is too large, or reads as an aggregate.
fn refused(flow: &str, traffic: &Traffic, kind: PutErrorKind) {
    traffic.refused();
    tracing::error!("{flow}: a record cannot be put and is left out: {kind}");
}

/// What became of the records.
struct Fates {
    /// The flow's name.
    flow: String,
    producer: Producer,
    pause: Pause,
    pauses: u64,
    done: std::sync::mpsc::Sender<Vec<Ticket>>,
    traffic: Arc<Traffic>,
    settled: Vec<Ticket>,
    /// Records that were put again.
    again: VecDeque<Pending>,
    /// Whether the producer takes no more, so that a record is left undelivered.
    is_over: bool,
}

impl Fates {
    /// Returns whether every record is settled.
    async fn run(mut self, mut receiver: mpsc::Receiver<Pending>) -> bool {
        let mut batch = Vec::new();
        loop {
            let count = receiver.recv_many(&mut batch, 1024).await;
            for pending in batch.drain(..) {
                self.settle(pending).await;
            }
            while let Some(pending) = self.again.pop_front() {
                self.settle(pending).await;
            }
            self.tell();
            if count == 0 {
                return !self.is_over;
            }
        }
    }

    fn tell(&mut self) {
        if !self.settled.is_empty() {
            // Nobody listens any more once the flow has ended.
            let _ = self.done.send(std::mem::take(&mut self.settled));
        }
    }

    async fn settle(&mut self, mut pending: Pending) {
        let outcome = match std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut pending.delivery).poll(context))
        })
        .await
        {
            std::task::Poll::Ready(outcome) => outcome,
            std::task::Poll::Pending => {
                // It may take a while: what is known so far is told before.
                self.tell();
                (&mut pending.delivery).await
            }
        };
        let error = match outcome {
            Ok(_) => {
                self.pause.succeeded();
                self.traffic.sent(pending.len);
                self.settled.push(pending.ticket);
                return;
            }
            Err(error) => error,
        };
        self.traffic.failed();
        // Those that failed together share one pause.
        if pending.pauses == self.pauses {
            let pause = self.pause.next();
            tracing::warn!(
                "{}: records were not delivered and are put again in {pause:?}: {}",
                self.flow,
                error.kind()
            );
            self.pauses += 1;
            self.tell();
            tokio::time::sleep(pause).await;
        }
        let Some(record) = error.into_record() else {
            self.is_over = true;
            return;
        };
        match self.producer.put(record).await {
            Ok(delivery) => self.again.push_back(Pending {
                delivery,
                pauses: self.pauses,
                ..pending
            }),
            Err(error) if is_over(error.kind()) => self.is_over = true,
            Err(error) => {
                refused(&self.flow, &self.traffic, error.kind());
                self.settled.push(pending.ticket);
            }
        }
    }
}
