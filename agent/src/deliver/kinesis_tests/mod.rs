//! Delivery to a stream in memory, without files.

mod again;
mod order;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation_producer::test_util::MemoryStream;
use kinesis_aggregation_producer::{Producer, RECORD_OVERHEAD};
use tokio::sync::mpsc;

use super::kinesis::{deliver, producer};
use super::outgoing::{Outgoing, RecordId, Traffic};
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

/// A running delivery of a flow.
struct Running {
    producer: Producer,
    sender: mpsc::Sender<Vec<Outgoing>>,
    ids: std::sync::mpsc::Receiver<Vec<RecordId>>,
    traffic: Arc<Traffic>,
    delivery: tokio::task::JoinHandle<bool>,
}

impl Running {
    fn start(keys: &str, stream: &MemoryStream) -> Self {
        let flow = flow(keys);
        let producer = producer(&flow, stream.clone(), ROOM).expect("good");
        // Room for all that a test sends: it must not wait for a stream that only the test can change.
        let (sender, receiver) = mpsc::channel(32);
        let (done, ids) = std::sync::mpsc::channel();
        let traffic = Arc::new(Traffic::default());
        let delivery = {
            let (producer, traffic) = (producer.clone(), Arc::clone(&traffic));
            async move { deliver(&flow, producer, receiver, done, traffic).await }
        };
        Self {
            producer,
            sender,
            ids,
            traffic,
            delivery: tokio::spawn(delivery),
        }
    }

    async fn send(&self, lines: impl IntoIterator<Item = Outgoing>) {
        let lines = lines.into_iter().collect();
        self.sender.send(lines).await.expect("is taken");
        tokio::time::sleep(MINUTE).await;
    }

    async fn close_producer(&self) {
        let closed = self.producer.close().await;
        closed.expect("its runtime goes on");
    }

    /// Ends the input. Returns whether all was delivered, and the numbers of the lines that were reported as done.
    async fn end(self) -> (bool, Vec<u64>) {
        drop(self.sender);
        ended(self.delivery, &self.ids).await
    }
}

/// Waits for the end of the delivery, and returns the same.
async fn ended(
    delivery: tokio::task::JoinHandle<bool>,
    ids: &std::sync::mpsc::Receiver<Vec<RecordId>>,
) -> (bool, Vec<u64>) {
    let delivered = tokio::time::timeout(300 * MINUTE, delivery).await;
    let delivered = delivered.expect("in time").expect("no panic");
    let ids = ids.iter().flatten();
    (delivered, ids.map(|id| id.serial).collect())
}

fn line(number: u64) -> Outgoing {
    let id = RecordId {
        file: 1,
        serial: number,
    };
    Outgoing {
        id,
        data: Bytes::from(format!("line {number}\n")),
        key: Some("/logs/app.log".into()),
    }
}
