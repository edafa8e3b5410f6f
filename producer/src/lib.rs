#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
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
//! # The way of a user record
//!
//! ```text
//! put -> room (bytes, records) -> route: an aggregate for each predicted shard, or raw
//!     -> limiter of the shard -> collector: 500 records, 5 MiB -> PutRecords, 24 at a time
//!     -> judge: delivered, or every member again (it landed where the KCL would drop it)
//!     -> retrier: what was throttled or failed, until record_ttl -> Delivery
//! ```
//!
//! # Beside the real KPL, through a split and a merge
//!
#![doc = include_str!("../docs/SPLIT.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod attempt_error;
mod blocking;
mod client;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
mod collector;
mod delivery;
mod failures;
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
mod room;
mod route;
#[cfg(feature = "sdk")]
pub mod sdk;
mod send;
mod settings;
mod shards;
mod strategy;
mod sweep;
mod task;
#[cfg(feature = "test-util")]
pub mod test_util;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

pub use attempt_error::AttemptError;
pub use blocking::{BlockingProducer, WaitError};
pub use client::{
    ClientError, ClientErrorKind, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};

pub use delivery::Delivery;
pub use limiter::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
pub use metrics::{Metrics, Statistic};
pub use outcome::{
    Attempt, Delivered, DeliveryError, FailureKind, Outcome, PutError, PutErrorKind,
};
pub use recorder::{MetricsRecorder, RecordedMetrics};

#[cfg(feature = "unstable-pipeline")]
pub use settings::Config;
#[cfg(not(feature = "unstable-pipeline"))]
use settings::Config;
pub use settings::{
    COLLECTION_MAX_SIZE_PER_SHARD, DEFAULT_COLLECTION_MAX_COUNT, DEFAULT_COLLECTION_MAX_SIZE,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PENDING_BYTES, DEFAULT_MAX_PENDING_RECORDS,
    DEFAULT_RATE_LIMIT, DEFAULT_RECORD_MAX_BUFFERED_TIME, DEFAULT_RECORD_TTL,
    DEFAULT_REQUEST_TIMEOUT, ProducerBuilder, ProducerConfigError, RECORD_OVERHEAD,
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
        let (producer, run) = Producer::prepare(config, client, runtime.id());
        runtime.spawn(run);
        Ok(producer)
    }
}

impl Producer {
    /// The KPL's settings, to be changed.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::default()
    }

    /// A producer, and what is to run on this runtime for it.
    fn prepare(
        mut config: Config,
        client: impl StreamClient,
        runtime: tokio::runtime::Id,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let name = &mut config.settings.name;
        if name.is_none() {
            *name = client.stream_name().map(str::to_owned);
        }
        let span = tracing::info_span!("kinesis_producer", stream = name.as_deref());
        let shared = Arc::new(Shared::new(config, runtime));
        let task = Task::new(client, Arc::clone(&shared));
        let last = Arc::new(Last { shared });
        (Self { last }, task.run().instrument(span))
    }

    fn shared(&self) -> &Shared {
        &self.last.shared
    }

    /// Accepts a user record as soon as there is room for it. Those who wait longer come first, and
    /// while anyone waits, all that is held is sent without waiting for company.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`] but `NoRoom`; the record comes back.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped before it is ready, the record is not accepted, and its place
    /// among those who wait is lost. So a time limit is `tokio::time::timeout` around it.
    pub async fn put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.shared().put(record).await
    }

    /// Accepts a user record if there is room for it now, and nobody waits for it.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`]; the record comes back.
    pub fn try_put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.shared().try_put(record)
    }

    /// Sends all that was put before, without waiting for company, and waits until it is
    /// resolved: delivered or failed. That takes as long as [`close`](Self::close) does.
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the records are sent all the same.
    pub async fn flush(&self) -> Result<(), AbortedError> {
        self.shared().flush().await.map_err(|_| AbortedError)
    }

    /// Accepts no more, on any handle, sends all that was put, and waits until it is resolved.
    /// Those who wait in [`put`](Self::put) get their records back. Closing again is no error.
    ///
    /// While the stream takes what is sent, that takes as long as a few requests. If it does not, it
    /// takes until the youngest record is `record_ttl` old and its last request has its answer, or
    /// `request_timeout` is over: with the defaults 36 s, which is longer than Kubernetes waits
    /// before it kills (30 s, unless `terminationGracePeriodSeconds` says otherwise). Where less
    /// time is left, take [`close_within`](Self::close_within).
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the producer closes all the same.
    pub async fn close(&self) -> Result<(), AbortedError> {
        self.shared().close();
        if self.shared().ended().await {
            Ok(())
        } else {
            Err(AbortedError)
        }
    }

    /// Closes like [`close`](Self::close), but takes no longer than this. What is not resolved by
    /// then is given up: it resolves as [`GivenUp`](FailureKind::GivenUp) and comes back, with the
    /// record, why its last try failed, and whether the stream may hold it all the same.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kinesis_aggregation_producer::{AbortedError, Producer};
    /// # async fn example(producer: Producer) -> Result<(), AbortedError> {
    /// for error in producer.close_within(Duration::from_secs(20)).await? {
    ///     eprintln!("{error}"); // and keep `error.record()`
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the producer closes all the same, without a limit.
    pub async fn close_within(&self, limit: Duration) -> Result<Vec<DeliveryError>, AbortedError> {
        self.shared().close();
        match tokio::time::timeout(limit, self.shared().ended()).await {
            Ok(true) => Ok(Vec::new()),
            Ok(false) => Err(AbortedError),
            Err(_) => self.shared().give_up().await.ok_or(AbortedError),
        }
    }

    /// Returns how many user records are accepted and neither delivered nor failed yet.
    pub fn pending(&self) -> u64 {
        self.shared().pending()
    }

    /// Returns what it has done so far. What a resolved [`Delivery`] tells is counted.
    pub fn metrics(&self) -> Metrics {
        self.shared().metrics()
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
