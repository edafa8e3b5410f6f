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
    let number = match ascii_number(digits.as_bytes()) {
        Some(number) => number,
        None => any_number(digits)?,
    };
    match number {
        Some(0) => Ok(HashKey::MIN),
        Some(number) if !negative => Ok(HashKey(number)),
        _ => Err(ParseHashKeyError::OutOfRange),
    }
}

/// A number; none if it is above 2^128 - 1.
type Number = Option<u128>;

/// Reads decimal digits of any script.
///
/// # Errors
///
/// [`ParseHashKeyError::NotANumber`] if there is anything else.
fn any_number(digits: &str) -> Result<Number, ParseHashKeyError> {
    let mut number = Some(0);
    for c in digits.chars() {
        let digit = decimal_digit(c).ok_or(ParseHashKeyError::NotANumber)?;
        // What is behind a number that has grown too large must still be digits.
        number = append(number, 10, u64::from(digit));
    }
    Ok(number)
}

/// The same for ASCII, which almost all explicit hash keys are: eight digits at a time. None if
/// there is anything but ASCII digits.
fn ascii_number(digits: &[u8]) -> Option<Number> {
    let (head, eights) = digits.as_rchunks();
    let mut first = 0;
    for byte in head {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        first = first * 10 + u64::from(digit);
    }
    let mut number = Some(u128::from(first));
    for eight in eights {
        number = append(number, 100_000_000, eight_digits(*eight)?);
    }
    Some(number)
}

fn append(number: Number, shift: u128, digits: u64) -> Number {
    number?.checked_mul(shift)?.checked_add(u128::from(digits))
}

/// Eight ASCII digits: neighbours are joined to pairs, pairs to fours, fours to eight, all at
/// once in one word. No step carries into the next field.
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const EACH: u64 = u64::MAX / 0xFF;
    let digits = u64::from_le_bytes(bytes) ^ (EACH * 0x30);
    // Above 9, or no digit at all: the upper half of its byte is not empty, now or with 6 more.
    if (digits | digits.wrapping_add(EACH * 6)) & (EACH * 0xF0) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_in_every_place_of_eight() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut bytes = *b"90817263";
                bytes[place] = byte;
                let by_one = std::str::from_utf8(&bytes)
                    .ok()
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse().ok());
                assert_eq!(eight_digits(bytes), by_one, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn the_largest_and_one_more() {
        let largest = u128::MAX.to_string();
        assert_eq!(parse_big_integer(&largest), Ok(HashKey::MAX));
        let zeros = format!("{}{largest}", "0".repeat(100));
        assert_eq!(parse_big_integer(&zeros), Ok(HashKey::MAX));
        let more = "340282366920938463463374607431768211456";
        assert_eq!(parse_big_integer(more), Err(ParseHashKeyError::OutOfRange));
    }

    proptest! {
        #[test]
        fn eight_at_a_time_is_one_at_a_time(digits in "[0-9]{1,45}") {
            prop_assert_eq!(ascii_number(digits.as_bytes()), any_number(&digits).ok());
        }

        #[test]
        fn what_is_no_digit_is_found_wherever_it_stands(
            before in "[0-9]{0,20}",
            bad in "[^0-9]",
            after in "[0-9]{0,20}",
        ) {
            let text = format!("{before}{bad}{after}");
            prop_assert_eq!(ascii_number(text.as_bytes()), None);
        }
    }
}
