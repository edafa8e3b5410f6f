//! The settings of an aggregator.

use bytestring::ByteString;

use crate::error::AggregatorConfigError;

/// The KPL's `aggregation_max_size`, in bytes.
pub const DEFAULT_MAX_SIZE: usize = 51_200;
/// The KPL's `aggregation_max_count`.
pub const DEFAULT_MAX_COUNT: usize = 4_294_967_295;
/// A stream's `MaxRecordSizeInKiB` unless it was raised, in bytes.
pub const DEFAULT_MAX_RECORD_SIZE: usize = 1024 * 1024;
/// The most that a stream's `MaxRecordSizeInKiB` can be raised to, in bytes.
pub const HIGHEST_MAX_RECORD_SIZE: usize = 10 * 1024 * 1024;

/// The longest partition key: 256 characters of four bytes.
const LONGEST_KEY: usize = 256 * 4;

/// The partition key of an aggregate. A user record that travels raw keeps its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum OuterKey {
    /// `a`, as in the KPL. Lambda's ParallelizationFactor then does nothing, because it
    /// distributes records by this key.
    #[default]
    Kpl,
    /// The partition key of the first user record.
    First,
    /// This one, 1 to 256 characters.
    Fixed(ByteString),
}

impl OuterKey {
    pub(super) const KPL: &str = "a";

    /// Its length where the first user record's key has `first_len`, in bytes.
    pub(super) fn len(&self, first_len: usize) -> usize {
        match self {
            Self::Kpl => Self::KPL.len(),
            Self::First => first_len,
            Self::Fixed(key) => key.len(),
        }
    }
}

/// The checked settings of an [`AggregatorBuilder`](super::AggregatorBuilder): what
/// [`Aggregator`](super::Aggregator) and [`Buffer`](super::Buffer) go by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    pub(super) max_size: usize,
    pub(super) max_count: usize,
    pub(super) max_record_size: usize,
    pub(super) outer_key: OuterKey,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_size: DEFAULT_MAX_SIZE,
            max_count: DEFAULT_MAX_COUNT,
            max_record_size: DEFAULT_MAX_RECORD_SIZE,
            outer_key: OuterKey::Kpl,
        }
    }
}

impl Settings {
    /// Returns the most bytes that the frame of an aggregate may have.
    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// Returns the most user records that an aggregate may hold.
    pub fn max_count(&self) -> usize {
        self.max_count
    }

    /// Returns the most bytes that a Kinesis record may have, data and partition key.
    pub fn max_record_size(&self) -> usize {
        self.max_record_size
    }

    pub(super) fn validate(&self) -> Result<(), AggregatorConfigError> {
        if self.max_count == 0 {
            return Err(AggregatorConfigError::MaxCount);
        }
        if !(1..=HIGHEST_MAX_RECORD_SIZE).contains(&self.max_record_size) {
            return Err(AggregatorConfigError::MaxRecordSize {
                max_record_size: self.max_record_size,
            });
        }
        if let OuterKey::Fixed(key) = &self.outer_key {
            check_key(key).map_err(|chars| AggregatorConfigError::OuterKeyLength { chars })?;
        }
        let outer_key_len = self.outer_key.len(LONGEST_KEY);
        if self.max_size.saturating_add(outer_key_len) > self.max_record_size {
            return Err(AggregatorConfigError::MaxSize {
                max_size: self.max_size,
                outer_key_len,
                max_record_size: self.max_record_size,
            });
        }
        Ok(())
    }
}

/// The service takes partition keys of 1 to 256 characters.
///
/// # Errors
///
/// The number of characters, if it is another.
#[inline]
pub(super) fn check_key(key: &str) -> Result<(), usize> {
    // As many bytes are as many characters, or fewer: almost every key is short enough for that.
    if (1..=256).contains(&key.len()) {
        return Ok(());
    }
    match key.chars().count() {
        1..=256 => Ok(()),
        chars => Err(chars),
    }
}
