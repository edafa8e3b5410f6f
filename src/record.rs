//! User records, which applications put and get, and Kinesis records, which the stream stores.

mod data;
mod read;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

pub use data::IntoData;
pub use read::{KinesisRecordRef, OwnedUserRecord, StoredRecord, UserRecordRef};

use bytes::Bytes;
use bytestring::ByteString;

use crate::hash_key::HashKey;

/// A record as an application puts it: data under a partition key.
///
/// Cloning is cheap: data and key are shared. `Debug` shows lengths only.
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
    /// A user record with a partition key of 1 to 256 characters, which is checked where the
    /// record is put.
    ///
    /// ```
    /// use kinesis_aggregation::UserRecord;
    ///
    /// let (key, data) = (String::from("key"), vec![0xFF, 0x00]);
    /// assert_eq!(UserRecord::new("key", data.as_slice()), UserRecord::new(key, data));
    /// ```
    pub fn new(partition_key: impl Into<ByteString>, data: impl IntoData) -> Self {
        Self {
            partition_key: Some(partition_key.into()),
            explicit_hash_key: None,
            data: data.into_data(),
        }
    }

    /// A user record that may go to any shard. On a stream with service-managed distribution it
    /// travels without a key; elsewhere it shares a random one with others like it, and readers
    /// see that key.
    pub fn without_partition_key(data: impl IntoData) -> Self {
        Self {
            partition_key: None,
            explicit_hash_key: None,
            data: data.into_data(),
        }
    }

    /// Sets the explicit hash key, which picks the shard in place of the partition key.
    #[must_use]
    pub fn with_explicit_hash_key(mut self, hash_key: HashKey) -> Self {
        self.explicit_hash_key = Some(hash_key);
        self
    }

    /// Returns the partition key, if it has one.
    pub fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    /// Returns the explicit hash key, if it has one.
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
    }

    /// Returns the effective hash key, which picks the shard: the explicit one, else the partition
    /// key's (an MD5 at every call). `None` if it has neither.
    pub fn hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
            .or_else(|| self.partition_key().map(HashKey::of_partition_key))
    }

    /// Returns the data.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// For tests: returns a value whose `Debug` shows keys and data, which the record's own never
    /// does.
    ///
    /// ```
    /// use kinesis_aggregation::UserRecord;
    ///
    /// let record = UserRecord::new("some key", "some data");
    /// assert!(!format!("{record:?}").contains("some"));
    /// assert!(format!("{:?}", record.revealed()).contains("some data"));
    /// ```
    pub fn revealed(&self) -> impl fmt::Debug + PartialEq + use<'_> {
        Revealed(self)
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

/// The user record to put again: key and data are copied, the explicit hash key is normalised
/// (`007` becomes `7`; one that is not a hash key is left out).
impl From<UserRecordRef<'_>> for UserRecord {
    fn from(read: UserRecordRef<'_>) -> Self {
        Self {
            partition_key: read.partition_key.map(ByteString::from),
            explicit_hash_key: read.explicit_hash_key.and(read.hash_key).copied(),
            data: Bytes::copy_from_slice(read.data),
        }
    }
}

/// The user record to put again: data and key stay shared, the explicit hash key is normalised
/// (`007` becomes `7`; one that is not a hash key is left out).
impl From<OwnedUserRecord> for UserRecord {
    fn from(read: OwnedUserRecord) -> Self {
        Self {
            explicit_hash_key: read.explicit_hash_key.and(read.hash_key),
            partition_key: read.partition_key,
            data: read.data,
        }
    }
}

/// Shows what the `Debug` of the record itself leaves out.
#[derive(PartialEq)]
struct Revealed<'a, R>(&'a R);

impl fmt::Debug for Revealed<'_, UserRecord> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        f.debug_struct("UserRecord")
            .field("partition_key", &record.partition_key())
            .field("explicit_hash_key", &record.explicit_hash_key)
            .field("data", &format_args!("b\"{}\"", record.data.escape_ascii()))
            .finish()
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

/// A record as a stream stores it: made by an aggregator to be put, or built from a fetched one.
///
/// Two of them are equal if keys, data and sequence number are. `Debug` shows lengths only.
///
/// ```
/// use kinesis_aggregation::KinesisRecord;
///
/// let fetched = KinesisRecord::new("key", "data").with_sequence_number("49590338271490256608559692538361571095921575989136588898");
/// assert_eq!(fetched.partition_key(), Some("key"));
/// ```
#[derive(Clone)]
pub struct KinesisRecord {
    pub(crate) partition_key: Option<ByteString>,
    pub(crate) explicit_hash_key: Option<HashKey>,
    pub(crate) sequence_number: Option<ByteString>,
    pub(crate) data: Bytes,
    /// Known to the aggregator that made it; the stream does not store it.
    pub(crate) user_record_count: Option<usize>,
}

impl KinesisRecord {
    /// A Kinesis record with a partition key and data.
    pub fn new(partition_key: impl Into<ByteString>, data: impl IntoData) -> Self {
        Self::with_optional_key(Some(partition_key.into()), data.into_data())
    }

    /// A Kinesis record without a partition key, as only a stream with service-managed
    /// distribution takes it.
    pub fn without_partition_key(data: impl IntoData) -> Self {
        Self::with_optional_key(None, data.into_data())
    }

    pub(crate) fn with_optional_key(partition_key: Option<ByteString>, data: Bytes) -> Self {
        Self {
            partition_key,
            explicit_hash_key: None,
            sequence_number: None,
            data,
            user_record_count: None,
        }
    }

    /// Sets the sequence number that the stream gave it.
    #[must_use]
    pub fn with_sequence_number(mut self, sequence_number: impl Into<ByteString>) -> Self {
        self.sequence_number = Some(sequence_number.into());
        self
    }

    /// Returns the partition key to put it under; for an aggregate this is the
    /// [outer key](crate::OuterKey).
    pub fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    /// Returns the explicit hash key to put it with. An aggregator sets it to the effective hash
    /// key of the first user record, as the KPL does.
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
    }

    /// Returns the sequence number, if the stream gave one.
    pub fn sequence_number(&self) -> Option<&str> {
        self.sequence_number.as_deref()
    }

    /// Returns the data.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Returns how many user records an aggregator put into it; `None` if no aggregator made it.
    /// To count those of a record that was fetched, [read](crate::deaggregate) it.
    pub fn user_record_count(&self) -> Option<usize> {
        self.user_record_count
    }

    /// Returns the size that counts towards the service's limits: data and partition key, in
    /// bytes.
    pub fn size(&self) -> usize {
        self.data
            .len()
            .saturating_add(self.partition_key().map_or(0, str::len))
    }

    /// For tests: see [`UserRecord::revealed`].
    pub fn revealed(&self) -> impl fmt::Debug + PartialEq + use<'_> {
        Revealed(self)
    }

    /// The parts that are compared and hashed.
    fn parts(&self) -> impl Eq + Hash + use<'_> {
        (
            &self.partition_key,
            self.explicit_hash_key,
            &self.sequence_number,
            &self.data,
        )
    }
}

impl PartialEq for KinesisRecord {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for KinesisRecord {}

impl Hash for KinesisRecord {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Debug for Revealed<'_, KinesisRecord> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        f.debug_struct("KinesisRecord")
            .field("partition_key", &record.partition_key())
            .field("explicit_hash_key", &record.explicit_hash_key)
            .field("sequence_number", &record.sequence_number())
            .field("data", &format_args!("b\"{}\"", record.data.escape_ascii()))
            .finish()
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
