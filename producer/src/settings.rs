//! The settings of a producer: the KPL's defaults, how they are changed, and what cannot work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::limits::Limits;
use super::metrics::MetricsRecorder;
use super::outcome::Outcome;
use kinesis_aggregation::error::AggregatorConfigError;
use kinesis_aggregation::packing::Settings as AggregateSettings;
use kinesis_aggregation::{AggregatorBuilder, DEFAULT_MAX_RECORD_SIZE, OuterKey};

/// The KPL's `collection_max_count`: what the service takes in one request, in Kinesis records.
pub const DEFAULT_COLLECTION_MAX_COUNT: usize = 500;
/// The KPL's `collection_max_size`, in bytes. The service takes 10 MiB by now.
pub const DEFAULT_COLLECTION_MAX_SIZE: usize = 5_242_880;
/// The KPL's `record_max_buffered_time`.
pub const DEFAULT_RECORD_MAX_BUFFERED_TIME: Duration = Duration::from_millis(100);
/// The KPL's `record_ttl`.
pub const DEFAULT_RECORD_TTL: Duration = Duration::from_secs(30);
/// The KPL's `rate_limit`, in percent of what a shard takes.
pub const DEFAULT_RATE_LIMIT: u32 = 150;
/// The KPL's `max_connections`: requests under way at a time.
pub const DEFAULT_MAX_CONNECTIONS: usize = 24;
/// The KPL's `request_timeout`.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(6);
/// Bytes of user records under way: data, keys and [`RECORD_OVERHEAD`] for each.
pub const DEFAULT_MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;
/// User records under way.
pub const DEFAULT_MAX_PENDING_RECORDS: usize = 100_000;
/// Bytes that each user record under way counts besides its data and keys.
pub const RECORD_OVERHEAD: usize = 256;

/// The most bytes of a Kinesis record that any stream takes.
pub(super) const HIGHEST_RECORD_SIZE: usize = 10 * 1024 * 1024;
/// The KPL sends a request when it holds this much for one shard, in bytes.
pub const COLLECTION_MAX_SIZE_PER_SHARD: usize = 256 * 1024;

/// The service's highest bound for one request, in bytes.
const HIGHEST_COLLECTION_MAX_SIZE: usize = 10 * 1024 * 1024;

