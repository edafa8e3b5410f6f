//! To a Kinesis stream, through the producer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::{
    Delivery, FailureKind, Producer, ProducerConfigError, PutErrorKind, StreamClient,
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
    let putter = Putter {
        flow: &id,
        producer: &producer,
        retry: (flow.retry_initial(), flow.retry_max()),
        unsettled: AtomicUsize::new(0),
        is_told: AtomicBool::new(false),
    };
    let fates = Fates {
        putter: &putter,
        pause: putter.pause(),
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
                let user_record = user_record(flow.partition_key(), record.key, record.data);
                match putter.put(user_record, Turn::New).await {
                    Ok(delivery) => {
                        putter.unsettled.fetch_add(1, Ordering::Relaxed);
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
                    Err(kind) if is_over(kind) => return false,
                    Err(kind) => {
                        refused(&id, &traffic, kind);
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

/// Whether a record was put before.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    New,
    Again,
}

/// Puts records. Where the flow wants order and the stream keeps none, they wait until it does.
struct Putter<'p> {
    /// The flow's name.
    flow: &'p str,
    producer: &'p Producer,
    /// The first pause and the longest.
    retry: (Duration, Duration),
    /// Records that were put and are not settled.
    unsettled: AtomicUsize,
    /// Whether the log says why records wait.
    is_told: AtomicBool,
}

impl Putter<'_> {
    fn pause(&self) -> Pause {
        Pause::new(self.retry.0, self.retry.1)
    }

    async fn put(&self, mut record: UserRecord, turn: Turn) -> Result<Delivery, PutErrorKind> {
        let mut pause = self.pause();
        loop {
            match self.producer.put(record).await {
                Ok(delivery) => return Ok(delivery),
                Err(error) if error.kind() == PutErrorKind::NoOrder => {
                    record = error.into_record();
                }
                Err(error) => return Err(error.kind()),
            }
            if !self.is_told.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    "{}: kagg.partitionKeyFrom file keeps the lines of a file in order, and a stream with service-managed distribution keeps none: lines wait until the stream goes by partition keys; remove the setting to send them without order",
                    self.flow
                );
            }
            tokio::time::sleep(pause.next()).await;
            // What was put before is put again, and comes first.
            while turn == Turn::New && self.unsettled.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(pause.next()).await;
            }
        }
    }
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
struct Fates<'p> {
    putter: &'p Putter<'p>,
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

impl Fates<'_> {
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
                self.settled(pending.ticket);
                return;
            }
            Err(error) => error,
        };
        self.traffic.failed();
        // It may take a while: what is known so far is told before.
        self.tell();
        // Those that failed together share one pause.
        if pending.pauses == self.pauses {
            let pause = self.pause.next();
            // The putter says what to do about a stream that keeps no order.
            if !matches!(error.kind(), FailureKind::NoOrder) {
                tracing::warn!(
                    "{}: records were not delivered and are put again in {pause:?}: {}",
                    self.putter.flow,
                    error.kind()
                );
            }
            self.pauses += 1;
            tokio::time::sleep(pause).await;
        }
        let Some(record) = error.into_record() else {
            self.is_over = true;
            return;
        };
        match self.putter.put(record, Turn::Again).await {
            Ok(delivery) => self.again.push_back(Pending {
                delivery,
                pauses: self.pauses,
                ..pending
            }),
            Err(kind) if is_over(kind) => self.is_over = true,
            Err(kind) => {
                refused(self.putter.flow, &self.traffic, kind);
                self.settled(pending.ticket);
            }
        }
    }

    fn settled(&mut self, ticket: Ticket) {
        self.putter.unsettled.fetch_sub(1, Ordering::Relaxed);
        self.settled.push(ticket);
    }
}
