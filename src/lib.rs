//! kinesis-aggregation

mod aggregate;
mod deaggregate;
pub mod error;
mod hash_key;
pub mod md5;
#[cfg(feature = "producer")]
pub mod producer;
#[rustfmt::skip]
pub mod proto;
mod record;
mod sequence;
mod shard;
mod sharded;
pub mod wire;

pub use aggregate::{
    AggregateError, Aggregator, AggregatorBuilder, DEFAULT_MAX_COUNT, DEFAULT_MAX_RECORD_SIZE,
    DEFAULT_MAX_SIZE, HIGHEST_MAX_RECORD_SIZE, OuterKey,
};
pub use deaggregate::{
    Batch, BatchOwnedUserRecords, BatchRecord, BatchUserRecords, Deaggregated, Deaggregator,
    Outcome, OwnedUserRecords, PlainReason, UserRecords, deaggregate,
};
pub use hash_key::{HashKey, HashKeyRange};
pub use record::{KinesisRecord, OwnedUserRecord, StoredRecord, UserRecord, UserRecordRef};
pub use sequence::{ExtendedSequenceNumber, SequenceNumber};
pub use shard::{Shard, ShardMap};
pub use sharded::ShardedAggregator;
