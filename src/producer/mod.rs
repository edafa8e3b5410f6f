//! The producer.

mod client;
mod collector;
mod config;
mod item;
mod lanes;
mod limiter;
mod metrics;
mod outcome;
#[doc(hidden)]
pub mod pipeline;
mod retrier;
mod route;
mod send;
mod shards;
mod strategy;
mod sweep;

pub use client::{
    ClientError, ClientErrorKind, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};
pub use config::{
    COLLECTION_MAX_SIZE_PER_SHARD, Config, DEFAULT_COLLECTION_MAX_COUNT,
    DEFAULT_COLLECTION_MAX_SIZE, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PENDING_BYTES,
    DEFAULT_MAX_PENDING_RECORDS, DEFAULT_RATE_LIMIT, DEFAULT_RECORD_MAX_BUFFERED_TIME,
    DEFAULT_RECORD_TTL, DEFAULT_REQUEST_TIMEOUT, ProducerBuilder, ProducerConfigError,
    RECORD_OVERHEAD,
};
pub use limiter::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
pub use metrics::{Metrics, Statistic};
pub use outcome::{
    Attempt, Delivered, DeliveryError, FailureKind, Outcome, PutError, PutErrorKind,
};

/// A stand-in, for now.
#[derive(Debug)]
pub struct Producer;

impl Producer {
    /// The KPL's settings, to be changed.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::default()
    }
}
