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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use kinesis_aggregation::{HashKeyRange, KinesisRecord, Shard};
    use kinesis_aggregation_producer::{
        ClientError, RecordDistribution, RecordError, Stored, StreamDescription,
    };

    use super::*;
    use crate::config::Config;

    /// A stream with one shard.
    #[derive(Clone, Default)]
    struct Stream(Arc<Mutex<State>>);

    #[derive(Default)]
    struct State {
        distribution: RecordDistribution,
        /// How many requests are refused before the first that is not.
        refuses: u32,
        stored: Vec<KinesisRecord>,
    }

    impl Stream {
        fn set_distribution(&self, distribution: RecordDistribution) {
            self.0.lock().expect("not poisoned").distribution = distribution;
        }

        fn stored(&self) -> Vec<Bytes> {
            let state = self.0.lock().expect("not poisoned");
            let data = state.stored.iter().map(|record| record.data().clone());
            data.collect()
        }
    }

    impl StreamClient for Stream {
        async fn put_records(
            &self,
            records: Vec<KinesisRecord>,
        ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
            let mut state = self.0.lock().expect("not poisoned");
            if state.refuses > 0 {
                state.refuses -= 1;
                return Err(ClientError::fatal("AccessDeniedException"));
            }
            let stored = records.iter().map(|_| Ok(Stored::new("shardId-0", "1")));
            let stored = stored.collect();
            state.stored.extend(records);
            Ok(stored)
        }

        async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
            Ok(vec![Shard::open("shardId-0", HashKeyRange::FULL)])
        }

        async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
            let distribution = self.0.lock().expect("not poisoned").distribution;
            Ok(Some(StreamDescription::new(distribution)))
        }
    }

    /// The levels of what the agent logs on this thread.
    #[derive(Clone, Default)]
    struct Logged(Arc<Mutex<Vec<tracing::Level>>>);

    impl Logged {
        fn count(&self, level: tracing::Level) -> usize {
            let logged = self.0.lock().expect("not poisoned");
            logged.iter().filter(|one| **one == level).count()
        }
    }

    impl tracing::Subscriber for Logged {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target().starts_with("kinesis_aggregation_agent::")
        }

        fn event(&self, event: &tracing::Event<'_>) {
            let level = *event.metadata().level();
            self.0.lock().expect("not poisoned").push(level);
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }

    /// A flow that keeps the lines of a file in order.
    fn flow() -> Flow {
        let config = r#"{"flows": [{"filePattern": "/logs/app.log", "kinesisStream": "s",
            "kagg.partitionKeyFrom": "file"}]}"#;
        let config = Config::parse(config, &[]).expect("good");
        config.flows()[0].clone()
    }

    fn line(number: u64) -> Outgoing {
        let ticket = Ticket {
            file: 1,
            serial: number,
        };
        Outgoing {
            ticket,
            data: Bytes::from(format!("line {number}\n")),
            key: Some("/logs/app.log".to_owned()),
        }
    }

    /// There is no order on a stream with service-managed distribution. Lines that were taken before
    /// this showed, and lines that come after, wait until the stream goes by keys again.
    #[tokio::test(start_paused = true)]
    async fn lines_that_are_to_stay_in_order_wait_for_a_stream_that_goes_by_keys() {
        // Which of the lines that wait is tried first once they may go is up to chance.
        for _ in 0..16 {
            wait_for_a_stream_that_goes_by_keys().await;
        }
    }

    async fn wait_for_a_stream_that_goes_by_keys() {
        let logged = Logged::default();
        let _logged = tracing::subscriber::set_default(logged.clone());
        let flow = flow();
        let stream = Stream::default();
        stream.set_distribution(RecordDistribution::ServiceManaged);
        let producer = producer(&flow, stream.clone(), 1 << 22).expect("good");
        let (sender, receiver) = mpsc::channel(8);
        let (done, tickets) = std::sync::mpsc::channel();
        let traffic = Arc::new(Traffic::default());
        let delivery = {
            let traffic = Arc::clone(&traffic);
            tokio::spawn(async move { deliver(&flow, producer, receiver, done, traffic).await })
        };
        for numbers in [0..3, 3..5, 5..6] {
            let lines = numbers.map(line).collect();
            sender.send(lines).await.expect("is taken");
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert!(tickets.try_recv().is_err(), "acknowledged, but not sent");
        assert!(stream.stored().is_empty());
        stream.set_distribution(RecordDistribution::ByKey);
        drop(sender);
        let delivered = tokio::time::timeout(Duration::from_secs(3600), delivery).await;
        assert!(delivered.expect("in time").expect("no panic"));
        let serials: Vec<u64> = tickets
            .iter()
            .flatten()
            .map(|ticket| ticket.serial)
            .collect();
        assert_eq!(serials, [0, 1, 2, 3, 4, 5]);
        let lines: Vec<Bytes> = (0..6).map(|number| line(number).data).collect();
        assert_eq!(stream.stored(), lines);
        assert!(!traffic.has_losses());
        assert_eq!(logged.count(tracing::Level::ERROR), 1, "said once");
        assert_eq!(logged.count(tracing::Level::WARN), 0, "nor said otherwise");
    }

    /// Delivers these lines, and returns the numbers of those that were told to be done with.
    async fn deliver_all(
        stream: &Stream,
        lines: Vec<Outgoing>,
        traffic: &Arc<Traffic>,
    ) -> Vec<u64> {
        let flow = flow();
        let producer = producer(&flow, stream.clone(), 1 << 22).expect("good");
        let (sender, receiver) = mpsc::channel(1);
        let (done, tickets) = std::sync::mpsc::channel();
        sender.send(lines).await.expect("is taken");
        drop(sender);
        let delivery = deliver(&flow, producer, receiver, done, Arc::clone(traffic));
        let delivered = tokio::time::timeout(Duration::from_secs(3600), delivery).await;
        assert!(delivered.expect("in time"), "the producer has ended");
        let mut serials: Vec<u64> = tickets.iter().flatten().map(|one| one.serial).collect();
        serials.sort_unstable();
        serials
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_no_stream_takes_is_left_out_and_holds_up_no_other() {
        let stream = Stream::default();
        let traffic = Arc::new(Traffic::default());
        let mut lines: Vec<Outgoing> = (0..3).map(line).collect();
        lines[1].key = Some("k".repeat(257));
        assert_eq!(deliver_all(&stream, lines, &traffic).await, [0, 1, 2]);
        assert_eq!(stream.stored(), [line(0).data, line(2).data]);
        assert!(traffic.has_losses());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_delivered_is_said_and_put_again() {
        let logged = Logged::default();
        let _logged = tracing::subscriber::set_default(logged.clone());
        let stream = Stream::default();
        stream.0.lock().expect("not poisoned").refuses = 1;
        let traffic = Arc::new(Traffic::default());
        let lines = (0..3).map(line).collect();
        assert_eq!(deliver_all(&stream, lines, &traffic).await, [0, 1, 2]);
        assert_eq!(stream.stored().len(), 3);
        assert!(!traffic.has_losses());
        assert_eq!(logged.count(tracing::Level::WARN), 1, "said once");
    }
}
