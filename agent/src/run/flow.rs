//! A flow that runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinesis_aggregation_producer::{Producer, ProducerConfigError, StreamClient};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::host::Host;
use super::worker::Worker;
use crate::config::Flow;
use crate::deliver::{FirehoseClient, Traffic, deliver_to_firehose, deliver_to_kinesis, producer};
use crate::follow::Follower;
use crate::fs::FileSystem;
use crate::metrics::{FlowMetrics, Metered};
use crate::positions::PositionStore;

/// Batches of records between the files and the destination.
const QUEUE: usize = 4;

/// Where a flow's records go.
pub enum Sink<K, F> {
    /// To a Kinesis stream.
    Kinesis(K),
    /// To Firehose.
    Firehose(F),
}

/// Why a flow cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The producer refuses the flow's settings.
    #[error(transparent)]
    Producer(#[from] ProducerConfigError),
    /// The system gives no thread.
    #[error("no thread to read files with: {0}")]
    Thread(#[from] std::io::Error),
}

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    is_delivered: bool,
    has_losses: bool,
}

impl Stopped {
    /// Whether everything that was read is delivered. If not, it is read again at the next start.
    pub fn is_delivered(&self) -> bool {
        self.is_delivered
    }

    /// Whether a record was left out because the service can never take it, or a part of a file was
    /// lost before it was read.
    pub fn has_losses(&self) -> bool {
        self.has_losses
    }
}

/// A flow that runs until it is stopped.
#[derive(Debug)]
pub struct FlowTask {
    id: String,
    stop: Arc<AtomicBool>,
    traffic: Arc<Traffic>,
    metrics: FlowMetrics,
    /// Sends until it is closed, even if the delivery that feeds it is aborted.
    producer: Option<Producer>,
    /// Gives whether everything it was given is delivered.
    delivery: JoinHandle<bool>,
    reader: std::thread::JoinHandle<()>,
    ended: watch::Receiver<bool>,
}

/// Half of a flow, the reader or the delivery. However it ends, a panic included, the flow counts as
/// ended: neither half is of use without the other.
struct Half(Arc<watch::Sender<bool>>);

impl Drop for Half {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl FlowTask {
    /// Starts a flow on the current tokio runtime, with `max_memory` bytes for its lines, and
    /// `checkpoint_ttl` as the time that files which are gone are remembered, on `host`.
    ///
    /// # Errors
    ///
    /// Every [`RunError`].
    #[expect(
        clippy::too_many_arguments,
        reason = "all are needed, and none has a default"
    )]
    pub fn start<S>(
        flow: Flow,
        fs: S,
        follower: Follower<S>,
        sink: Sink<impl StreamClient, impl FirehoseClient>,
        store: Arc<Mutex<PositionStore>>,
        max_memory: usize,
        checkpoint_ttl: Duration,
        host: Host,
    ) -> Result<Self, RunError>
    where
        S: FileSystem + Send + 'static,
        S::File: Send + Sync,
    {
        let (outgoing, records) = mpsc::channel(QUEUE);
        let (sender, done) = std::sync::mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let traffic = Arc::new(Traffic::default());
        let metrics = FlowMetrics::new(flow.destination());
        // Half of the memory for what is read, half for what is being sent.
        let half = max_memory / 2;
        let (has_ended, ended) = watch::channel(false);
        let has_ended = Arc::new(has_ended);
        let (delivering, reading) = (Half(Arc::clone(&has_ended)), Half(has_ended));
        let mut kept = None;
        let delivery = match sink {
            Sink::Kinesis(client) => {
                let client = Metered::new(client, metrics.clone());
                let producer = producer(&flow, client, half)?;
                kept = Some(producer.clone());
                let (flow, traffic) = (flow.clone(), Arc::clone(&traffic));
                tokio::spawn(async move {
                    let _half = delivering;
                    deliver_to_kinesis(&flow, producer, records, sender, traffic).await
                })
            }
            Sink::Firehose(client) => {
                let client = Metered::new(client, metrics.clone());
                let (flow, traffic) = (flow.clone(), Arc::clone(&traffic));
                tokio::spawn(async move {
                    let _half = delivering;
                    deliver_to_firehose(&flow, &client, records, sender, traffic).await;
                    true
                })
            }
        };
        let id = flow.id();
        let worker = Worker {
            flow,
            fs,
            follower,
            store,
            outgoing: Some(outgoing),
            done,
            stop: Arc::clone(&stop),
            traffic: Arc::clone(&traffic),
            metrics: metrics.clone(),
            max_memory: half,
            checkpoint_ttl,
            host,
        };
        let reader = std::thread::Builder::new()
            .name("kagg-reader".to_owned())
            .spawn(move || {
                let _half = reading;
                worker.run();
            })?;
        Ok(Self {
            id,
            stop,
            traffic,
            metrics,
            producer: kept,
            delivery,
            reader,
            ended,
        })
    }

    /// The flow's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Describes in words what it has done so far.
    pub fn summary(&self) -> String {
        self.traffic.summary()
    }

    /// Its metrics, counted since its start.
    pub fn metrics(&self) -> FlowMetrics {
        self.metrics.clone()
    }

    /// Returns once the flow has ended. Until it is stopped, that means it failed: its files are not
    /// followed any more.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            // An error means that both halves are gone.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Stops reading, waits up to `timeout` for the delivery of what was read, and saves the
    /// positions. What is not delivered by then is not sent any more, so that the next flow of these
    /// files may.
    pub async fn stop(mut self, timeout: Duration) -> Stopped {
        self.stop.store(true, Ordering::Relaxed);
        let delivery = tokio::time::timeout(timeout, &mut self.delivery).await;
        let is_delivered = matches!(delivery, Ok(Ok(true)));
        if delivery.is_err() {
            // The reader notices that its records are no longer taken, and saves.
            self.delivery.abort();
            let _ = self.delivery.await;
            if let Some(producer) = &self.producer {
                // What comes back is read again at the next start; nothing may send it as well.
                let _ = producer.close_within(Duration::ZERO).await;
            }
        }
        let reader = tokio::task::spawn_blocking(move || self.reader.join()).await;
        Stopped {
            is_delivered: is_delivered && matches!(reader, Ok(Ok(()))),
            has_losses: self.traffic.has_losses(),
        }
    }
}
