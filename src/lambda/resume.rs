//! Remembering what is done of Kinesis records that will come again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::size_of;
use std::ops::Range;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use super::record::EventRecord;

/// Identifies a Kinesis record among all that a function sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey<'a> {
    event_source_arn: &'a str,
    shard_id: &'a str,
    sequence_number: &'a str,
}

impl<'a> RecordKey<'a> {
    /// The key of this record. `None` if it has no sequence number, which Lambda's always have.
    pub fn of<R: EventRecord>(record: &'a R) -> Option<Self> {
        Some(Self {
            event_source_arn: record.event_source_arn().unwrap_or_default(),
            shard_id: record.shard_id().unwrap_or_default(),
            sequence_number: record.sequence_number().filter(|text| !text.is_empty())?,
        })
    }

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
        write!(
            f,
            "{}/{}/{}",
            self.event_source_arn, self.shard_id, self.sequence_number
        )
    }
}

/// A memory of the user records that were done, so that a retry leaves them out. Give one to
/// [`Processor::resume`](super::Processor::resume).
///
/// **`Ok` means durable.** When a handler returns `Ok`, its user record is remembered as done and
/// never handed out again, even if Lambda sends its Kinesis record ten times more. A handler must
/// not return `Ok` for what it has only buffered.
///
/// [`MemoryResume`](super::MemoryResume) lives as long as the warm function. To share a memory
/// between instances, implement this over a table: `examples/lambda_resume.rs` does. Both functions
/// are called once for each event that is processed, `load` before its first user record and `save`
/// after its last, also when the processing is cancelled. So a table that is reached asynchronously
/// can be read before the processing and written after it, with a plain map in between.
///
/// It holds a set for each Kinesis record and not a watermark, because with a
/// `ParallelizationFactor` the batches of one shard interleave.
pub trait Resume: Send + Sync {
    /// Returns what was done of each of these Kinesis records, in the same order. If the list is
    /// too short, nothing was done of the rest.
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done>;

    /// Remembers `kept` in place of what was remembered of each: these Kinesis records will come
    /// again, even those that are done whole. Forgets `succeeded`, which will not come again.
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

/// Which user records of a Kinesis record are done: a set of sub-sequence numbers.
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
    /// In order, none empty, with gaps between them, so that equal sets are equal here. None holds
    /// `u64::MAX`, so that each end is a number; no Kinesis record has so many user records.
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

    pub(super) fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Whether this user record is done.
    pub fn contains(&self, sub_sequence_number: u64) -> bool {
        let place = self
            .ranges
            .partition_point(|range| range.end <= sub_sequence_number);
        let range = self.ranges.get(place);
        range.is_some_and(|range| range.contains(&sub_sequence_number))
    }

    /// Adds a user record.
    pub fn insert(&mut self, sub_sequence_number: u64) {
        let Some(end) = sub_sequence_number.checked_add(1) else {
            return;
        };
        let place = self
            .ranges
            .partition_point(|range| range.end < sub_sequence_number);
        match self.ranges.get_mut(place) {
            // It is in there, or right before or after.
            Some(range) if range.start <= end => {
                range.start = range.start.min(sub_sequence_number);
                range.end = range.end.max(end);
            }
            _ => self.ranges.insert(place, sub_sequence_number..end),
        }
        // It may have been the gap before the next one.
        if let Some([range, next]) = self
            .ranges
            .get_mut(place..)
            .and_then(<[_]>::first_chunk_mut)
            && range.end == next.start
        {
            next.start = range.start;
            self.ranges.remove(place);
        }
    }

    /// The sub-sequence numbers, as ranges in order.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }
}

/// Ranges with both ends, as in `0-4,7`; nothing at all for nothing.
impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.ranges.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let last = range.end.saturating_sub(1);
            write!(f, "{comma}{}", range.start)?;
            if last > range.start {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

/// A text that is not a [`Done`].
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

/// How many Kinesis records a [`MemoryResume`] remembers by default: the most that one batch can
/// have.
pub const DEFAULT_MAX_RECORDS: usize = 10_000;

/// How many bytes a [`MemoryResume`] takes by default.
pub const DEFAULT_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Roughly what one entry costs besides its key and its ranges: the nodes of two maps.
const ENTRY: usize = 160;

/// Remembers in the function's own memory, as long as its instance stays warm. A retry that another
/// instance gets does everything again.
///
/// When it is full, it forgets what was saved longest ago, and those user records are done again if
/// they come again.
///
/// Keep one for all invocations, in the [`Processor`](super::Processor) that you make before the
/// first.
pub struct MemoryResume {
    max_records: usize,
    max_bytes: usize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    entries: HashMap<Arc<str>, Entry>,
    /// When each was saved.
    by_age: BTreeMap<u64, Arc<str>>,
    saves: u64,
    bytes: usize,
}

struct Entry {
    done: Done,
    saved: u64,
    bytes: usize,
}

impl MemoryResume {
    /// With room for [`DEFAULT_MAX_RECORDS`] and [`DEFAULT_MAX_BYTES`].
    pub fn new() -> Self {
        Self::with_limits(DEFAULT_MAX_RECORDS, DEFAULT_MAX_BYTES)
    }

    /// With room for this many Kinesis records, and about this many bytes.
    pub fn with_limits(max_records: usize, max_bytes: usize) -> Self {
        Self {
            max_records,
            max_bytes,
            memory: Mutex::default(),
        }
    }

    /// How many Kinesis records it remembers.
    pub fn len(&self) -> usize {
        self.with(|memory| memory.entries.len())
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nothing in here panics half way through a change, so a poisoned lock protects a good memory.
    fn with<T>(&self, f: impl FnOnce(&mut Memory) -> T) -> T {
        f(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn forget(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_age.remove(&entry.saved);
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }

    fn remember(&mut self, key: Arc<str>, done: Done) {
        self.forget(&key);
        let ranges = done.ranges().len().saturating_mul(size_of::<Range<u64>>());
        let bytes = key.len().saturating_add(ranges).saturating_add(ENTRY);
        self.saves = self.saves.wrapping_add(1);
        let saved = self.saves;
        self.bytes = self.bytes.saturating_add(bytes);
        self.by_age.insert(saved, Arc::clone(&key));
        let entry = Entry { done, saved, bytes };
        self.entries.insert(key, entry);
    }
}

impl Default for MemoryResume {
    fn default() -> Self {
        Self::new()
    }
}

impl Resume for MemoryResume {
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done> {
        self.with(|memory| {
            if memory.entries.is_empty() {
                return Vec::new();
            }
            let entry = |key: &RecordKey<'_>| memory.entries.get(key.to_string().as_str());
            let done = |key| entry(key).map(|entry| entry.done.clone());
            records
                .iter()
                .map(|key| done(key).unwrap_or_default())
                .collect()
        })
    }

    fn save(&self, kept: &[(RecordKey<'_>, Done)], succeeded: &[RecordKey<'_>]) {
        self.with(|memory| {
            for key in succeeded {
                memory.forget(&key.to_string());
            }
            for (key, done) in kept {
                memory.remember(Arc::from(key.to_string()), done.clone());
            }
            while (memory.entries.len() > self.max_records || memory.bytes > self.max_bytes)
                && let Some((_, oldest)) = memory.by_age.pop_first()
            {
                memory.forget(&oldest);
            }
        });
    }
}

/// Counts only.
impl fmt::Debug for MemoryResume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryResume")
            .field("records", &self.len())
            .field("max_records", &self.max_records)
            .field("max_bytes", &self.max_bytes)
            .finish()
    }
}
