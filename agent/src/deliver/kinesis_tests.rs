//! Delivery to a stream in memory, without files.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::{HashKeyRange, KinesisRecord, Shard, wire};
use kinesis_aggregation_producer::{
    ClientError, Producer, RecordDistribution, RecordError, Stored, StreamClient, StreamDescription,
};
use tokio::sync::mpsc;

use super::kinesis::{deliver, producer};
use super::outgoing::{Outgoing, Ticket, Traffic};
use crate::config::{Config, Flow};

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

    /// Refuses so many requests from now on.
    fn refuse(&self, requests: u32) {
        self.0.lock().expect("not poisoned").refuses = requests;
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

fn flow(keys: &str) -> Flow {
    let config =
        format!(r#"{{"flows": [{{"filePattern": "/logs/app.log", "kinesisStream": "s"{keys}}}]}}"#);
    let config = Config::parse(&config, &[]).expect("good");
    config.flows()[0].clone()
}

/// Keeps the lines of a file in order.
const ORDERED: &str = r#", "kagg.partitionKeyFrom": "file""#;

/// A flow's delivery that runs.
struct Running {
    producer: Producer,
    sender: mpsc::Sender<Vec<Outgoing>>,
    tickets: std::sync::mpsc::Receiver<Vec<Ticket>>,
    traffic: Arc<Traffic>,
    delivery: tokio::task::JoinHandle<bool>,
}

impl Running {
    fn start(keys: &str, stream: &Stream) -> Self {
        let flow = flow(keys);
        let producer = producer(&flow, stream.clone(), 1 << 22).expect("good");
        let (sender, receiver) = mpsc::channel(8);
        let (done, tickets) = std::sync::mpsc::channel();
        let traffic = Arc::new(Traffic::default());
        let delivery = {
            let (producer, traffic) = (producer.clone(), Arc::clone(&traffic));
            async move { deliver(&flow, producer, receiver, done, traffic).await }
        };
        Self {
            producer,
            sender,
            tickets,
            traffic,
            delivery: tokio::spawn(delivery),
        }
    }

    async fn send(&self, lines: impl IntoIterator<Item = Outgoing>) {
        let lines = lines.into_iter().collect();
        self.sender.send(lines).await.expect("is taken");
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    /// Whether all was delivered, and the numbers of the lines that were told to be done with.
    async fn end(self) -> (bool, Vec<u64>) {
        drop(self.sender);
        let hour = Duration::from_secs(3600);
        let delivered = tokio::time::timeout(hour, self.delivery).await;
        let delivered = delivered.expect("in time").expect("no panic");
        let tickets = self.tickets.iter().flatten();
        (delivered, tickets.map(|ticket| ticket.serial).collect())
    }
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
    let stream = Stream::default();
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start(ORDERED, &stream);
    for numbers in [0..3, 3..5, 5..6] {
        running.send(numbers.map(line)).await;
    }
    let told = running.tickets.try_recv();
    assert!(told.is_err(), "acknowledged, but not sent");
    assert!(stream.stored().is_empty());
    stream.set_distribution(RecordDistribution::ByKey);
    let traffic = Arc::clone(&running.traffic);
    assert_eq!(running.end().await, (true, vec![0, 1, 2, 3, 4, 5]));
    let lines: Vec<Bytes> = (0..6).map(|number| line(number).data).collect();
    assert_eq!(stream.stored(), lines);
    assert!(!traffic.has_losses());
    assert_eq!(logged.count(tracing::Level::ERROR), 1, "said once");
    assert_eq!(logged.count(tracing::Level::WARN), 0, "nor said otherwise");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_no_stream_takes_is_left_out_and_holds_up_no_other() {
    let stream = Stream::default();
    let running = Running::start(ORDERED, &stream);
    let mut lines = [0, 1, 2].map(line);
    lines[1].key = Some("k".repeat(257));
    running.send(lines).await;
    let traffic = Arc::clone(&running.traffic);
    let (is_delivered, mut told) = running.end().await;
    told.sort_unstable();
    assert_eq!((is_delivered, told), (true, vec![0, 1, 2]));
    assert_eq!(stream.stored(), [line(0).data, line(2).data]);
    assert!(traffic.has_losses());
}

/// On a stream with service-managed distribution a consumer would take it apart.
#[tokio::test(start_paused = true)]
async fn a_record_that_the_stream_takes_no_longer_is_left_out_and_holds_up_no_other() {
    let stream = Stream::default();
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start("", &stream);
    let indices = wire::RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    let aggregate = wire::encode(["k"], [""; 0], [(indices, &b"data"[..])]);
    let mut lines = [0, 1].map(line);
    lines[0].data = aggregate.into();
    // Taken before it shows how the stream distributes records.
    running.send(lines).await;
    let traffic = Arc::clone(&running.traffic);
    assert_eq!(running.end().await, (true, vec![0, 1]));
    assert_eq!(stream.stored(), [line(1).data]);
    assert!(traffic.has_losses());
}

#[tokio::test(start_paused = true)]
async fn what_was_not_delivered_is_said_and_put_again() {
    let logged = Logged::default();
    let _logged = tracing::subscriber::set_default(logged.clone());
    let stream = Stream::default();
    stream.refuse(1);
    let running = Running::start(ORDERED, &stream);
    running.send([0, 1, 2].map(line)).await;
    let traffic = Arc::clone(&running.traffic);
    // What was refused comes after what was read since.
    assert_eq!(running.end().await, (true, vec![1, 2, 0]));
    assert_eq!(stream.stored(), [1, 2, 0].map(|number| line(number).data));
    assert!(!traffic.has_losses());
    assert_eq!(logged.count(tracing::Level::WARN), 1, "said once");
}

/// They are not done with: the next process has to send them.
#[tokio::test(start_paused = true)]
async fn lines_that_an_ended_producer_does_not_take_are_not_told_to_be_delivered() {
    for was_put_before in [false, true] {
        let stream = Stream::default();
        let running = Running::start("", &stream);
        if was_put_before {
            stream.refuse(u32::MAX);
            running.send([0, 1].map(line)).await;
        }
        running
            .producer
            .close()
            .await
            .expect("nothing is under way");
        if !was_put_before {
            running.send([0, 1].map(line)).await;
        }
        let traffic = Arc::clone(&running.traffic);
        assert_eq!(running.end().await, (false, vec![]), "{was_put_before}");
        assert!(!traffic.has_losses());
    }
}
