//! User records, which applications put and get, and Kinesis records, which the stream stores.

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

/// A user record that was read: it borrows from the Kinesis record and from what the
/// deaggregation made of it.
///
/// A plain Kinesis record comes out as one user record too, with sub-sequence number 0.
#[derive(Clone, Copy)]
pub struct UserRecordRef<'a> {
    pub(crate) partition_key: Option<&'a str>,
    pub(crate) explicit_hash_key: Option<&'a str>,
    /// Borrowed too: most readers never ask, and moving the number would cost them.
    pub(crate) hash_key: Option<&'a HashKey>,
    pub(crate) data: &'a [u8],
    pub(crate) sub_sequence_number: u64,
    pub(crate) aggregated: bool,
}

impl<'a> UserRecordRef<'a> {
    /// The partition key; none only for a plain record that the stream stores without one.
    pub fn partition_key(&self) -> Option<&'a str> {
        self.partition_key
    }

    /// The explicit hash key as it was written (`007`, `-0`), if the user record has one. Kinesis
    /// does not give a plain record's back.
    pub fn explicit_hash_key(&self) -> Option<&'a str> {
        self.explicit_hash_key
    }

    /// The effective hash key: the explicit one, else the partition key's (an MD5 at each call
    /// if the reader did not need it for a hash key range). None for a plain record.
    pub fn hash_key(&self) -> Option<HashKey> {
        if !self.aggregated {
            return None;
        }
        let of_key = || self.partition_key.map(HashKey::of_partition_key);
        self.hash_key.copied().or_else(of_key)
    }

    /// The data.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The place in its Kinesis record, counted from 0; lost user records count too.
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }

    /// Whether it came out of an aggregated Kinesis record.
    pub fn is_aggregated(&self) -> bool {
        self.aggregated
    }

    /// The user record to put again, its data copied. The explicit hash key is normalised.
    pub fn to_user_record(&self) -> UserRecord {
        UserRecord {
            partition_key: self.partition_key.map(ByteString::from),
            explicit_hash_key: self.explicit_hash_key.and(self.hash_key).copied(),
            data: Bytes::copy_from_slice(self.data),
        }
    }
}

/// Lengths only.
impl fmt::Debug for UserRecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_read(
            f,
            "UserRecordRef",
            self.partition_key,
            self.explicit_hash_key,
            self.data,
            self.sub_sequence_number,
            self.aggregated,
        )
    }
}

/// A user record that was read and owns what it holds: the data, and the keys where they are
/// UTF-8, are slices of the Kinesis record's own buffer.
///
/// The accessors mean what [`UserRecordRef`]'s do.
#[derive(Clone)]
pub struct OwnedUserRecord {
    pub(crate) partition_key: Option<ByteString>,
    pub(crate) explicit_hash_key: Option<ByteString>,
    pub(crate) hash_key: Option<HashKey>,
    pub(crate) data: Bytes,
    pub(crate) sub_sequence_number: u64,
    pub(crate) aggregated: bool,
}

impl OwnedUserRecord {
    /// This user record, borrowed.
    pub fn as_ref(&self) -> UserRecordRef<'_> {
        UserRecordRef {
            partition_key: self.partition_key.as_deref(),
            explicit_hash_key: self.explicit_hash_key.as_deref(),
            hash_key: self.hash_key.as_ref(),
            data: &self.data,
            sub_sequence_number: self.sub_sequence_number,
            aggregated: self.aggregated,
        }
    }

    /// See [`UserRecordRef::partition_key`].
    pub fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    /// See [`UserRecordRef::explicit_hash_key`].
    pub fn explicit_hash_key(&self) -> Option<&str> {
        self.explicit_hash_key.as_deref()
    }

    /// See [`UserRecordRef::hash_key`].
    pub fn hash_key(&self) -> Option<HashKey> {
        self.as_ref().hash_key()
    }

    /// The data, sharing the Kinesis record's buffer.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// See [`UserRecordRef::sub_sequence_number`].
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }

    /// See [`UserRecordRef::is_aggregated`].
    pub fn is_aggregated(&self) -> bool {
        self.aggregated
    }
}

/// Lengths only.
impl fmt::Debug for OwnedUserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_read(
            f,
            "OwnedUserRecord",
            self.partition_key(),
            self.explicit_hash_key(),
            &self.data,
            self.sub_sequence_number,
            self.aggregated,
        )
    }
}

fn debug_read(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    partition_key: Option<&str>,
    explicit_hash_key: Option<&str>,
    data: &[u8],
    sub_sequence_number: u64,
    aggregated: bool,
) -> fmt::Result {
    f.debug_struct(name)
        .field("partition_key_len", &partition_key.map(str::len))
        .field("explicit_hash_key_len", &explicit_hash_key.map(str::len))
        .field("data_len", &data.len())
        .field("sub_sequence_number", &sub_sequence_number)
        .field("aggregated", &aggregated)
        .finish()
}

/// The user record to put again: data and key stay shared, the explicit hash key is normalised.
impl From<OwnedUserRecord> for UserRecord {
    fn from(read: OwnedUserRecord) -> Self {
        Self {
            explicit_hash_key: read.explicit_hash_key.and(read.hash_key),
            partition_key: read.partition_key,
            data: read.data,
        }
    }
}

/// One Kinesis record as a stream stores it: what the reading takes, whoever fetched it.
///
/// Implemented for [`KinesisRecord`], for the SDK's and for Lambda's record types; implement it
/// for your own to read them without a copy.
pub trait StoredRecord {
    /// The partition key; a stream with service-managed distribution may leave it out.
    fn partition_key(&self) -> Option<&str>;

    /// The data, as stored: base64 already decoded.
    fn data(&self) -> &[u8];

    /// The sequence number, if it is known.
    fn sequence_number(&self) -> Option<&str>;

    /// A part of the data as [`Bytes`]. The default copies; a type that holds `Bytes` can share.
    /// Empty where `range` is not inside the data.
    fn share(&self, range: Range<usize>) -> Bytes {
        Bytes::copy_from_slice(self.data().get(range).unwrap_or_default())
    }
}

impl<R: StoredRecord + ?Sized> StoredRecord for &R {
    fn partition_key(&self) -> Option<&str> {
        (**self).partition_key()
    }

    fn data(&self) -> &[u8] {
        (**self).data()
    }

    fn sequence_number(&self) -> Option<&str> {
        (**self).sequence_number()
    }

    fn share(&self, range: Range<usize>) -> Bytes {
        (**self).share(range)
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
