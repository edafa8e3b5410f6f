//! Delivery to a stream in memory, without files.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::wire;
use kinesis_aggregation_producer::test_util::{Fault, MemoryStream};
use kinesis_aggregation_producer::{ClientError, Producer, RECORD_OVERHEAD, RecordDistribution};
use tokio::sync::mpsc;

use super::kinesis::{deliver, producer};
use super::outgoing::{Outgoing, Ticket, Traffic};
use crate::config::{Config, Flow};

/// The data that the stream holds.
fn stored(stream: &MemoryStream) -> Vec<Bytes> {
    let stored = stream.stored();
    let data = stored.iter().map(|one| one.kinesis_record().data().clone());
    data.collect()
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

/// The least that a producer takes: room for one record of 1 MiB.
const ROOM: usize = (1 << 20) + RECORD_OVERHEAD;
const MINUTE: Duration = Duration::from_secs(60);
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
    fn start(keys: &str, stream: &MemoryStream) -> Self {
        let flow = flow(keys);
        let producer = producer(&flow, stream.clone(), ROOM).expect("good");
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
        tokio::time::sleep(MINUTE).await;
    }

    /// Whether all was delivered, and the numbers of the lines that were told to be done with.
    async fn end(self) -> (bool, Vec<u64>) {
        drop(self.sender);
        ended(self.delivery, &self.tickets).await
    }
}

