#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
//!
//! # What it guarantees
//!
//! - Every user record that is accepted gets one outcome, through its [`Delivery`]: where it was
//!   delivered, or the record back, and why. None is lost silently.
//! - Delivered means that a KCL delivers it. The KCL drops a whole aggregate if one of its user
//!   records is outside the hash key range of the shard that stores it. So an aggregate is judged
//!   only once that range is known, and then as a whole: all of its user records are delivered, or
//!   all are sent again under the new shard map. A split loses nothing, and a merge sends nothing
//!   twice.
//! - A user record is delivered twice only after an answer that never came (`PutRecords` is not
//!   idempotent), or, when an aggregate is sent again after a split, to readers that do not filter by
//!   hash key range, such as Lambda functions.
//! - A user record is in a request within `record_max_buffered_time` of its acceptance, if the
//!   limiter and the stream allow. While the shard map is unknown, or is being refreshed because its
//!   shard has split or merged, it waits that long for the map, and is then sent raw, alone. What is
//!   sent again waits up to a second for a map; user records of other shards are not held up.
//!   Nothing is sent later than `record_ttl` after its acceptance.
//! - A stream with service-managed distribution ignores keys, and the KCL drops aggregates from it. So
//!   nothing is aggregated there, and user records without a partition key are sent without one.
//!   A switch in either direction is seen in `DescribeStreamSummary` or, without permission for
//!   that, by where records land; nothing is lost by it. Unless order is wanted, the first records do
//!   not wait for the description, which is asked for within 25 s of the first put: an account has
//!   20 a second. On such a stream they may be aggregated once, and then be sent again.
//!   If listing the shards is not permitted either, only user records without a partition key are
//!   aggregated, two Kinesis records for each random hash key. Until these reveal such a stream, a KCL
//!   may drop them, and also user records whose data looks like an aggregate, which travel in one.
//! - A stream that is deleted and created again is another stream. What was known of the old one is
//!   forgotten as soon as its creation time, the range of a shard, a landing or its absence gives it
//!   away; and after two seconds without an answer, no aggregate counts as delivered before a new list
//!   of the shards confirms the range of its shard.
//! - While the shards or the link take less than is put, `put` waits, so that what is accepted has time
//!   to be sent. Besides the records that there is room for, a producer uses less than 64 MiB.
//!
//! Order is kept only [on demand](ProducerBuilder::ordered).
//!
//! # The path of a user record
//!
//! ```text
//! put -> room: waits for bytes and records  -> route: an aggregate for each predicted shard, or raw
//!     -> the shard's limiter -> collector: 500 records, 5 MiB -> PutRecords, 24 at a time
//!     -> stored:     would a KCL deliver it from that shard? -> Delivery
//!                    if not, each of its user records is routed again
//!     -> not stored: throttled or failed, so sent again, until record_ttl -> Delivery, with the reason
//! ```
//!
//! # Beside the real KPL, through a split and a merge
//!
#![doc = include_str!("../docs/SPLIT.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt_error;
mod blocking;
mod client;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
mod delivery;
mod failures;
mod handle;
mod intake;
mod limits;
mod lock;
mod metrics;
mod outcome;
#[cfg(feature = "unstable-pipeline")]
pub mod pipeline;
#[cfg(not(feature = "unstable-pipeline"))]
// `cargo mutants` knows no features: it would try each mutation twice.
#[cfg_attr(false, mutants::skip)]
#[expect(dead_code, unreachable_pub, reason = "the simulation sees more of it")]
mod pipeline;
mod room;
#[cfg(feature = "sdk")]
pub mod sdk;
mod settings;
mod task;
#[cfg(feature = "test-util")]
pub mod test_util;
mod tries;

pub use attempt_error::AttemptError;
pub use blocking::{BlockingProducer, WaitError};
pub use client::{
    ClientError, ClientErrorKind, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};

pub use delivery::Delivery;
pub use handle::{AbortedError, Producer};
pub use metrics::{METRICS_UPLOAD_DELAYS, Metrics, MetricsRecorder, RecordedMetrics, Statistic};
pub use outcome::{Delivered, DeliveryError, FailureKind, Outcome, PutError, PutErrorKind};
pub use pipeline::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};

#[cfg(feature = "unstable-pipeline")]
pub use settings::Config;
pub use settings::{
    COLLECTION_MAX_SIZE_PER_SHARD, DEFAULT_COLLECTION_MAX_COUNT, DEFAULT_COLLECTION_MAX_SIZE,
    DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PENDING_BYTES, DEFAULT_MAX_PENDING_RECORDS,
    DEFAULT_RATE_LIMIT, DEFAULT_RECORD_MAX_BUFFERED_TIME, DEFAULT_RECORD_TTL,
    DEFAULT_REQUEST_TIMEOUT, ProducerBuilder, ProducerConfigError, RECORD_OVERHEAD,
};
pub use tries::Attempt;
