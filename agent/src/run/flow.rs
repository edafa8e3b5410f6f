//! A flow that runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinesis_aggregation_producer::{ProducerConfigError, StreamClient};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::worker::Worker;
use crate::config::Flow;
use crate::deliver::{FirehoseClient, Traffic, deliver_to_firehose, deliver_to_kinesis, producer};
use crate::follow::Follower;
use crate::fs::FileSystem;
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

/// A flow that runs until it is stopped.
#[derive(Debug)]
pub struct FlowTask {
    id: String,
    stop: Arc<AtomicBool>,
    traffic: Arc<Traffic>,
    delivery: JoinHandle<()>,
    reader: std::thread::JoinHandle<()>,
}

impl FlowTask {
    /// Starts a flow on the current tokio runtime, with `max_memory` bytes for its lines, and
    /// `checkpoint_ttl` as the time that files which are gone are remembered.
    ///
    /// # Errors
    ///
    /// Every [`RunError`].
    pub fn start<S>(
        flow: Flow,
        fs: S,
        follower: Follower<S>,
        sink: Sink<impl StreamClient, impl FirehoseClient>,
        store: Arc<Mutex<PositionStore>>,
        max_memory: usize,
        checkpoint_ttl: Duration,
    ) -> Result<Self, RunError>
    where
        S: FileSystem + Send + 'static,
        S::File: Send + Sync,
    {
        let (outbox, records) = mpsc::channel(QUEUE);
        let (sender, done) = std::sync::mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let traffic = Arc::new(Traffic::default());
        // Half of the memory for what is read, half for what is being sent.
        let half = max_memory / 2;
        let delivery = match sink {
            Sink::Kinesis(client) => {
                let producer = producer(&flow, client, half)?;
                let (flow, traffic) = (flow.clone(), Arc::clone(&traffic));
                tokio::spawn(async move {
                    deliver_to_kinesis(&flow, producer, records, sender, traffic).await;
                })
            }
            Sink::Firehose(client) => {
                let (flow, traffic) = (flow.clone(), Arc::clone(&traffic));
                tokio::spawn(async move {
                    deliver_to_firehose(&flow, &client, records, sender, traffic).await;
                })
            }
        };
        let id = flow.id();
        let worker = Worker {
            flow,
            fs,
            follower,
            store,
            outbox: Some(outbox),
            done,
            stop: Arc::clone(&stop),
            traffic: Arc::clone(&traffic),
            max_memory: half,
            checkpoint_ttl,
        };
        let reader = std::thread::Builder::new()
            .name("kagg-reader".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            id,
            stop,
            traffic,
            delivery,
            reader,
        })
    }

    /// The flow's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it has done so far, in words.
    pub fn summary(&self) -> String {
        self.traffic.summary()
    }

    /// Stops reading, waits up to `timeout` until what is under way is delivered, and saves the
    /// positions. Whether all was delivered.
    pub async fn stop(mut self, timeout: Duration) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        let delivery = tokio::time::timeout(timeout, &mut self.delivery);
        let is_delivered = delivery.await.is_ok();
        if !is_delivered {
            // The reader sees that nobody delivers any more, and saves.
            self.delivery.abort();
            let _ = self.delivery.await;
        }
        let _ = tokio::task::spawn_blocking(move || self.reader.join()).await;
        is_delivered
    }
}
