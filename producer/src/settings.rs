//! Settings as values: the KPL's defaults, and what cannot work.

use std::time::Duration;

use super::recorder::MetricsRecorder;
use kinesis_aggregation::error::AggregatorConfigError;
use kinesis_aggregation::packing::Settings as AggregateSettings;
use kinesis_aggregation::{AggregatorBuilder, DEFAULT_MAX_RECORD_SIZE};

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
/// The KPL's `max_connections`: requests under way.
pub const DEFAULT_MAX_CONNECTIONS: usize = 24;
/// The KPL's `request_timeout`.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(6);
/// The bytes of user records under way: data, keys and [`RECORD_OVERHEAD`] each.
pub const DEFAULT_MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;
/// The user records under way.
pub const DEFAULT_MAX_PENDING_RECORDS: usize = 100_000;
/// What a user record under way counts besides data and keys, in bytes.
pub const RECORD_OVERHEAD: usize = 256;
/// The KPL sends a request when it holds this much for one shard, in bytes.
pub const COLLECTION_MAX_SIZE_PER_SHARD: usize = 256 * 1024;

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
        /// As set.
        bytes: usize,
        /// What is needed.
        needed: usize,
    },
    /// There is no tokio runtime here to run on.
    #[error("there is no tokio runtime here")]
    NoRuntime,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) aggregation: AggregatorBuilder,
    pub(super) aggregation_enabled: bool,
    pub(super) aggregate_on_service_managed_streams: bool,
    /// None: the stream's own, if it can be read.
    pub(super) max_record_size: Option<usize>,
    pub(super) collection_max_count: usize,
    pub(super) collection_max_size: usize,
    pub(super) record_max_buffered_time: Duration,
    pub(super) record_ttl: Duration,
    pub(super) fail_if_throttled: bool,
    pub(super) rate_limit: Option<u32>,
    pub(super) max_connections: usize,
    pub(super) request_timeout: Duration,
    pub(super) max_pending_bytes: usize,
    pub(super) max_pending_records: usize,
    pub(super) ordered: bool,
    pub(super) fail_later_in_order: bool,
    pub(super) seed: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) recorder: Option<MetricsRecorder>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            aggregation: AggregatorBuilder::default(),
            aggregation_enabled: true,
            aggregate_on_service_managed_streams: false,
            max_record_size: None,
            collection_max_count: DEFAULT_COLLECTION_MAX_COUNT,
            collection_max_size: DEFAULT_COLLECTION_MAX_SIZE,
            record_max_buffered_time: DEFAULT_RECORD_MAX_BUFFERED_TIME,
            record_ttl: DEFAULT_RECORD_TTL,
            fail_if_throttled: false,
            rate_limit: Some(DEFAULT_RATE_LIMIT),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            max_pending_bytes: DEFAULT_MAX_PENDING_BYTES,
            max_pending_records: DEFAULT_MAX_PENDING_RECORDS,
            ordered: false,
            fail_later_in_order: false,
            seed: None,
            name: None,
            recorder: None,
        }
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
    /// The most bytes of a record, if the stream's own limit is `described`.
    pub(super) fn max_record_size(&self, described: Option<usize>) -> usize {
        let max = self.settings.max_record_size.or(described);
        // Larger ones would never find room.
        let room = self.settings.max_pending_bytes - RECORD_OVERHEAD;
        max.unwrap_or(DEFAULT_MAX_RECORD_SIZE).min(room)
    }
}
