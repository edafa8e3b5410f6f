//! The settings of an aggregator.

use bytestring::ByteString;

use super::buffer::check_key;
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

/// The partition key of an aggregated Kinesis record. A user record that travels raw keeps its
/// own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OuterKey {
    /// `a`, as the KPL has it. Lambda's ParallelizationFactor then does nothing: it hands out
    /// records by this key.
    #[default]
    Kpl,
    /// That of the first user record.
    First,
    /// This one, 1 to 256 characters.
    Fixed(ByteString),
}

impl OuterKey {
    pub const KPL: &str = "a";

    /// Its length where the first user record's key has `first_len`, in bytes.
    pub fn len(&self, first_len: usize) -> usize {
        match self {
            Self::Kpl => Self::KPL.len(),
            Self::First => first_len,
            Self::Fixed(key) => key.len(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Config {
    pub max_size: usize,
    pub max_count: usize,
    pub max_record_size: usize,
    pub outer_key: OuterKey,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_size: DEFAULT_MAX_SIZE,
            max_count: DEFAULT_MAX_COUNT,
            max_record_size: DEFAULT_MAX_RECORD_SIZE,
            outer_key: OuterKey::Kpl,
        }
    }
}

impl Config {
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`].
    pub(crate) fn check(&self) -> Result<(), AggregatorConfigError> {
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