/// The same, once the delivery ends.
async fn ended(
    delivery: tokio::task::JoinHandle<bool>,
    tickets: &std::sync::mpsc::Receiver<Vec<Ticket>>,
) -> (bool, Vec<u64>) {
    let delivered = tokio::time::timeout(300 * MINUTE, delivery).await;
    let delivered = delivered.expect("in time").expect("no panic");
    let tickets = tickets.iter().flatten();
    (delivered, tickets.map(|ticket| ticket.serial).collect())
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
    let stream = MemoryStream::new(1);
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start(ORDERED, &stream);
    for numbers in [0..3, 3..5, 5..6] {
        running.send(numbers.map(line)).await;
    }
    let told = running.tickets.try_recv();
    assert!(told.is_err(), "acknowledged, but not sent");
    assert!(stored(&stream).is_empty());
    stream.set_distribution(RecordDistribution::ByKey);
    let traffic = Arc::clone(&running.traffic);
    assert_eq!(running.end().await, (true, vec![0, 1, 2, 3, 4, 5]));
    let lines: Vec<Bytes> = (0..6).map(|number| line(number).data).collect();
    assert_eq!(stored(&stream), lines);
    assert!(!traffic.has_losses());
    assert_eq!(logged.count(tracing::Level::ERROR), 1, "said once");
    assert_eq!(logged.count(tracing::Level::WARN), 0, "nor said otherwise");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_no_stream_takes_is_left_out_and_holds_up_no_other() {
    let stream = MemoryStream::new(1);
    let running = Running::start(ORDERED, &stream);
    let mut lines = [0, 1, 2].map(line);
    lines[1].key = Some("k".repeat(257));
    running.send(lines).await;
    let traffic = Arc::clone(&running.traffic);
    let (is_delivered, mut told) = running.end().await;
    told.sort_unstable();
    assert_eq!((is_delivered, told), (true, vec![0, 1, 2]));
    assert_eq!(stored(&stream), [line(0).data, line(2).data]);
    assert!(traffic.has_losses());
}

/// On a stream with service-managed distribution a consumer would take it apart.
#[tokio::test(start_paused = true)]
async fn a_record_that_the_stream_takes_no_longer_is_left_out_and_holds_up_no_other() {
    let stream = MemoryStream::new(1);
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
    assert_eq!(stored(&stream), [line(1).data]);
    assert!(traffic.has_losses());
}

#[tokio::test(start_paused = true)]
async fn what_was_not_delivered_is_said_and_put_again() {
    let logged = Logged::default();
    let _logged = tracing::subscriber::set_default(logged.clone());
    let stream = MemoryStream::new(1);
    stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    let running = Running::start(ORDERED, &stream);
    running.send([0, 1, 2].map(line)).await;
    let traffic = Arc::clone(&running.traffic);
    // What was refused comes after what was read since.
    assert_eq!(running.end().await, (true, vec![1, 2, 0]));
    assert_eq!(stored(&stream), [1, 2, 0].map(|number| line(number).data));
    assert!(!traffic.has_losses());
    assert_eq!(logged.count(tracing::Level::WARN), 1, "said once");
}

/// They are not done with: the next process has to send them.
#[tokio::test(start_paused = true)]
async fn lines_that_an_ended_producer_does_not_take_are_not_told_to_be_delivered() {
    for was_put_before in [false, true] {
        let stream = MemoryStream::new(1);
        let running = Running::start("", &stream);
        if was_put_before {
            stream.delete();
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

#[tokio::test(start_paused = true)]
async fn a_flow_whose_lines_wait_for_order_ends_with_its_producer() {
    for was_taken_before in [false, true] {
        let stream = MemoryStream::new(1);
        let running = Running::start(ORDERED, &stream);
        if !was_taken_before {
            // The producer has learned what the stream is.
            running.send([line(9)]).await;
        }
        stream.set_distribution(RecordDistribution::ServiceManaged);
        if !was_taken_before {
            tokio::time::sleep(10 * MINUTE).await;
        }
        for numbers in [0..3, 3..5, 5..6] {
            running.send(numbers.map(line)).await;
        }
        running
            .producer
            .close()
            .await
            .expect("nothing is under way");
        let (is_delivered, told) = running.end().await;
        assert!(!is_delivered, "{was_taken_before}");
        assert!(told.iter().all(|number| *number == 9), "{told:?}");
    }
}

/// No line comes that would show it.
#[tokio::test(start_paused = true)]
async fn a_quiet_flow_ends_with_its_producer_if_a_line_is_left() {
    let stream = MemoryStream::new(1);
    let running = Running::start("", &stream);
    stream.delete();
    running.send([0, 1].map(line)).await;
    running
        .producer
        .close()
        .await
        .expect("nothing is under way");
    let (is_delivered, told) = ended(running.delivery, &running.tickets).await;
    assert_eq!((is_delivered, told), (false, vec![]));
}

/// They are put again in an hour. By then the stream goes by keys, and would take a new line at once.
#[tokio::test(start_paused = true)]
async fn a_new_line_does_not_overtake_those_that_wait_for_order() {
    const HOUR: &str =
        r#", "retryInitialBackoffMillis": 3600000, "retryMaxBackoffMillis": 3600000"#;
    let stream = MemoryStream::new(1);
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start(&format!("{ORDERED}{HOUR}"), &stream);
    running.send((0..3).map(line)).await;
    stream.set_distribution(RecordDistribution::ByKey);
    tokio::time::sleep(20 * MINUTE).await;
    for numbers in [3..5, 5..6] {
        running.send(numbers.map(line)).await;
    }
    assert_eq!(running.end().await, (true, vec![0, 1, 2, 3, 4, 5]));
    let lines: Vec<Bytes> = (0..6).map(|number| line(number).data).collect();
    assert_eq!(stored(&stream), lines);
}

/// Some of the lines that wait are taken and refused again, and others have no room.
#[tokio::test(start_paused = true)]
async fn lines_stay_in_order_however_often_the_distribution_changes() {
    const RARELY: &str = r#", "retryInitialBackoffMillis": 50000, "retryMaxBackoffMillis": 100000"#;
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stream = MemoryStream::new(1);
        let running = Running::start(&format!("{ORDERED}{RARELY}"), &stream);
        let mut number = 0;
        for _ in 0..20 {
            let distribution = random.choice([
                RecordDistribution::ByKey,
                RecordDistribution::ServiceManaged,
            ]);
            stream.set_distribution(distribution.expect("one of two"));
            let many = random.u64(1..10);
            let lines = (number..number + many).map(|number| {
                let mut line = line(number);
                let mut data = line.data.to_vec();
                data.resize(random.usize(1..300_000), b' ');
                data[0] = u8::try_from(number).expect("few");
                line.data = data.into();
                line
            });
            number += many;
            running
                .sender
                .send(lines.collect())
                .await
                .expect("is taken");
            tokio::time::sleep(Duration::from_secs(random.u64(0..500))).await;
        }
        stream.set_distribution(RecordDistribution::ByKey);
        let (is_delivered, mut told) = running.end().await;
        told.sort_unstable();
        assert_eq!((is_delivered, told), (true, (0..number).collect()));
        let came: Vec<u64> = stored(&stream).iter().map(|data| data[0].into()).collect();
        assert_eq!(came, (0..number).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_after_a_pause_is_said_and_has_a_pause_of_its_own() {
    const TEN_SECONDS: &str = r#", "retryInitialBackoffMillis": 10000, "maxBufferAgeMillis": 1000"#;
    let logged = Logged::default();
    let _logged = tracing::subscriber::set_default(logged.clone());
    let stream = MemoryStream::new(1);
    let running = Running::start(TEN_SECONDS, &stream);
    for _ in 0..4 {
        stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    }
    let started = tokio::time::Instant::now();
    for number in 0..3 {
        let lines = vec![line(number)];
        running.sender.send(lines).await.expect("is taken");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(stream.requests(), 3, "the pause is not over");
    assert_eq!(logged.count(tracing::Level::WARN), 1, "they share it");
    assert_eq!(running.end().await, (true, vec![0, 1, 2]));
    assert_eq!(stream.requests(), 5);
    assert_eq!(logged.count(tracing::Level::WARN), 2);
    let seconds = started.elapsed().as_secs();
    assert!((20..25).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_failed_does_not_wait_for_company() {
    let stream = MemoryStream::new(1);
    let running = Running::start("", &stream);
    stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    let started = tokio::time::Instant::now();
    let lines = vec![line(0)];
    running.sender.send(lines).await.expect("is taken");
    assert_eq!(running.end().await, (true, vec![0]));
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}
