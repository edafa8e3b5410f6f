//! The handle that users put through.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use super::client::StreamClient;
use super::delivery::Delivery;
use super::intake::Shared;
use super::metrics::Metrics;
use super::outcome::{DeliveryError, PutError};
#[cfg(doc)]
use super::outcome::{FailureKind, PutErrorKind};
use super::settings::{Config, ProducerBuilder, ProducerConfigError};
use super::task::Task;
use kinesis_aggregation::UserRecord;

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
struct Last(Arc<Shared>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl ProducerBuilder {
    /// Shares the room and the connections of another producer, for programs that put on many
    /// streams: `max_pending_bytes`, `max_pending_records` and `max_connections` are then the other
    /// one's, for all that share them together.
    ///
    /// ```
    /// # use kinesis_aggregation_producer::{Producer, ProducerConfigError, StreamClient};
    /// # fn example(orders: impl StreamClient, returns: impl StreamClient) -> Result<(), ProducerConfigError> {
    /// let orders = Producer::builder().max_connections(8).build(orders)?;
    /// let returns = Producer::builder().sharing(&orders).build(returns)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sharing(self, other: &Producer) -> Self {
        self.shared(Arc::clone(&other.shared().limits))
    }

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
    pub(super) fn prepare(
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
        let last = Arc::new(Last(shared));
        (Self { last }, task.run().instrument(span))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.last.0
    }

    /// Accepts a user record as soon as there is room for it. Callers are served in the order
    /// they came. While one waits and no answer is awaited that could free room, what is held is sent
    /// without waiting for more: full aggregates first, open ones only if there are no others.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`] but `NoRoom`; the record comes back.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped before it is ready, the record is not accepted, and its place
    /// in the queue is lost. For a time limit, put `tokio::time::timeout` around it.
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
    /// Callers waiting in [`put`](Self::put) get their records back. Closing again is no error.
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
