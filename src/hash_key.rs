//! Hash keys: where in a stream's key space a record belongs, and the ranges that shards own.

use std::fmt;
use std::str::FromStr;

use crate::error::{HashKeyRangeError, ParseHashKeyError};
use crate::md5;

/// A position in a stream's key space, `0..=2^128-1`.
///
/// Kinesis hashes every partition key to one (MD5, read as a big-endian number) unless the
/// record brings an explicit hash key. A shard owns a [`HashKeyRange`].
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

    /// The number of this hash key.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// The hash key that Kinesis, the KPL and the KCL compute from a partition key:
    /// the MD5 of its UTF-8 as a big-endian number.
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

/// Reads what Java's `BigInteger` reads, blanks around it trimmed: an optional ASCII sign, then
/// one or more decimal digits of any script in the Basic Multilingual Plane.
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

/// Reads `text` as the KCL does, which hands an explicit hash key to Java's `BigInteger`
/// untrimmed. Linear in the text, where the KCL's cost is quadratic.
pub(crate) fn parse_big_integer(text: &str) -> Result<HashKey, ParseHashKeyError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if digits.is_empty() {
        return Err(ParseHashKeyError::NotANumber);
    }
    // None once the number has passed 2^128 - 1; the rest must still be digits.
    let mut number = Some(0_u128);
    for c in digits.chars() {
        let digit = decimal_digit(c).ok_or(ParseHashKeyError::NotANumber)?;
        number = number
            .and_then(|n| n.checked_mul(10))
            .and_then(|n| n.checked_add(u128::from(digit)));
    }
    match number {
        Some(0) => Ok(HashKey::MIN),
        Some(number) if !negative => Ok(HashKey(number)),
        _ => Err(ParseHashKeyError::OutOfRange),
    }
}

/// The zeros of the scripts whose digits Java's `Character.digit(char, 10)` knows. It looks at
/// single UTF-16 units, so digits outside the Basic Multilingual Plane do not count.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

fn decimal_digit(c: char) -> Option<u8> {
    let below = ZEROS.partition_point(|&zero| zero <= u32::from(c));
    let zero = ZEROS.get(below.checked_sub(1)?)?;
    let digit = u8::try_from(u32::from(c).checked_sub(*zero)?).ok()?;
    (digit < 10).then_some(digit)
}

/// The hash keys that a shard owns, both ends inclusive.
///
/// ```
/// use kinesis_aggregation::{HashKey, HashKeyRange};
///
/// let lower_half: HashKeyRange = "0-170141183460469231731687303715884105727".parse()?;
/// assert!(lower_half.contains(HashKey::of_partition_key("key")));
/// assert!(HashKeyRange::new(HashKey::new(2), HashKey::new(1)).is_err());
/// # Ok::<(), kinesis_aggregation::error::HashKeyRangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// The lowest hash key of the range.
    pub const fn start(self) -> HashKey {
        self.start
    }

    /// The highest hash key of the range.
    pub const fn end(self) -> HashKey {
        self.end
    }

    /// Whether `hash_key` is in the range.
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
