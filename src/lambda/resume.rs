//! Remembering what was done of Kinesis records that will come again.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// Names a Kinesis record among all that a function sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey<'a> {
    pub(super) event_source_arn: &'a str,
    pub(super) shard_id: &'a str,
    pub(super) sequence_number: &'a str,
}

impl<'a> RecordKey<'a> {
    /// The stream or consumer that the event is from; empty if the event does not say.
    pub fn event_source_arn(&self) -> &'a str {
        self.event_source_arn
    }

    /// The shard; empty if the event does not say.
    pub fn shard_id(&self) -> &'a str {
        self.shard_id
    }

    /// The Kinesis record's sequence number; never empty.
    pub fn sequence_number(&self) -> &'a str {
        self.sequence_number
    }
}

/// `ARN/SHARD/SEQUENCE`: a key for a table.
impl fmt::Display for RecordKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event_source_arn,
            shard_id,
            sequence_number,
        } = self;
        write!(f, "{event_source_arn}/{shard_id}/{sequence_number}")
    }
}

/// A memory of the user records that were done, so that a retry leaves them out: give one to
/// [`Processor::with_resume`](super::Processor::with_resume).
///
/// [`MemoryResume`](super::MemoryResume) lives as long as the warm function; to share it between
/// functions, implement this for a table of your own. It is asked once at the start of an
/// event's processing, and told once at its end, also when the processing is cancelled; so a
/// store that is reached asynchronously can be filled before and emptied behind the processing,
/// and be a plain map in between.
///
/// It is a set for each Kinesis record and never a watermark, because with a
/// `ParallelizationFactor` the batches of one shard interleave.
pub trait Resume: Send + Sync {
    /// What was done of each of these Kinesis records: one answer each, in the same order.
    /// What is missing at the end counts as nothing done.
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done>;

    /// Remembers `kept`, in place of what was remembered of each: these will come again, those
    /// that are done whole too. Forgets `succeeded`: these will not.
    fn save(&self, kept: &[(RecordKey<'_>, Done)], succeeded: &[RecordKey<'_>]);
}

impl<T: Resume + ?Sized> Resume for Arc<T> {
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done> {
        (**self).load(records)
    }

    fn save(&self, kept: &[(RecordKey<'_>, Done)], succeeded: &[RecordKey<'_>]) {
        (**self).save(kept, succeeded);
    }
}

/// Which user records of a Kinesis record were done: a set of sub-sequence numbers.
///
/// ```
/// use kinesis_aggregation::lambda::Done;
///
/// let mut done: Done = "0-4,7".parse()?;
/// done.insert(5);
/// assert!(done.contains(5) && !done.contains(6));
/// assert_eq!(done.to_string(), "0-5,7");
/// # Ok::<(), kinesis_aggregation::lambda::ParseDoneError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Done {
    /// In order; none empty; with gaps between them. `u64::MAX` is in none: no record is so long.
    ranges: Vec<Range<u64>>,
}

impl Done {
    /// Nothing is done.
    pub const fn nothing() -> Self {
        Self { ranges: Vec::new() }
    }

    /// All is done.
    pub fn everything() -> Self {
        let everything = 0..u64::MAX;
        Self {
            ranges: Vec::from([everything]),
        }
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether this user record is done.
    pub fn contains(&self, sub_sequence_number: u64) -> bool {
        let place = self.place(sub_sequence_number);
        let range = self.ranges.get(place);
        range.is_some_and(|range| range.contains(&sub_sequence_number))
    }

    /// Adds a user record.
    pub fn insert(&mut self, sub_sequence_number: u64) {
        let Some(end) = sub_sequence_number.checked_add(1) else {
            return;
        };
        let place = self.place(sub_sequence_number);
        let joins_next = match self.ranges.get(place) {
            Some(range) if range.contains(&sub_sequence_number) => return,
            Some(range) => range.start == end,
            None => false,
        };
        let before = place.checked_sub(1);
        let before = before.filter(|&before| {
            let range = self.ranges.get(before);
            range.is_some_and(|range| range.end == sub_sequence_number)
        });
        let end = if joins_next {
            self.ranges.remove(place).end
        } else {
            end
        };
        match before.and_then(|before| self.ranges.get_mut(before)) {
            Some(range) => range.end = end,
            None => self.ranges.insert(place, sub_sequence_number..end),
        }
    }

    /// The sub-sequence numbers, as ranges in order.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// The first range that ends behind the number.
    fn place(&self, sub_sequence_number: u64) -> usize {
        self.ranges
            .partition_point(|range| range.end <= sub_sequence_number)
    }
}

/// Ranges with both ends, as in `0-4,7`; empty for nothing.
impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.ranges.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            let last = range.end.saturating_sub(1);
            write!(f, "{}", range.start)?;
            if last > range.start {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

/// A text is not a [`Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of sub-sequence numbers and ranges of them, in order")]
pub struct ParseDoneError;

/// Reads what [`Done`] displays.
///
/// # Errors
///
/// [`ParseDoneError`] if it is no such list.
impl FromStr for Done {
    type Err = ParseDoneError;

    fn from_str(text: &str) -> Result<Self, ParseDoneError> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (start, last) = part.split_once('-').unwrap_or((part, part));
            let start: u64 = start.parse().map_err(|_| ParseDoneError)?;
            let last: u64 = last.parse().map_err(|_| ParseDoneError)?;
            let end = last.checked_add(1).ok_or(ParseDoneError)?;
            if end <= start || ranges.last().is_some_and(|before| before.end >= start) {
                return Err(ParseDoneError);
            }
            ranges.push(start..end);
        }
        Ok(Self { ranges })
    }
}
