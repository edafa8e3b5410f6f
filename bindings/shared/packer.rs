//! The two aggregators as one. Compiled into each of the bindings that writes.

use kinesis_aggregation::{
    AggregateError, Aggregator, KinesisRecord, ShardedAggregator, UserRecord,
};

/// Which user records share an aggregate.
pub(crate) enum Packer {
    /// Any.
    Mixing(Box<Aggregator>),
    /// Those of one shard or, without a map, of one hash key.
    Sharded(Box<ShardedAggregator>),
}

impl Packer {
    pub(crate) fn push(
        &mut self,
        record: UserRecord,
    ) -> Result<Option<KinesisRecord>, AggregateError> {
        match self {
            Self::Mixing(aggregator) => aggregator.push(record),
            Self::Sharded(aggregator) => aggregator.push(record),
        }
    }

    /// Adds user records and closes all: their digests are computed together.
    pub(crate) fn aggregate_batch(
        &mut self,
        records: impl IntoIterator<Item = UserRecord>,
    ) -> (Vec<KinesisRecord>, Vec<AggregateError>) {
        match self {
            Self::Mixing(aggregator) => aggregator.aggregate_batch(records),
            Self::Sharded(aggregator) => aggregator.aggregate_batch(records),
        }
    }

    /// How many user records are held.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Mixing(aggregator) => aggregator.len(),
            Self::Sharded(aggregator) => aggregator.len(),
        }
    }

    /// The bytes of all Kinesis records that closing would give.
    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Self::Mixing(aggregator) => aggregator.encoded_len(),
            Self::Sharded(aggregator) => aggregator.encoded_len(),
        }
    }
}
