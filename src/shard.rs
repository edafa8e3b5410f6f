//! Which shard owns a hash key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::ShardMapError;
use crate::hash_key::{HashKey, HashKeyRange};

/// A shard, as `ListShards` describes it.
///
/// ```
/// use kinesis_aggregation::{HashKeyRange, Shard};
///
/// let shard = Shard::open("shardId-000000000000", HashKeyRange::FULL);
/// assert!(!shard.is_closed());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    id: String,
    hash_key_range: HashKeyRange,
    closed: bool,
}

impl Shard {
    /// A shard that takes records: it has no ending sequence number.
    pub fn open(id: impl Into<String>, hash_key_range: HashKeyRange) -> Self {
        Self {
            id: id.into(),
            hash_key_range,
            closed: false,
        }
    }

    /// A shard that was split or merged: it has an ending sequence number.
    pub fn closed(id: impl Into<String>, hash_key_range: HashKeyRange) -> Self {
        Self {
            closed: true,
            ..Self::open(id, hash_key_range)
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The hash keys that it owns, or owned.
    pub fn hash_key_range(&self) -> HashKeyRange {
        self.hash_key_range
    }

    /// Whether it takes no records any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

/// The shards of a stream: which open shard owns a hash key, and the range of every shard.
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
    /// Sorted, without gap or overlap; never empty.
    open: Vec<Shard>,
    ranges: HashMap<String, HashKeyRange>,
}

impl ShardMap {
    /// The map of these shards, open and closed ones in any order. A shard may be listed again
    /// with the same range; it is closed if one of its entries is.
    ///
    /// # Errors
    ///
    /// [`ShardMapError`] unless every hash key has exactly one open shard and every shard one
    /// range.
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

    /// A stream of one shard.
    pub fn one_shard(id: impl Into<String>) -> Self {
        let shard = Shard::open(id, HashKeyRange::FULL);
        Self {
            ranges: HashMap::from([(shard.id.clone(), shard.hash_key_range)]),
            open: vec![shard],
        }
    }

    /// The open shard that owns `hash_key`.
    pub fn predict(&self, hash_key: HashKey) -> &Shard {
        &self.open[self.predict_index(hash_key)]
    }

    /// The position in [`open_shards`](Self::open_shards) of the one that owns `hash_key`.
    pub(crate) fn predict_index(&self, hash_key: HashKey) -> usize {
        // The first shard starts at 0, so at least one is at or below.
        self.open
            .partition_point(|shard| shard.hash_key_range.start() <= hash_key)
            .saturating_sub(1)
    }

    /// The open shards, by their hash keys.
    pub fn open_shards(&self) -> &[Shard] {
        &self.open
    }

    /// The range of any shard that this map has ever known, closed ones too: a shard id's range
    /// never changes.
    pub fn hash_key_range(&self, shard_id: &str) -> Option<HashKeyRange> {
        self.ranges.get(shard_id).copied()
    }

    /// This map, which also remembers the ranges of the shards that `older` knew.
    #[must_use]
    pub fn remembering(mut self, older: &Self) -> Self {
        for (id, range) in &older.ranges {
            self.ranges.entry(id.clone()).or_insert(*range);
        }
        self
    }
}

/// Every hash key must have exactly one of these shards, sorted by their starts.
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
