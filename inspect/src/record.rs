//! A Kinesis record as it was found.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use kinesis_aggregation::StoredRecord;

/// A Kinesis record has 10 MiB at most, which is 20 MiB in hexadecimal and 40 MiB as a list of
/// numbers. Anything far longer is not a record, and must not fill the memory.
pub(crate) const LONGEST: usize = 64 << 20;

/// A Kinesis record, and what the input says about it.
///
/// ```
/// use kinesis_aggregation_inspect::FoundRecord;
///
/// let record = FoundRecord::new("data").with_partition_key("key");
/// assert_eq!(record.partition_key(), Some("key"));
/// assert_eq!(record.sequence_number(), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FoundRecord {
    pub(crate) index: usize,
    pub(crate) place: Place,
    pub(crate) partition_key: Option<String>,
    pub(crate) explicit_hash_key: Option<String>,
    pub(crate) sequence_number: Option<String>,
    pub(crate) shard_id: Option<String>,
    pub(crate) approximate_arrival_timestamp: Option<String>,
    pub(crate) data: Bytes,
}

/// A place in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1. 0 in input that has no lines.
    pub line: u64,
    /// Bytes from the start of the input.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "byte {}", self.offset),
            line => write!(f, "line {line}"),
        }
    }
}

impl FoundRecord {
    /// A record of which nothing but its data is known.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self {
            data: data.into(),
            ..Self::default()
        }
    }

    /// With its number in the input, counted from 0.
    #[must_use]
    pub fn with_index(mut self, index: usize) -> Self {
        self.index = index;
        self
    }

    /// With the partition key of the Kinesis record.
    #[must_use]
    pub fn with_partition_key(mut self, key: impl Into<String>) -> Self {
        self.partition_key = Some(key.into());
        self
    }

    /// With the sequence number.
    #[must_use]
    pub fn with_sequence_number(mut self, number: impl Into<String>) -> Self {
        self.sequence_number = Some(number.into());
        self
    }

    /// With the id of the shard that it was read from.
    #[must_use]
    pub fn with_shard_id(mut self, id: impl Into<String>) -> Self {
        self.shard_id = Some(id.into());
        self
    }

    /// With the arrival time, as a JSON value.
    #[must_use]
    pub fn with_approximate_arrival_timestamp(mut self, json: impl Into<String>) -> Self {
        self.approximate_arrival_timestamp = Some(json.into());
        self
    }

    /// Its number in the input, counted from 0; records that are refused count too.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Where it is in the input.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The partition key of the Kinesis record.
    pub fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    /// The explicit hash key of a record that is yet to be put (a PutRecords request): Kinesis
    /// does not give it back.
    pub fn explicit_hash_key(&self) -> Option<&str> {
        self.explicit_hash_key.as_deref()
    }

    /// The sequence number.
    pub fn sequence_number(&self) -> Option<&str> {
        self.sequence_number.as_deref()
    }

    /// The shard that it was read from.
    pub fn shard_id(&self) -> Option<&str> {
        self.shard_id.as_deref()
    }

    /// When it arrived: the input's own JSON value, a number or a string.
    pub fn approximate_arrival_timestamp(&self) -> Option<&str> {
        self.approximate_arrival_timestamp.as_deref()
    }

    /// The bytes, decoded.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

impl StoredRecord for FoundRecord {
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
        self.data
            .get(range)
            .map(|part| self.data.slice_ref(part))
            .unwrap_or_default()
    }
}

/// Lengths only.
impl fmt::Debug for FoundRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundRecord")
            .field("index", &self.index)
            .field("place", &self.place)
            .field("sequence_number", &self.sequence_number)
            .field("partition_key_len", &self.partition_key().map(str::len))
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}