/// Why a producer cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProducerConfigError {
    /// The aggregation settings contradict each other.
    #[error("{0}")]
    Aggregation(#[from] AggregatorConfigError),
    /// The service takes 1 to 500 records a request.
    #[error("collection_max_count is {0}, not 1 to 500")]
    CollectionMaxCount(usize),
    /// The service takes up to 10 MiB a request.
    #[error("collection_max_size is {0}, not 1 to 10485760 bytes")]
    CollectionMaxSize(usize),
    /// Nothing would ever be sent.
    #[error("{0} is 0")]
    Zero(&'static str),
    /// Records would expire before they are sent.
    #[error("record_max_buffered_time is not below record_ttl")]
    BufferedBeyondTtl,
    /// The largest record would never find room.
    #[error("max_pending_bytes is {bytes}, below the {needed} that the largest record counts")]
    Room {
        /// The setting.
        bytes: usize,
        /// The least that works.
        needed: usize,
    },
    /// There is no tokio runtime here to run on; for the blocking form, no thread or no runtime
    /// could be started.
    #[error("there is no tokio runtime to run on")]
    NoRuntime,
}

/// A user's function that is called with every outcome.
#[derive(Clone)]
pub(super) struct Hook(Arc<dyn Fn(&Outcome) + Send + Sync>);

impl Hook {
    /// A panic in it must not end the producer, which holds other records.
    pub(super) fn call(&self, outcome: &Outcome) {
        let call = std::panic::AssertUnwindSafe(|| (self.0)(outcome));
        if std::panic::catch_unwind(call).is_err() {
            tracing::error!("on_outcome panicked");
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl Settings {
    /// Returns whether user records share Kinesis records even where the stream picks the shards.
    pub(super) fn aggregates_anywhere(&self) -> bool {
        self.aggregation_enabled && self.aggregate_on_service_managed_streams
    }
}

/// Checked settings, which the pipeline goes by.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) settings: Settings,
    /// With `max_count` 1 where nothing is to be aggregated.
    pub(super) aggregate: AggregateSettings,
}

impl Config {
    /// The other producer's, or its own.
    pub(super) fn limits(&self) -> Arc<Limits> {
        let settings = &self.settings;
        let (bytes, records) = (settings.max_pending_bytes, settings.max_pending_records);
        let own = || Arc::new(Limits::new(bytes, records, settings.max_connections));
        settings.shared.clone().unwrap_or_else(own)
    }

    /// The most bytes of a record, if the stream's own limit is `described`.
    pub(super) fn max_record_size(&self, described: Option<usize>) -> usize {
        let max = self.settings.max_record_size.or(described);
        // Larger ones would never find room.
        let room = self.settings.max_pending_bytes - RECORD_OVERHEAD;
        max.unwrap_or(DEFAULT_MAX_RECORD_SIZE).min(room)
    }
}

/// The settings of a [`Producer`](super::Producer): the KPL's, unless they are changed.
///
/// ```
/// use std::time::Duration;
/// use kinesis_aggregation_producer::Producer;
///
/// let builder = Producer::builder()
///     .record_max_buffered_time(Duration::from_millis(20))
///     .max_pending_bytes(8 * 1024 * 1024);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProducerBuilder {
    settings: Settings,
}

/// Makes of each setting its field, its default and its method.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr,)+) => {
        #[derive(Clone, Debug)]
        pub(super) struct Settings {
            $(pub(super) $name: $type,)+
            pub(super) aggregation: AggregatorBuilder,
            /// None: the stream's own, if it can be read.
            pub(super) max_record_size: Option<usize>,
            pub(super) seed: Option<u64>,
            pub(super) name: Option<String>,
            pub(super) recorder: Option<MetricsRecorder>,
            pub(super) on_outcome: Option<Hook>,
            pub(super) shared: Option<Arc<Limits>>,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self {
                    $($name: $default,)+
                    aggregation: AggregatorBuilder::default(),
                    max_record_size: None,
                    seed: None,
                    name: None,
                    recorder: None,
                    on_outcome: None,
                    shared: None,
                }
            }
        }

        impl ProducerBuilder {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $name: $type) -> Self {
                    self.settings.$name = $name;
                    self
                }
            )+
        }
    };
}

settings! {
    /// Whether user records share Kinesis records. Default true.
    aggregation_enabled: bool = true,
    /// Whether to aggregate on a stream with service-managed distribution too, for those whose
    /// consumers do not filter by hash key range: Lambda functions, or this library without a
    /// range. Default false.
    ///
    /// **A KCL would silently drop every such aggregate that lands on a shard whose hash key
    /// range does not hold all its user records: on a stream of many shards, nearly all.**
    ///
    /// Without it, a stream is taken to go by keys until a description (within 25 s of the
    /// first put) or the first landing shows that it does not. What was sent in aggregates by
    /// then and landed where a KCL drops it is sent again, each user record alone. So a KCL
    /// loses none of it; readers that do not filter see those first user records twice.
    aggregate_on_service_managed_streams: bool = false,
    /// The most Kinesis records of one request, 1 to 500. Default
    /// [`DEFAULT_COLLECTION_MAX_COUNT`].
    collection_max_count: usize = DEFAULT_COLLECTION_MAX_COUNT,
    /// The most bytes of one request, data and partition keys. Default
    /// [`DEFAULT_COLLECTION_MAX_SIZE`]. A larger record goes alone.
    collection_max_size: usize = DEFAULT_COLLECTION_MAX_SIZE,
    /// From the acceptance of a user record to the start of the first request that carries
    /// it, if limiter and stream allow. Default [`DEFAULT_RECORD_MAX_BUFFERED_TIME`].
    record_max_buffered_time: Duration = DEFAULT_RECORD_MAX_BUFFERED_TIME,
    /// From the acceptance of a user record until nothing is sent any more; an answer that
    /// still arrives counts. Default [`DEFAULT_RECORD_TTL`]. However long it is, an aggregate that
    /// landed in a shard of which no list tells fails five minutes later
    /// ([`UnknownShard`](super::FailureKind::UnknownShard)).
    record_ttl: Duration = DEFAULT_RECORD_TTL,
    /// Whether a throttled user record fails at once instead of being put again. Default
    /// false.
    fail_if_throttled: bool = false,
    /// The most that goes to one shard, in percent of what it takes
    /// ([`SHARD_RECORDS_PER_SECOND`](super::SHARD_RECORDS_PER_SECOND),
    /// [`SHARD_BYTES_PER_SECOND`](super::SHARD_BYTES_PER_SECOND)); `None` is no limit.
    /// Default [`DEFAULT_RATE_LIMIT`].
    rate_limit: Option<u32> = Some(DEFAULT_RATE_LIMIT),
    /// The most requests under way. It begins with two, and follows how the stream answers: more
    /// as long as it does so soon, half as many when it does not in time. Default
    /// [`DEFAULT_MAX_CONNECTIONS`].
    max_connections: usize = DEFAULT_MAX_CONNECTIONS,
    /// How long to wait for an answer. Default [`DEFAULT_REQUEST_TIMEOUT`].
    request_timeout: Duration = DEFAULT_REQUEST_TIMEOUT,
    /// The most bytes of user records under way: data, keys and [`RECORD_OVERHEAD`] each.
    /// Default [`DEFAULT_MAX_PENDING_BYTES`].
    max_pending_bytes: usize = DEFAULT_MAX_PENDING_BYTES,
    /// The most user records under way. Default [`DEFAULT_MAX_PENDING_RECORDS`].
    max_pending_records: usize = DEFAULT_MAX_PENDING_RECORDS,
    /// Whether of one partition key (one effective hash key), what is put first arrives
    /// first, retries included. Only one Kinesis record is then under way for each shard.
    /// Default false.
    ///
    /// A record that expires fails alone. After an answer that never came a duplicate may
    /// arrive late. Records without a partition key have no order. A stream with
    /// service-managed distribution keeps none, so there `put` refuses in this mode.
    ordered: bool = false,
    /// In ordered mode, whether the failure of a record fails the later ones of its effective
    /// hash key that are not under way yet. Default false.
    fail_later_in_order: bool = false,
}

