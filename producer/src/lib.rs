//! All that the KPL does, without its daemon, and nothing lost while shards split and merge.
//!
//! ```text
//!  put --> room --> queue ===> route --> one aggregate   --> limiter --> collector --> PutRecords
//!  try_put (bytes,  (one lock    |       per predicted       per shard   500 records,   at most
//!           records) for many)   |       shard, or raw                   5 MiB          24 under way
//!                                |                                                          |
//!                                | every member again: it landed     +----------------------+
//!                                | where the KCL would drop it       v
//!                                +<------------------------------- judge --> Delivery: shard and
//!                                |                                   |       sequence number
//!                                +<-- retrier <-- throttled, failed -+
//!                                     until record_ttl               +-----> Delivery: the record
//!                                                                            and the reason
//! ```
//!
//! A [`Producer`] is a handle on a task that runs on tokio; [`BlockingProducer`] brings its own
//! thread. The stream is behind [`StreamClient`].
//!
//! # What it guarantees
//!
//! - Every user record that is accepted gets one outcome, through its [`Delivery`]: where it was
//!   delivered, or the record back and why not. None is lost silently.
//! - Delivered means that a KCL delivers it. The KCL drops a whole aggregate when one of its user
//!   records is outside the hash key range of the shard where it is stored, so an aggregate is
//!   judged only when the range of the shard where it landed is known, and then as a whole: all
//!   delivered, or every one sent again under the new shard map. A split loses nothing, and a
//!   merge sends nothing twice.
//! - A user record comes twice only after an answer that never came (`PutRecords` has no
//!   idempotence), or to readers that do not filter by hash key range, such as Lambda functions,
//!   when an aggregate is sent again after a split.
//! - `record_max_buffered_time` after its acceptance a user record is in a request, if the
//!   limiter and the stream allow; while the shard map is unknown, or its shard has split or merged
//!   and the map is being refreshed, it waits that long for it, and then goes raw, alone. What is
//!   sent again waits up to a second for a map, and other shards' user records go on as they were.
//!   Nothing is sent `record_ttl` after its acceptance.
//! - On a stream with service-managed distribution, which ignores keys and where the KCL drops
//!   aggregates, nothing is aggregated, and user records without a partition key travel without.
//!   A switch in either direction is seen in `DescribeStreamSummary` or, without permission for
//!   that, by where records land; nothing is lost by it.
//!
//! Order is kept only [on demand](ProducerBuilder::ordered).
//!
//! # Beside the real KPL, through a split and a merge
//!
#![doc = include_str!("../docs/SPLIT.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod blocking;
mod client;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
mod collector;
mod config;
mod delivery;
mod intake;
mod item;
mod judge;
mod lanes;
mod limiter;
mod meter;
mod metrics;
mod outcome;
#[cfg(feature = "unstable-pipeline")]
pub mod pipeline;
#[cfg(not(feature = "unstable-pipeline"))]
mod pipeline;
mod publish;
mod recorder;
mod retrier;
mod route;
#[cfg(feature = "sdk")]
pub mod sdk;
mod send;
mod settings;
mod shards;
mod strategy;
mod sweep;
mod task;

use std::fmt;
use std::sync::Arc;

use tracing::Instrument as _;

pub use blocking::BlockingProducer;
pub use client::{
    ClientError, ClientErrorKind, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};
pub use config::ProducerBuilder;
pub use delivery::Delivery;
pub use limiter::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
pub use metrics::{Metrics, Statistic};
pub use outcome::{
    Attempt, Delivered, DeliveryError, FailureKind, Outcome, PutError, PutErrorKind,
};
pub use recorder::{MetricsRecorder, RecordedMetrics};

#[cfg(feature = "unstable-pipeline")]
pub use settings::Config;
pub use settings::{
    COLLECTION_MAX_SIZE_PER_SHARD, DEFAULT_COLLECTION_MAX_COUNT, DEFAULT_COLLECTION_MAX_SIZE,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PENDING_BYTES, DEFAULT_MAX_PENDING_RECORDS,
    DEFAULT_RATE_LIMIT, DEFAULT_RECORD_MAX_BUFFERED_TIME, DEFAULT_RECORD_TTL,
    DEFAULT_REQUEST_TIMEOUT, ProducerConfigError, RECORD_OVERHEAD,
};

