//! Hash keys: where in a stream's key space a record belongs, and the ranges that shards own.

mod big_integer;

use std::fmt;
use std::str::FromStr;

pub use big_integer::ParseHashKeyError;

use crate::md5;

/// A position in a stream's key space, `0..=2^128-1`.
///
/// Kinesis hashes every partition key to one (its MD5, read as a big-endian number), unless the
/// record brings an explicit hash key. Each open shard owns a [`HashKeyRange`].
///
/// ```
/// use kinesis_aggregation::HashKey;
///
/// let of_key = HashKey::of_partition_key("key");
/// assert_eq!(of_key.to_string(), "80325066489831061459460196859901989661");
/// assert_eq!("007".parse(), Ok(HashKey::new(7)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(u128);

impl HashKey {
    /// The lowest hash key, 0.
    pub const MIN: Self = Self(u128::MIN);
    /// The highest hash key, 2^128 - 1.
    pub const MAX: Self = Self(u128::MAX);

    /// The hash key with this number.
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// Returns its number.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Computes the hash key of a partition key, as Kinesis, the KPL and the KCL do: the MD5 of
    /// its UTF-8 as a big-endian number.
    pub fn of_partition_key(partition_key: &str) -> Self {
        Self::from_digest(md5::digest(partition_key.as_bytes()))
    }

    pub(crate) const fn from_digest(digest: md5::Digest) -> Self {
        Self(u128::from_be_bytes(digest))
    }
}

impl From<u128> for HashKey {
    fn from(number: u128) -> Self {
        Self(number)
    }
}

impl From<HashKey> for u128 {
    fn from(hash_key: HashKey) -> Self {
        hash_key.0
    }
}

/// In ASCII decimal, as the service takes it.
impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Reads what Java's `BigInteger` reads, with blanks around it trimmed: an optional ASCII sign,
/// then one or more decimal digits of any script in the Basic Multilingual Plane.
///
/// # Errors
///
/// - [`ParseHashKeyError::NotANumber`]: anything else.
/// - [`ParseHashKeyError::OutOfRange`]: a number below 0 or above 2^128 - 1.
impl FromStr for HashKey {
    type Err = ParseHashKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_big_integer(text.trim())
    }
}

/// Reads `text` as the KCL reads an explicit hash key: by the same grammar, blanks not trimmed.
pub(crate) fn parse_big_integer(text: &str) -> Result<HashKey, ParseHashKeyError> {
    big_integer::parse(text).map(HashKey)
}

/// The hash keys that a shard owns, both ends inclusive.
///
/// Ranges are ordered by their starts.
///
/// ```
/// use kinesis_aggregation::{HashKey, HashKeyRange};
///
/// let lower_half: HashKeyRange = "0-170141183460469231731687303715884105727".parse()?;
/// assert!(lower_half.contains(HashKey::of_partition_key("key")));
/// assert!(HashKeyRange::new(HashKey::new(2), HashKey::new(1)).is_err());
/// # Ok::<(), kinesis_aggregation::error::HashKeyRangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKeyRange {
    start: HashKey,
    end: HashKey,
}

impl HashKeyRange {
    /// Every hash key. The KCL judges by this range where it does not know the shard's.
    pub const FULL: Self = Self {
        start: HashKey::MIN,
        end: HashKey::MAX,
    };

    /// The range from `start` to `end`, both inclusive.
    ///
    /// # Errors
    ///
    /// [`HashKeyRangeError::Reversed`] if `start` is above `end`.
    pub fn new(start: HashKey, end: HashKey) -> Result<Self, HashKeyRangeError> {
        if start > end {
            return Err(HashKeyRangeError::Reversed);
        }
        Ok(Self { start, end })
    }

    /// Returns the lowest hash key of the range.
    pub const fn start(self) -> HashKey {
        self.start
    }

    /// Returns the highest hash key of the range.
    pub const fn end(self) -> HashKey {
        self.end
    }

    /// Returns whether `hash_key` is in the range.
    pub fn contains(self, hash_key: HashKey) -> bool {
        self.start <= hash_key && hash_key <= self.end
    }
}

/// [`FULL`](Self::FULL), as in the KCL.
impl Default for HashKeyRange {
    fn default() -> Self {
        Self::FULL
    }
}

/// `START-END`, in decimal.
impl fmt::Display for HashKeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

/// Reads `START-END`, two hash keys, both inclusive.
///
/// # Errors
///
/// - [`HashKeyRangeError::NotARange`]: there is no `-` between two hash keys.
/// - [`HashKeyRangeError::HashKey`]: one of the two is not a hash key.
/// - [`HashKeyRangeError::Reversed`]: `START` is above `END`.
impl FromStr for HashKeyRange {
    type Err = HashKeyRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once('-').ok_or(HashKeyRangeError::NotARange)?;
        Self::new(start.parse()?, end.parse()?)
    }
}

/// Why two hash keys, or a text, are not a [`HashKeyRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashKeyRangeError {
    /// The start is above the end.
    #[error("the start of the hash key range is above its end")]
    Reversed,
    /// The text does not have the form `START-END`.
    #[error("a hash key range is written START-END")]
    NotARange,
    /// The start or the end is not a hash key.
    #[error("the start or the end of the hash key range is not a hash key")]
    HashKey(#[from] ParseHashKeyError),
}