impl ProducerBuilder {
    /// With what another producer has.
    pub(super) fn shared(mut self, limits: Arc<Limits>) -> Self {
        self.settings.shared = Some(limits);
        self
    }

    /// The most bytes of an aggregate's frame. Default
    /// [`DEFAULT_MAX_SIZE`](kinesis_aggregation::DEFAULT_MAX_SIZE).
    #[must_use]
    pub fn aggregation_max_size(mut self, bytes: usize) -> Self {
        self.settings.aggregation = self.settings.aggregation.max_size(bytes);
        self
    }

    /// The most user records of an aggregate. Default
    /// [`DEFAULT_MAX_COUNT`](kinesis_aggregation::DEFAULT_MAX_COUNT).
    #[must_use]
    pub fn aggregation_max_count(mut self, user_records: usize) -> Self {
        self.settings.aggregation = self.settings.aggregation.max_count(user_records);
        self
    }

    /// The partition key of aggregates. Default the KPL's, [`OuterKey::Kpl`].
    #[must_use]
    pub fn outer_key(mut self, outer_key: OuterKey) -> Self {
        self.settings.aggregation = self.settings.aggregation.outer_key(outer_key);
        self
    }

    /// The most bytes of a Kinesis record, data and partition key. Default: the stream's own
    /// limit if it can be read, else
    /// [`DEFAULT_MAX_RECORD_SIZE`](kinesis_aggregation::DEFAULT_MAX_RECORD_SIZE).
    #[must_use]
    pub fn max_record_size(mut self, bytes: usize) -> Self {
        self.settings.max_record_size = Some(bytes);
        self.settings.aggregation = self.settings.aggregation.max_record_size(bytes);
        self
    }

    /// The stream's name, for the label `StreamName` of the metrics and the field `stream` of the
    /// `tracing` span. Default: what the client says
    /// ([`StreamClient::stream_name`](super::StreamClient::stream_name)).
    #[must_use]
    pub fn stream_name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Records what the producer does for an exporter too. Default none.
    #[must_use]
    pub fn recorder(mut self, recorder: &MetricsRecorder) -> Self {
        self.settings.recorder = Some(recorder.clone());
        self
    }

