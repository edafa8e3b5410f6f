//! Which shard owns a hash key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::ShardMapError;
use crate::hash_key::{HashKey, HashKeyRange};
use crate::sequence::SequenceNumber;

/// A shard, as `ListShards` describes it. With the feature `serde` it is a struct of `id`,
/// `hash_key_range`, `closed` and `starting_sequence_number`, which may be missing.
///
/// ```
/// use kinesis_aggregation::{HashKeyRange, Shard};
///
/// let shard = Shard::open("shardId-000000000000", HashKeyRange::FULL);
/// assert!(!shard.is_closed());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Shard {
    id: String,
    hash_key_range: HashKeyRange,
    closed: bool,
    starting_sequence_number: Option<SequenceNumber>,
}

impl Shard {
    /// A shard that takes records: `ListShards` gives it no ending sequence number.
    pub fn open(id: impl Into<String>, hash_key_range: HashKeyRange) -> Self {
        Self {
            id: id.into(),
            hash_key_range,
            closed: false,
            starting_sequence_number: None,
        }
    }

    /// A shard that was split or merged: `ListShards` gives it an ending sequence number.
    pub fn closed(id: impl Into<String>, hash_key_range: HashKeyRange) -> Self {
        Self {
            closed: true,
            ..Self::open(id, hash_key_range)
        }
    }

    /// With its `StartingSequenceNumber`. It tells a shard from one of the same id in a stream that
    /// was deleted and created again under its name.
    #[must_use]
    pub fn with_starting_sequence_number(mut self, number: SequenceNumber) -> Self {
        self.starting_sequence_number = Some(number);
        self
    }

    /// Returns its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the hash keys that it owns, or owned until it was closed.
    pub fn hash_key_range(&self) -> HashKeyRange {
        self.hash_key_range
    }

    /// Returns whether it takes no more records.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the lowest sequence number that its records may have, if known.
    pub fn starting_sequence_number(&self) -> Option<&SequenceNumber> {
        self.starting_sequence_number.as_ref()
    }
}

/// The shards of a stream: which open shard owns a hash key, and the range of every shard, closed
/// ones too.
///
/// ```
/// use kinesis_aggregation::{HashKey, HashKeyRange, Shard, ShardMap};
///
/// let map = ShardMap::new([
///     Shard::closed("shardId-000000000000", HashKeyRange::FULL),
///     Shard::open("shardId-000000000001", "0-99".parse()?),
///     Shard::open("shardId-000000000002", HashKeyRange::new(HashKey::new(100), HashKey::MAX)?),
/// ])?;
/// assert_eq!(map.predict(HashKey::new(99)).id(), "shardId-000000000001");
/// assert_eq!(map.hash_key_range("shardId-000000000000"), Some(HashKeyRange::FULL));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardMap {
    /// Sorted by their ranges, which cover all hash keys without gap or overlap: so there is at
    /// least one, and the first one's starts at 0.
    open: Vec<Shard>,
    /// By shard id, open and closed.
    ranges: HashMap<String, HashKeyRange>,
}

impl ShardMap {
    /// Makes the map of these shards, open and closed ones in any order. A shard may be listed
    /// twice with the same range; it is closed if one of the two is.
    ///
    /// # Errors
    ///
    /// - [`ShardMapError::Gap`]: no open shard owns some hash key.
    /// - [`ShardMapError::Overlap`]: two open shards own a hash key.
    /// - [`ShardMapError::RangeChanged`]: a shard is listed with two ranges.
    pub fn new(shards: impl IntoIterator<Item = Shard>) -> Result<Self, ShardMapError> {
        let mut by_id: HashMap<String, Shard> = HashMap::new();
        for shard in shards {
            match by_id.entry(shard.id.clone()) {
                Entry::Vacant(vacant) => drop(vacant.insert(shard)),
                Entry::Occupied(known) if known.get().hash_key_range != shard.hash_key_range => {
                    return Err(ShardMapError::RangeChanged { id: shard.id });
                }
                Entry::Occupied(mut known) => known.get_mut().closed |= shard.closed,
            }
        }
        let ranges = by_id
            .values()
            .map(|shard| (shard.id.clone(), shard.hash_key_range))
            .collect();
        let mut open: Vec<_> = by_id.into_values().filter(|shard| !shard.closed).collect();
        open.sort_by_key(|shard| shard.hash_key_range.start());
        check(&open)?;
        Ok(Self { open, ranges })
    }

    /// Makes the map of a stream with one shard.
    pub fn one_shard(id: impl Into<String>) -> Self {
        let shard = Shard::open(id, HashKeyRange::FULL);
        Self {
            ranges: HashMap::from([(shard.id.clone(), shard.hash_key_range)]),
            open: vec![shard],
        }
    }

    /// Returns the open shard that owns `hash_key`, where Kinesis will put it unless the shards
    /// change before.
    pub fn predict(&self, hash_key: HashKey) -> &Shard {
        // The first range starts at 0, so at least one starts at or below the hash key.
        let below = |shard: &Shard| shard.hash_key_range.start() <= hash_key;
        &self.open[self.open.partition_point(below).saturating_sub(1)]
    }

    /// Returns the open shards, in the order of their hash keys.
    pub fn open_shards(&self) -> &[Shard] {
        &self.open
    }

    /// Returns the range of a shard, open or closed, that this map knows. A shard's range never
    /// changes, so it can be relied on however old the map is.
    pub fn hash_key_range(&self, shard_id: &str) -> Option<HashKeyRange> {
        self.ranges.get(shard_id).copied()
    }

    /// Adds the ranges of the shards that only `older` knew: `ListShards` forgets closed ones once
    /// their records are past the stream's retention.
    #[must_use]
    pub fn remembering(mut self, older: &Self) -> Self {
        for (id, range) in &older.ranges {
            self.ranges.entry(id.clone()).or_insert(*range);
        }
        self
    }
}

/// Checks that each hash key has exactly one of these shards, which are sorted by their starts.
///
/// `expected` is the hash key after the last range, where the next one must start; `None` once
/// 2^128 - 1 is reached, when none may follow:
///
/// ```text
/// 0-9, 10-max   0, 10, None: fine      0-9, 11-max   10 is missing: a gap at 10
/// 0-9, 9-max    9 < 10: overlap        0-9           ends with 10: a gap at 10
/// ```
fn check(open: &[Shard]) -> Result<(), ShardMapError> {
    let mut expected = Some(HashKey::MIN);
    for shard in open {
        let start = shard.hash_key_range.start();
        match expected {
            Some(next) if start == next => {}
            Some(next) if start > next => return Err(ShardMapError::Gap { at: next }),
            _ => {
                return Err(ShardMapError::Overlap {
                    id: shard.id.clone(),
                });
            }
        }
        let end = shard.hash_key_range.end();
        expected = end.get().checked_add(1).map(HashKey::new);
    }
    match expected {
        None => Ok(()),
        Some(at) => Err(ShardMapError::Gap { at }),
    }
}
