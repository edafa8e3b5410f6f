//! The errors: one for each operation, each with a closed list of reasons.
//!
//! No error shows a record's data or keys, in `Display` or in `Debug`: positions and lengths only.

use std::ops::Range;

pub use crate::hash_key::{HashKeyRangeError, ParseHashKeyError};

use crate::hash_key::HashKey;

/// The text is not a sequence number: it is empty, or has anything but ASCII digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence number")]
pub struct ParseSequenceNumberError;

/// A message that protobuf-java refuses: malformed, or without a required field.
///
/// Reading a Kinesis record does not fail with it: such a record is a plain one, as in the KCL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed or incomplete protobuf at byte {offset}")]
pub struct MalformedError {
    offset: usize,
}

impl MalformedError {
    pub(crate) const fn new(offset: usize) -> Self {
        Self { offset }
    }

    /// Returns the first byte that cannot be read, counted from the start of the Kinesis record's
    /// data. For a missing field, that is the start of the user record or tag that lacks it.
    pub const fn offset(self) -> usize {
        self.offset
    }
}

/// User records that the KCL would not deliver, or a damaged aggregate that was opened all the same
/// ([`salvage_damaged`](crate::Deaggregator::salvage_damaged)).
///
/// It comes out among the user records, in the place of the first one that is lost; see [`LossKind`]
/// for those that lose none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user record {user_record} of Kinesis record {record}, at byte {offset}: {kind}")]
pub struct Loss {
    pub(crate) record: usize,
    pub(crate) user_record: u64,
    pub(crate) lost: Range<u64>,
    pub(crate) offset: usize,
    pub(crate) kind: LossKind,
}

impl Loss {
    /// Returns the Kinesis record's position in the batch, counted from 0.
    pub fn record_index(&self) -> usize {
        self.record
    }

    /// Returns the sub-sequence number of the user record that causes the loss.
    pub fn sub_sequence_number(&self) -> u64 {
        self.user_record
    }

    /// Returns the sub-sequence numbers of the lost user records: all of them if one is out of the
    /// hash key range, otherwise the bad one and those after it. When salvaging, the bad one alone, or
    /// none if it comes out because only its explicit hash key is bad.
    /// User records at or below the position to resume after are not counted.
    pub fn lost(&self) -> Range<u64> {
        self.lost.clone()
    }

    /// Returns where that user record starts, in bytes from the start of the Kinesis record's data.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the reason.
    pub fn kind(&self) -> &LossKind {
        &self.kind
    }
}

/// Why user records are lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LossKind {
    /// The effective hash key is outside the shard's hash key range: the KCL drops the whole
    /// Kinesis record and says nothing.
    #[error("its hash key is outside the shard's hash key range")]
    OutOfRange,
    /// The explicit hash key is a number, but not one of 0 to 2^128 - 1, so that no shard owns it:
    /// `-123` from old writers. The KCL drops the whole Kinesis record and says nothing; so does
    /// this library with a hash key range. Without one, reading stops there as at any other bad
    /// explicit hash key.
    #[error("its explicit hash key of {len} bytes is a number outside 0 to 2^128-1")]
    ExplicitHashKeyNumber {
        /// The length of the explicit hash key, in bytes of UTF-8.
        len: usize,
    },
    /// The partition key index names no entry of the table: the KCL throws.
    #[error("its partition key index {index} is beyond the table's {table_len} entries")]
    PartitionKeyIndex {
        /// The index, as written.
        index: u64,
        /// The entries of the table.
        table_len: usize,
    },
    /// The explicit hash key index names no entry of the table: the KCL throws.
    #[error("its explicit hash key index {index} is beyond the table's {table_len} entries")]
    ExplicitHashKeyIndex {
        /// The index, as written.
        index: u64,
        /// The entries of the table.
        table_len: usize,
    },
    /// The explicit hash key is not an integer by the grammar of Java's `BigInteger`: the KCL
    /// throws.
    #[error("its explicit hash key of {len} bytes is not an integer")]
    ExplicitHashKey {
        /// The length of the explicit hash key, in bytes of UTF-8.
        len: usize,
    },
    /// The digest of the Kinesis record is wrong, and
    /// [`salvage_damaged`](crate::Deaggregator::salvage_damaged) opened it. No user record is missing,
    /// so nothing is [lost](Loss::lost), but any byte of this one and of those after it may be wrong.
    #[error("the digest over it and the others is wrong, so any byte may be")]
    DigestMismatch,
    /// A damaged Kinesis record, opened by
    /// [`salvage_damaged`](crate::Deaggregator::salvage_damaged), cannot be read any further than the
    /// [offset](Loss::offset), and any byte before it may be wrong. How many user records are lost is
    /// unknown; it counts as one.
    #[error("the message is cut short or malformed there")]
    Malformed,
}

