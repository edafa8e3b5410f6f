//! The memory of a warm function.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::size_of;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::resume::{Done, RecordKey, Resume};

/// Kinesis records that are remembered unless [told](MemoryResume::with_limits) otherwise: the
/// most that one batch can have.
pub const DEFAULT_MAX_RECORDS: usize = 10_000;

/// Bytes that are remembered unless [told](MemoryResume::with_limits) otherwise.
pub const DEFAULT_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What one entry costs beside its key and its ranges, about: the nodes of two maps.
const ENTRY: usize = 160;

/// Remembers in the function's own memory: as long as the function stays warm, and only for the
/// instance that failed. A retry that another instance gets does all again.
///
/// When it is full, it forgets what was saved longest ago; those user records are then done again
/// if they come again.
///
/// Keep one for all invocations: put it into the [`Processor`](super::Processor) that you make
/// before the first.
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

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nothing in here leaves the memory half changed, so a poisoned one is good.
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

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.by_age.pop_first() {
            self.forget(&key);
        }
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
            while memory.entries.len() > self.max_records || memory.bytes > self.max_bytes {
                memory.forget_oldest();
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
