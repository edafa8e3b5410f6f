//! Sequence numbers: the order of records in a shard.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::ParseSequenceNumberError;

/// The sequence number of a Kinesis record, ordered as a number.
///
/// Sequence numbers have up to 129 digits and differ in length, so their texts do not sort.
/// Cloning one is cheap.
///
/// ```
/// use kinesis_aggregation::SequenceNumber;
///
/// let nine: SequenceNumber = "9".parse()?;
/// let ten: SequenceNumber = "10".parse()?;
/// assert!(nine < ten);
/// # Ok::<(), kinesis_aggregation::error::ParseSequenceNumberError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber(Arc<str>);

impl SequenceNumber {
    /// Its decimal digits, without leading zeros.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text` without leading zeros, if it is a sequence number.
fn digits(text: &str) -> Option<&str> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match text.trim_start_matches('0') {
        "" => Some("0"),
        digits => Some(digits),
    }
}

/// Compares two texts of [`digits`] as numbers.
fn cmp_digits(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        cmp_digits(&self.0, &other.0)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Reads decimal digits; leading zeros do not count.
///
/// # Errors
///
/// [`ParseSequenceNumberError`] if there is no digit, or anything else than ASCII digits.
impl FromStr for SequenceNumber {
    type Err = ParseSequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        digits(text)
            .map(|digits| Self(digits.into()))
            .ok_or(ParseSequenceNumberError)
    }
}

/// A position inside a shard, down to the user record: a Kinesis record's sequence number and
/// the user record's place in it. This is what a KCL checkpoint holds.
///
/// ```
/// use kinesis_aggregation::ExtendedSequenceNumber;
///
/// let checkpoint: ExtendedSequenceNumber = "49590338271490256608559692538361571095921575989136588898:2".parse()?;
/// assert_eq!(checkpoint.sub_sequence_number(), 2);
/// assert!(checkpoint < ExtendedSequenceNumber::end_of(checkpoint.sequence_number().clone()));
/// # Ok::<(), kinesis_aggregation::error::ParseSequenceNumberError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedSequenceNumber {
    sequence_number: SequenceNumber,
    sub_sequence_number: u64,
}

impl ExtendedSequenceNumber {
    /// The user record at `sub_sequence_number`, counted from 0, of a Kinesis record.
    pub const fn new(sequence_number: SequenceNumber, sub_sequence_number: u64) -> Self {
        Self {
            sequence_number,
            sub_sequence_number,
        }
    }

    /// The end of a Kinesis record: at or above all its user records.
    pub const fn end_of(sequence_number: SequenceNumber) -> Self {
        Self::new(sequence_number, u64::MAX)
    }

    /// The Kinesis record's sequence number.
    pub const fn sequence_number(&self) -> &SequenceNumber {
        &self.sequence_number
    }

    /// The user record's place in its Kinesis record, counted from 0.
    pub const fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }

    /// How the Kinesis record with the sequence number `text` compares to this one's; none if
    /// `text` is not a sequence number.
    pub(crate) fn cmp_sequence_number(&self, text: &str) -> Option<Ordering> {
        digits(text).map(|digits| cmp_digits(digits, &self.sequence_number.0))
    }
}

/// `SEQUENCE:SUB`.
impl fmt::Display for ExtendedSequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence_number, self.sub_sequence_number)
    }
}

/// Reads `SEQUENCE:SUB`, or `SEQUENCE` alone for the end of that Kinesis record.
///
/// # Errors
///
/// [`ParseSequenceNumberError`] if either is missing or not in ASCII digits, or `SUB` is 2^64 or
/// more.
impl FromStr for ExtendedSequenceNumber {
    type Err = ParseSequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((sequence, sub)) = text.split_once(':') else {
            return text.parse().map(Self::end_of);
        };
        // Unlike u64's own grammar, no sign.
        let sub = digits(sub).ok_or(ParseSequenceNumberError)?;
        let sub = sub.parse().map_err(|_| ParseSequenceNumberError)?;
        Ok(Self::new(sequence.parse()?, sub))
    }
}