use intake::Shared;
use kinesis_aggregation::UserRecord;
use task::Task;

/// Puts user records on one stream. Cheap to clone; several streams take several producers, side
/// by side.
///
/// When the last handle is dropped, what was put is still sent, as long as the runtime lives.
///
/// ```
/// use kinesis_aggregation::UserRecord;
/// use kinesis_aggregation_producer::Producer;
/// # use kinesis_aggregation_producer::{ClientError, RecordError, Stored, StreamClient, StreamDescription};
/// # use kinesis_aggregation::{HashKeyRange, KinesisRecord, Shard};
/// # struct Client;
/// # impl StreamClient for Client {
/// #     async fn put_records(&self, records: Vec<KinesisRecord>) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
/// #         Ok(records.iter().map(|_| Ok(Stored::new("shardId-000000000000", "1"))).collect())
/// #     }
/// #     async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
/// #         Ok(vec![Shard::open("shardId-000000000000", HashKeyRange::FULL)])
/// #     }
/// #     async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> { Ok(None) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client;
/// let producer = Producer::builder().build(client)?;
/// let one = producer.put(UserRecord::new("key", "one")).await?;
/// let two = producer.put(UserRecord::new("key", "two")).await?;
/// producer.flush().await?;
/// assert_eq!(one.await?.sequence_number(), two.await?.sequence_number());
/// producer.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Producer {
    last: Arc<Last>,
}

/// Closes the producer when the last handle goes.
struct Last {
    shared: Arc<Shared>,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl ProducerBuilder {
    /// Builds a producer that runs on the current tokio runtime, which needs its timer.
    ///
    /// # Errors
    ///
    /// Every [`ProducerConfigError`].
    pub fn build(self, client: impl StreamClient) -> Result<Producer, ProducerConfigError> {
        let config = self.config()?;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| ProducerConfigError::NoRuntime)?;
        let stream = config.settings.name.clone();
        let span = tracing::info_span!("kinesis_producer", stream);
        let shared = Arc::new(Shared::new(config));
        let task = Task::new(client, Arc::clone(&shared));
        runtime.spawn(task.run().instrument(span));
        Ok(Producer::new(shared))
    }
}

impl Producer {
    /// The KPL's settings, to be changed.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::default()
    }

    fn new(shared: Arc<Shared>) -> Self {
        Self {
            last: Arc::new(Last { shared }),
        }
    }

    /// Accepts a user record as soon as there is room for it; who waits longer comes first. The
    /// [`Delivery`] tells what became of it, and need not be awaited.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`] but `NoRoom`; the record comes back.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped before it is ready, the record is not accepted, and its place
    /// among those who wait is lost.
    pub async fn put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.last.shared.put(record).await
    }

    /// Accepts a user record if there is room for it now.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`]; the record comes back.
    pub fn try_put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.last.shared.try_put(record)
    }

    /// Sends all that was put before, without waiting for company, and waits until it is
    /// resolved: delivered or failed.
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the records are sent all the same.
    pub async fn flush(&self) -> Result<(), AbortedError> {
        self.last.shared.flush().await.map_err(|_| AbortedError)
    }

    /// Accepts no more, on any handle, sends all that was put, and waits until it is resolved.
    /// Those who wait in [`put`](Self::put) get their records back. Closing again is no error.
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the producer closes all the same.
    pub async fn close(&self) -> Result<(), AbortedError> {
        self.last.shared.close();
        if self.last.shared.ended().await {
            Ok(())
        } else {
            Err(AbortedError)
        }
    }

    /// What it has done so far, not older than a tenth of a second; after
    /// [`flush`](Self::flush) and [`close`](Self::close), with all that they waited for.
    pub fn metrics(&self) -> Metrics {
        self.last.shared.metrics()
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// The runtime that the producer ran on is gone. Every [`Delivery`] has resolved, as aborted
/// where there was no answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the producer's runtime is gone")]
pub struct AbortedError;