    /// Calls this with every outcome, for those who keep no [`Delivery`](super::Delivery): one call
    /// for each accepted user record, before its `Delivery` resolves. Default none.
    ///
    /// It runs where the producer runs, which does nothing else meanwhile: it must not block. If it
    /// panics, that is told in `tracing`, and the producer goes on.
    ///
    /// ```
    /// use kinesis_aggregation_producer::Producer;
    ///
    /// let builder = Producer::builder().on_outcome(|outcome| {
    ///     if let Err(error) = outcome {
    ///         // `error.record()` is the record, to be put into a dead-letter queue.
    ///         eprintln!("{error}");
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_outcome(mut self, call: impl Fn(&Outcome) + Send + Sync + 'static) -> Self {
        self.settings.on_outcome = Some(Hook(Arc::new(call)));
        self
    }

    /// Makes random choices repeatable, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// Every [`ProducerConfigError`] but `NoRuntime`.
    #[doc(hidden)]
    pub fn config(self) -> Result<Config, ProducerConfigError> {
        let mut settings = self.settings;
        if let Some(shared) = &settings.shared {
            settings.max_pending_bytes = shared.max_pending_bytes;
            settings.max_pending_records = shared.max_pending_records;
            settings.max_connections = shared.max_connections;
        }
        let (count, size) = (settings.collection_max_count, settings.collection_max_size);
        if !(1..=DEFAULT_COLLECTION_MAX_COUNT).contains(&count) {
            return Err(ProducerConfigError::CollectionMaxCount(count));
        }
        if !(1..=HIGHEST_COLLECTION_MAX_SIZE).contains(&size) {
            return Err(ProducerConfigError::CollectionMaxSize(size));
        }
        let zeros = [
            ("rate_limit", settings.rate_limit == Some(0)),
            ("max_connections", settings.max_connections == 0),
            ("max_pending_records", settings.max_pending_records == 0),
            ("request_timeout", settings.request_timeout.is_zero()),
        ];
        if let Some((name, _)) = zeros.into_iter().find(|(_, zero)| *zero) {
            return Err(ProducerConfigError::Zero(name));
        }
        if settings.record_max_buffered_time >= settings.record_ttl {
            return Err(ProducerConfigError::BufferedBeyondTtl);
        }
        let mut aggregate = settings.aggregation.clone().into_settings()?;
        let needed = aggregate.max_record_size() + RECORD_OVERHEAD;
        let bytes = settings.max_pending_bytes;
        if bytes < needed {
            return Err(ProducerConfigError::Room { bytes, needed });
        }
        if !settings.aggregation_enabled {
            aggregate = settings.aggregation.clone().max_count(1).into_settings()?;
        }
        Ok(Config {
            settings,
            aggregate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinesis_aggregation::{DEFAULT_MAX_COUNT, DEFAULT_MAX_SIZE};

    #[test]
    fn the_defaults_are_the_kpls() {
        let config = ProducerBuilder::default().config().expect("the defaults");
        let settings = config.settings;
        assert!(settings.aggregation_enabled);
        assert!(!settings.fail_if_throttled);
        assert_eq!(config.aggregate.max_size(), 51_200);
        assert_eq!(config.aggregate.max_count(), 4_294_967_295);
        assert_eq!(DEFAULT_MAX_SIZE, 51_200);
        assert_eq!(DEFAULT_MAX_COUNT, 4_294_967_295);
        assert_eq!(settings.collection_max_count, 500);
        assert_eq!(settings.collection_max_size, 5_242_880);
        assert_eq!(settings.record_max_buffered_time.as_millis(), 100);
        assert_eq!(settings.record_ttl.as_secs(), 30);
        assert_eq!(settings.rate_limit, Some(150));
        assert_eq!(settings.max_connections, 24);
        assert_eq!(settings.request_timeout.as_secs(), 6);
        assert_eq!(config.aggregate.max_record_size(), 1_048_576);
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let refused = |builder: ProducerBuilder| builder.config().expect_err("refused");
        let new = ProducerBuilder::default;
        assert_eq!(
            refused(new().collection_max_count(501)),
            ProducerConfigError::CollectionMaxCount(501)
        );
        assert_eq!(
            refused(new().max_connections(0)),
            ProducerConfigError::Zero("max_connections")
        );
        assert_eq!(
            refused(new().record_ttl(Duration::from_millis(100))),
            ProducerConfigError::BufferedBeyondTtl
        );
        assert!(matches!(
            refused(new().max_pending_bytes(1024 * 1024)),
            ProducerConfigError::Room { .. }
        ));
        assert!(matches!(
            refused(new().aggregation_max_size(2 * 1024 * 1024)),
            ProducerConfigError::Aggregation(_)
        ));
    }
}
