//! Stored Kinesis records, which reading takes, and the user records that it returns.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;

use crate::hash_key::HashKey;
use crate::sequence::{ExtendedSequenceNumber, SequenceNumber};

/// A Kinesis record as a stream stores it, however it was fetched: the input of reading.
///
/// Implemented for [`KinesisRecord`](crate::KinesisRecord), for the record types of the SDK and of
/// Lambda, and for [`KinesisRecordRef`], which borrows from whatever else you have. Implement it
/// for your own type to read a slice of them, or to share its buffer.
pub trait StoredRecord {
    /// The partition key. A stream with service-managed distribution may leave it out.
    fn partition_key(&self) -> Option<&str>;

    /// The data as stored, base64 already decoded.
    fn data(&self) -> &[u8];

    /// The sequence number, if it is known.
    fn sequence_number(&self) -> Option<&str>;

    /// A part of the data as [`Bytes`]; empty if `range` is not inside the data. The default
    /// copies; a type that holds `Bytes` can share them.
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

/// A Kinesis record borrowed from any type: that of an older SDK, of a connector, of a test.
///
/// ```
/// use kinesis_aggregation::{Deaggregator, KinesisRecordRef};
///
/// struct Fetched { key: String, bytes: Vec<u8>, sequence: String }
///
/// # let page = [Fetched { key: "key".into(), bytes: b"data".into(), sequence: "42".into() }];
/// let page: Vec<_> = page
///     .iter()
///     .map(|one| KinesisRecordRef::new(&*one.key, &one.bytes).with_sequence_number(&one.sequence))
///     .collect();
/// for (_, user_record) in &Deaggregator::new().deaggregate_batch(&page) {
///     assert_eq!(user_record?.position(), Some("42:0".parse()?));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KinesisRecordRef<'a> {
    partition_key: Option<&'a str>,
    data: &'a [u8],
    sequence_number: Option<&'a str>,
}

impl<'a> KinesisRecordRef<'a> {
    /// A Kinesis record with this partition key (or `None`) and data.
    pub fn new(partition_key: impl Into<Option<&'a str>>, data: &'a [u8]) -> Self {
        Self {
            partition_key: partition_key.into(),
            data,
            sequence_number: None,
        }
    }

    /// With the sequence number that the stream gave it.
    #[must_use]
    pub fn with_sequence_number(mut self, sequence_number: &'a str) -> Self {
        self.sequence_number = Some(sequence_number);
        self
    }
}

impl StoredRecord for KinesisRecordRef<'_> {
    fn partition_key(&self) -> Option<&str> {
        self.partition_key
    }

    fn data(&self) -> &[u8] {
        self.data
    }

    fn sequence_number(&self) -> Option<&str> {
        self.sequence_number
    }
}

/// Lengths only.
impl fmt::Debug for KinesisRecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisRecordRef")
            .field("partition_key_len", &self.partition_key.map(str::len))
            .field("data_len", &self.data.len())
            .field("sequence_number", &self.sequence_number)
            .finish()
    }
}

/// A user record that was read. It borrows from the Kinesis record and from what reading made of
/// it.
///
/// A plain Kinesis record comes out as one user record too, with sub-sequence number 0.
///
/// Two are equal if key, explicit hash key, data and position are.
#[derive(Clone, Copy)]
pub struct UserRecordRef<'a> {
    pub(crate) partition_key: Option<&'a str>,
    pub(crate) explicit_hash_key: Option<&'a str>,
    /// Borrowed too: most readers never ask, and moving the number would cost them.
    pub(crate) hash_key: Option<&'a HashKey>,
    pub(crate) data: &'a [u8],
    pub(crate) sequence_number: Option<&'a str>,
    pub(crate) sub_sequence_number: u64,
    pub(crate) aggregated: bool,
    pub(crate) damaged: bool,
}