/// Why a list of shards is not a [`ShardMap`](crate::ShardMap).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardMapError {
    /// There is a hash key that no open shard owns. In an empty list, that is 0.
    #[error("no open shard owns the hash key {at}")]
    Gap {
        /// The lowest hash key without a shard.
        at: HashKey,
    },
    /// Two open shards own a hash key.
    #[error("the open shard {id} owns hash keys that another open shard owns too")]
    Overlap {
        /// The id of the one whose range starts higher.
        id: String,
    },
    /// A shard is listed twice with different ranges.
    #[error("the shard {id} is listed with two hash key ranges")]
    RangeChanged {
        /// The id of the shard.
        id: String,
    },
}

/// Why an aggregator refused a user record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateErrorKind {
    /// The service takes partition keys of 1 to 256 characters.
    #[error("its partition key has {chars} characters, not 1 to 256")]
    PartitionKeyLength {
        /// The characters of the key.
        chars: usize,
    },
    /// A user record without a partition key may go to any shard: it takes no explicit hash key.
    #[error("it has an explicit hash key, but no partition key")]
    ExplicitHashKeyAlone,
    /// The aggregator is for one hash key range, and a user record without a partition key has no
    /// hash key.
    #[error("it has no partition key, but the aggregator is for one hash key range")]
    NoHashKey,
    /// The aggregator is for one hash key range, and the user record belongs elsewhere.
    #[error("its hash key is outside the aggregator's hash key range")]
    OutOfRange,
    /// Its Kinesis record would be larger than the limit, even with nothing else in it.
    #[error("its Kinesis record would have {size} bytes, more than {max}")]
    TooLarge {
        /// Data and partition key of the Kinesis record, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
}

/// Why an aggregator cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregatorConfigError {
    /// At least one user record must fit.
    #[error("the maximum count of user records is 0")]
    MaxCount,
    /// The service's limit is 10 MiB.
    #[error("the maximum size of a Kinesis record is {max_record_size}, not 1 to 10485760 bytes")]
    MaxRecordSize {
        /// As set, in bytes.
        max_record_size: usize,
    },
    /// An aggregate of the maximum size, with its outer key, would be too large.
    #[error(
        "an aggregate of {max_size} bytes with an outer key of up to {outer_key_len} could be \
         larger than the maximum Kinesis record, {max_record_size}"
    )]
    MaxSize {
        /// As set, in bytes.
        max_size: usize,
        /// The longest that the outer key can be, in bytes.
        outer_key_len: usize,
        /// As set, in bytes.
        max_record_size: usize,
    },
    /// [`hash_key_range`](crate::AggregatorBuilder::hash_key_range) and
    /// [`mixing_shards`](crate::AggregatorBuilder::mixing_shards) are for one
    /// [`Aggregator`](crate::Aggregator): nothing else can honour them.
    #[error("only an Aggregator can be for one hash key range or mix shards")]
    Scope,
    /// The service takes partition keys of 1 to 256 characters.
    #[error("the outer key has {chars} characters, not 1 to 256")]
    OuterKeyLength {
        /// The characters of the key.
        chars: usize,
    },
}
