//! Remembers what is done of Kinesis records that will come again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
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
    /// The key of this record. `None` if it has no sequence number; records from Lambda have one.
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

/// Remembers which user records are done, so that a retry leaves them out. Give one to
/// [`Processor::resume`](super::Processor::resume).
///
/// **`Ok` means durable.** When a handler returns `Ok`, its user record is remembered as done and
/// never handed out again, even if Lambda sends its Kinesis record ten more times. A handler must
/// not return `Ok` for what it has only buffered.
///
/// [`MemoryResume`](super::MemoryResume) lasts as long as the function's instance stays warm. To share
/// it between instances, implement this trait over a table, as `examples/lambda_resume.rs` does. Both
/// methods are called once for each event, `load` before its first user record and `save` after its
/// last one, even if the processing is cancelled. So an asynchronous client can read the table before
/// the processing and write it afterwards, with a plain map in between.
///
/// It keeps a set for each Kinesis record, not a watermark for the shard, because with a
/// `ParallelizationFactor` the batches of one shard interleave.
pub trait Resume: Send + Sync {
    /// Returns what is done of each of these Kinesis records, in the same order. If the list is too
    /// short, nothing is done of the rest.
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done>;

    /// Replaces what is remembered of each Kinesis record in `kept`: these will come again, even those
    /// of which everything is done. Forgets `succeeded`, which will not come again.
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
    /// In order, none empty, with gaps between them, so that equal sets have equal ranges. None
    /// contains `u64::MAX`, so that each end is a `u64`; no Kinesis record has so many user records.
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

/// Ranges with both ends included, as in `0-4,7`; an empty text for an empty set.
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
/// [`ParseDoneError`] if it is not such a list.
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

/// How many Kinesis records a [`MemoryResume`] remembers by default: the largest batch that Lambda
/// sends.
pub const DEFAULT_MAX_RECORDS: usize = 10_000;

/// How many bytes of memory a [`MemoryResume`] takes at most, by default.
pub const DEFAULT_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Roughly what one entry costs besides its key and its ranges: the nodes of two maps.
const ENTRY: usize = 160;

/// Remembers in the function's memory, as long as its instance stays warm. If another instance gets
/// the retry, it does everything again.
///
/// When it is full, it forgets what was saved longest ago; those user records are done again if they
/// come again.
///
/// Make one [`Processor`](super::Processor) with it before the first invocation, and keep that.
pub struct MemoryResume {
    max_records: usize,
    max_bytes: usize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// What is done, and the number of the save that said so.
    entries: HashMap<Arc<str>, (u64, Done)>,
    /// The keys, by that number.
    by_age: BTreeMap<u64, Arc<str>>,
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

    /// No change of the memory can panic half way, so it is sound even if the lock is poisoned.
    fn with<T>(&self, f: impl FnOnce(&mut Memory) -> T) -> T {
        f(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn forget(&mut self, key: &str) {
        if let Some((saved, done)) = self.entries.remove(key) {
            self.by_age.remove(&saved);
            self.bytes = self.bytes.saturating_sub(size(key, &done));
        }
    }

    fn remember(&mut self, key: Arc<str>, done: Done) {
        self.forget(&key);
        let last = self.by_age.last_key_value();
        let saved = last.map_or(0, |(saved, _)| saved.saturating_add(1));
        self.bytes = self.bytes.saturating_add(size(&key, &done));
        self.by_age.insert(saved, Arc::clone(&key));
        self.entries.insert(key, (saved, done));
    }
}

/// Roughly what an entry takes, in bytes.
fn size(key: &str, done: &Done) -> usize {
    let ranges = size_of_val(done.ranges());
    key.len().saturating_add(ranges).saturating_add(ENTRY)
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
            let done = |key: &RecordKey<'_>| {
                let entry = memory.entries.get(key.to_string().as_str());
                entry.map(|(_, done)| done.clone()).unwrap_or_default()
            };
            records.iter().map(done).collect()
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