impl<'a> UserRecordRef<'a> {
    /// The partition key. `None` only for a plain record that the stream stores without one.
    pub fn partition_key(&self) -> Option<&'a str> {
        self.partition_key
    }

    /// The explicit hash key as it was written (`007`, `-0`), if the user record has one. `None`
    /// for a plain record: Kinesis does not return it.
    pub fn explicit_hash_key(&self) -> Option<&'a str> {
        self.explicit_hash_key
    }

    /// The effective hash key: the explicit one, else the partition key's (an MD5 at each call,
    /// unless reading needed it for a hash key range). `None` for a plain record, and for a salvaged
    /// user record whose explicit hash key is not a hash key.
    pub fn hash_key(&self) -> Option<HashKey> {
        let known = self.hash_key.copied();
        if !self.aggregated || self.explicit_hash_key.is_some() {
            return known;
        }
        known.or_else(|| self.partition_key.map(HashKey::of_partition_key))
    }

    /// The data.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The position in its Kinesis record, counted from 0; lost user records count too.
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }

    /// The position in the shard: store it as a checkpoint, and resume
    /// [after](crate::Deaggregator::after) it. `None` if the Kinesis record has no sequence number
    /// in decimal digits. Allocates.
    pub fn position(&self) -> Option<ExtendedSequenceNumber> {
        let sequence_number: SequenceNumber = self.sequence_number?.parse().ok()?;
        Some(ExtendedSequenceNumber::new(
            sequence_number,
            self.sub_sequence_number,
        ))
    }

    /// Whether it came out of an aggregated Kinesis record.
    pub fn is_aggregated(&self) -> bool {
        self.aggregated
    }

    /// Whether its Kinesis record is damaged, so that any byte of its key and data may be wrong: only
    /// with [`salvage_damaged`](crate::Deaggregator::salvage_damaged).
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// For tests: a value whose `Debug` shows keys and data, which the user record's own never
    /// does.
    ///
    /// ```
    /// let read = kinesis_aggregation::deaggregate("key", b"data");
    /// let user_record = read.user_records().next().unwrap()?;
    /// assert!(!format!("{user_record:?}").contains("data\""));
    /// assert!(format!("{:?}", user_record.revealed()).contains("b\"data\""));
    /// # Ok::<(), kinesis_aggregation::Loss>(())
    /// ```
    pub fn revealed(&self) -> impl fmt::Debug + PartialEq + use<'a> {
        Revealed(*self)
    }

    /// All that makes two of them equal. The hash key follows from the rest.
    fn parts(&self) -> impl Eq + Hash + use<'a> {
        (
            self.partition_key,
            self.explicit_hash_key,
            self.data,
            self.sequence_number,
            self.sub_sequence_number,
            self.aggregated,
        )
    }
}

impl PartialEq for UserRecordRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for UserRecordRef<'_> {}

impl Hash for UserRecordRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// Lengths only.
impl fmt::Debug for UserRecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("UserRecordRef", f)
    }
}

impl UserRecordRef<'_> {
    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("partition_key_len", &self.partition_key.map(str::len))
            .field(
                "explicit_hash_key_len",
                &self.explicit_hash_key.map(str::len),
            )
            .field("data_len", &self.data.len())
            .field("sequence_number", &self.sequence_number)
            .field("sub_sequence_number", &self.sub_sequence_number)
            .field("aggregated", &self.aggregated)
            .field("damaged", &self.damaged)
            .finish()
    }
}

#[derive(PartialEq)]
struct Revealed<'a>(UserRecordRef<'a>);

impl fmt::Debug for Revealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(read) = self;
        f.debug_struct("UserRecordRef")
            .field("partition_key", &read.partition_key)
            .field("explicit_hash_key", &read.explicit_hash_key)
            .field("data", &format_args!("b\"{}\"", read.data.escape_ascii()))
            .field("sequence_number", &read.sequence_number)
            .field("sub_sequence_number", &read.sub_sequence_number)
            .field("aggregated", &read.aggregated)
            .finish()
    }
}

/// A user record that was read and owns what it holds. Its data, and its keys where they are
/// UTF-8, are slices of the Kinesis record's buffer if that [can be shared](StoredRecord::share).
///
/// The methods mean the same as [`UserRecordRef`]'s.
#[derive(Clone)]
pub struct OwnedUserRecord {
    pub(crate) partition_key: Option<ByteString>,
    pub(crate) explicit_hash_key: Option<ByteString>,
    pub(crate) hash_key: Option<HashKey>,
    pub(crate) data: Bytes,
    pub(crate) sequence_number: Option<SequenceNumber>,
    pub(crate) sub_sequence_number: u64,
    pub(crate) aggregated: bool,
    pub(crate) damaged: bool,
}

impl OwnedUserRecord {
    /// This user record, borrowed.
    pub fn as_ref(&self) -> UserRecordRef<'_> {
        UserRecordRef {
            partition_key: self.partition_key.as_deref(),
            explicit_hash_key: self.explicit_hash_key.as_deref(),
            hash_key: self.hash_key.as_ref(),
            data: &self.data,
            sequence_number: self.sequence_number.as_ref().map(SequenceNumber::as_str),
            sub_sequence_number: self.sub_sequence_number,
            aggregated: self.aggregated,
            damaged: self.damaged,
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

    /// See [`UserRecordRef::position`]; does not allocate here.
    pub fn position(&self) -> Option<ExtendedSequenceNumber> {
        let sequence_number = self.sequence_number.clone()?;
        Some(ExtendedSequenceNumber::new(
            sequence_number,
            self.sub_sequence_number,
        ))
    }

    /// See [`UserRecordRef::is_aggregated`].
    pub fn is_aggregated(&self) -> bool {
        self.aggregated
    }

    /// See [`UserRecordRef::is_damaged`].
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// See [`UserRecordRef::revealed`].
    pub fn revealed(&self) -> impl fmt::Debug + PartialEq {
        self.as_ref().revealed()
    }
}

impl PartialEq for OwnedUserRecord {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for OwnedUserRecord {}

impl Hash for OwnedUserRecord {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

/// Lengths only.
impl fmt::Debug for OwnedUserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().debug("OwnedUserRecord", f)
    }
}
