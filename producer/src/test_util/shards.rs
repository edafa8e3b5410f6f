//! The shards of a stream in memory, and what they hold.

use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard};
use tokio::time::Instant;

/// A Kinesis record that a shard holds.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    pub(super) shard_id: String,
    pub(super) sequence_number: String,
    pub(super) record: KinesisRecord,
}

impl StoredRecord {
    /// Returns the id of the shard that holds it.
    pub fn shard_id(&self) -> &str {
        &self.shard_id
    }

    /// Returns its sequence number.
    pub fn sequence_number(&self) -> &str {
        &self.sequence_number
    }

    /// Returns the Kinesis record as it was put.
    pub fn kinesis_record(&self) -> &KinesisRecord {
        &self.record
    }
}

/// Why the shards cannot be changed like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReshardError {
    /// No open shard has this id.
    #[error("no open shard has this id")]
    NoSuchShard,
    /// A shard of one hash key cannot be split.
    #[error("a shard of one hash key cannot be split")]
    TooNarrow,
    /// Only neighbours can be merged.
    #[error("the shards are not neighbours")]
    NotAdjacent,
}

struct MemoryShard {
    id: String,
    range: HashKeyRange,
    is_open: bool,
    /// When its current second began, and the records that it took since.
    second: Option<Instant>,
    taken: u32,
}

/// One life of a stream.
pub(super) struct Shards {
    shards: Vec<MemoryShard>,
}

impl Shards {
    /// So many open shards, the hash keys divided evenly among them; at least one.
    pub(super) fn new(count: u32) -> Self {
        let count = u128::from(count.max(1));
        let width = u128::MAX / count;
        let mut shards = Self { shards: Vec::new() };
        for number in 0..count {
            let start = number * width;
            let is_last = number + 1 == count;
            let end = if is_last {
                u128::MAX
            } else {
                start + (width - 1)
            };
            shards.add(HashKey::new(start), HashKey::new(end));
        }
        shards
    }

    /// Adds an open shard; `None` if the start is after the end.
    fn add(&mut self, start: HashKey, end: HashKey) -> Option<String> {
        let range = HashKeyRange::new(start, end).ok()?;
        let id = format!("shardId-{:012}", self.shards.len());
        self.shards.push(MemoryShard {
            id: id.clone(),
            range,
            is_open: true,
            second: None,
            taken: 0,
        });
        Some(id)
    }

    pub(super) fn list(&self) -> Vec<Shard> {
        let shard = |shard: &MemoryShard| match shard.is_open {
            true => Shard::open(shard.id.as_str(), shard.range),
            false => Shard::closed(shard.id.as_str(), shard.range),
        };
        self.shards.iter().map(shard).collect()
    }

    pub(super) fn range(&self, shard_id: &str) -> Option<HashKeyRange> {
        let shard = self.shards.iter().find(|shard| shard.id == shard_id)?;
        Some(shard.range)
    }

    fn open(&mut self, shard_id: &str) -> Result<&mut MemoryShard, ReshardError> {
        let mut open = self.shards.iter_mut().filter(|shard| shard.is_open);
        open.find(|shard| shard.id == shard_id)
            .ok_or(ReshardError::NoSuchShard)
    }

    /// Splits in the middle. Returns the ids of the new shards.
    pub(super) fn split(&mut self, shard_id: &str) -> Result<[String; 2], ReshardError> {
        let shard = self.open(shard_id)?;
        let (start, end) = (shard.range.start(), shard.range.end());
        let width = end.get() - start.get();
        if width == 0 {
            return Err(ReshardError::TooNarrow);
        }
        shard.is_open = false;
        let middle = start.get() + width / 2;
        let lower = self.add(start, HashKey::new(middle));
        let upper = self.add(HashKey::new(middle + 1), end);
        Ok([lower.unwrap_or_default(), upper.unwrap_or_default()])
    }

    /// Merges two neighbours. Returns the id of the new shard.
    pub(super) fn merge(&mut self, one: &str, other: &str) -> Result<String, ReshardError> {
        let (a, b) = (self.open(one)?.range, self.open(other)?.range);
        let (low, high) = (a.min(b), a.max(b));
        if low.end().get().checked_add(1) != Some(high.start().get()) {
            return Err(ReshardError::NotAdjacent);
        }
        self.open(one)?.is_open = false;
        self.open(other)?.is_open = false;
        Ok(self.add(low.start(), high.end()).unwrap_or_default())
    }

    /// Returns the open shard that owns this hash key.
    pub(super) fn owner(&self, hash_key: HashKey) -> Option<usize> {
        let owns = |shard: &MemoryShard| shard.is_open && shard.range.contains(hash_key);
        self.shards.iter().position(owns)
    }

    /// Returns an open shard, each in turn.
    pub(super) fn any(&self, turn: usize) -> Option<usize> {
        let open: Vec<_> = (0..self.shards.len())
            .filter(|&at| self.shards.get(at).is_some_and(|shard| shard.is_open))
            .collect();
        open.get(turn % open.len().max(1)).copied()
    }

    pub(super) fn id(&self, at: usize) -> &str {
        self.shards.get(at).map_or("", |shard| &shard.id)
    }

    /// Whether this shard takes another record in this second, of at most so many.
    pub(super) fn takes(&mut self, at: usize, now: Instant, limit: u32) -> bool {
        let Some(shard) = self.shards.get_mut(at) else {
            return false;
        };
        let is_over = |start: Instant| now.saturating_duration_since(start).as_secs() >= 1;
        if shard.second.is_none_or(is_over) {
            shard.second = Some(now);
            shard.taken = 0;
        }
        let takes = shard.taken < limit;
        shard.taken += u32::from(takes);
        takes
    }
}
