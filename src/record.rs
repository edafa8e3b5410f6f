//! User records, which applications put and get, and Kinesis records, which the stream stores.

mod read;

pub use read::{KinesisRecordRef, OwnedUserRecord, StoredRecord, UserRecordRef};

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;

use crate::hash_key::HashKey;

/// What an application puts: data under a partition key.
///
/// Cloning is cheap: the data and the key are shared.
///
/// ```
/// use kinesis_aggregation::{HashKey, UserRecord};
///
/// let record = UserRecord::new("key", "data").with_explicit_hash_key(HashKey::new(7));
/// assert_eq!(record.hash_key(), Some(HashKey::new(7)));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserRecord {
    pub(crate) partition_key: Option<ByteString>,
    explicit_hash_key: Option<HashKey>,
    data: Bytes,
}

impl UserRecord {
    /// A user record with a partition key: 1 to 256 characters, judged where it is put.
    pub fn new(partition_key: impl Into<ByteString>, data: impl Into<Bytes>) -> Self {
        Self {
            partition_key: Some(partition_key.into()),
            explicit_hash_key: None,
            data: data.into(),
        }
    }

    /// A user record that does not care where it goes. On a stream with service-managed
    /// distribution it travels without a key; elsewhere it shares a random one with others like
    /// it, and readers see that key.
    pub fn without_partition_key(data: impl Into<Bytes>) -> Self {
        Self {
            partition_key: None,
            explicit_hash_key: None,
            data: data.into(),
        }
    }

    /// Decides the shard by `hash_key` instead of by the partition key.
    #[must_use]
    pub fn with_explicit_hash_key(mut self, hash_key: HashKey) -> Self {
        self.explicit_hash_key = Some(hash_key);
        self
    }

    /// The partition key, unless the record does without.
    pub fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    /// The explicit hash key, if there is one.
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
    }

    /// The effective hash key, which decides the shard: the explicit one, else the partition
    /// key's (computed at every call); none without both.
    pub fn hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
            .or_else(|| self.partition_key().map(HashKey::of_partition_key))
    }

    /// The data.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Makes the data the part of `frame` that ends at `end`, so that the buffer where it came in
    /// is freed.
    pub(crate) fn share_data(&mut self, frame: &Bytes, end: usize) {
        let place = end.saturating_sub(self.data.len())..end;
        let is_there = frame.get(place.clone()) == Some(&self.data[..]);
        debug_assert!(is_there, "the data ends elsewhere");
        if is_there {
            self.data = frame.slice(place);
        }
    }

    /// Returns the partition key, the explicit hash key and the data, with no copy.
    pub fn into_parts(self) -> (Option<ByteString>, Option<HashKey>, Bytes) {
        (self.partition_key, self.explicit_hash_key, self.data)
    }
}

/// Lengths only.
impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("partition_key_len", &self.partition_key().map(str::len))
            .field("has_explicit_hash_key", &self.explicit_hash_key.is_some())
            .field("data_len", &self.data.len())
            .finish()
    }
}

/// What a stream stores: made by an aggregator to be put, or built from what was fetched.
///
/// ```
/// use kinesis_aggregation::KinesisRecord;
///
/// let fetched = KinesisRecord::new("key", "data").with_sequence_number("49590338271490256608559692538361571095921575989136588898");
/// assert_eq!(fetched.partition_key(), Some("key"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KinesisRecord {
    pub(crate) partition_key: Option<ByteString>,
    pub(crate) explicit_hash_key: Option<HashKey>,
    pub(crate) sequence_number: Option<ByteString>,
    pub(crate) data: Bytes,
    pub(crate) user_record_count: usize,
}

impl KinesisRecord {
    /// A Kinesis record with a partition key and data.
    pub fn new(partition_key: impl Into<ByteString>, data: impl Into<Bytes>) -> Self {
        Self::with_optional_key(Some(partition_key.into()), data.into())
    }

    /// A Kinesis record of a stream with service-managed distribution, which may leave the
    /// partition key out.
    pub fn without_partition_key(data: impl Into<Bytes>) -> Self {
        Self::with_optional_key(None, data.into())
    }

    pub(crate) fn with_optional_key(partition_key: Option<ByteString>, data: Bytes) -> Self {
        Self {
            partition_key,
            explicit_hash_key: None,
            sequence_number: None,
            data,
            user_record_count: 1,
        }
    }

    /// With the sequence number that the stream gave it.
    #[must_use]
    pub fn with_sequence_number(mut self, sequence_number: impl Into<ByteString>) -> Self {
        self.sequence_number = Some(sequence_number.into());
        self
    }

    /// The partition key to put it under.
    pub fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    /// The explicit hash key to put it with: the effective hash key of its first user record, as
    /// the KPL does.
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
    }

    /// The sequence number, if the stream gave one.
    pub fn sequence_number(&self) -> Option<&str> {
        self.sequence_number.as_deref()
    }

    /// The data to put.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// How many user records an aggregator put into it.
    pub fn user_record_count(&self) -> usize {
        self.user_record_count
    }

    /// The bytes that count towards the service's limits: data and partition key.
    pub fn size(&self) -> usize {
        self.data
            .len()
            .saturating_add(self.partition_key().map_or(0, str::len))
    }
}

/// Lengths only.
impl fmt::Debug for KinesisRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisRecord")
            .field("partition_key_len", &self.partition_key().map(str::len))
            .field("has_explicit_hash_key", &self.explicit_hash_key.is_some())
            .field("sequence_number", &self.sequence_number())
            .field("data_len", &self.data.len())
            .field("user_record_count", &self.user_record_count)
            .finish()
    }
}

impl StoredRecord for KinesisRecord {
    fn partition_key(&self) -> Option<&str> {
        self.partition_key()
    }

    fn data(&self) -> &[u8] {
        &self.data
    }

    fn sequence_number(&self) -> Option<&str> {
        self.sequence_number()
    }

    fn share(&self, range: Range<usize>) -> Bytes {
        share_bytes(&self.data, range)
    }
}

/// The slice of `data`, sharing its buffer; empty where `range` is not inside it.
pub(crate) fn share_bytes(data: &Bytes, range: Range<usize>) -> Bytes {
    if range.start <= range.end && range.end <= data.len() {
        data.slice(range)
    } else {
        Bytes::new()
    }
}
