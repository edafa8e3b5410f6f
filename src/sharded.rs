//! One aggregate for each shard that user records are predicted to go to.

use std::collections::BTreeMap;
use std::fmt;

use crate::aggregate::{
    AggregateError, AggregatorBuilder, Buffer, HashKeyCache, Settings, Unsealed,
};
use crate::error::AggregatorConfigError;
use crate::hash_key::HashKey;
use crate::record::{KinesisRecord, UserRecord};
use crate::shard::ShardMap;

/// Packs user records into Kinesis records so that no aggregate straddles shards.
///
/// With a [`ShardMap`], user records share an aggregate if one open shard owns them all; without,
/// if their effective hash key is the same. User records without a partition key share aggregates
/// of their own, each under one random key.
///
/// An aggregate that is put after its shard was split may still straddle the new ones: put it
/// with its explicit hash key, see where it landed, and if any of its user records belongs
/// elsewhere, put all of them again under the new map. The KCL drops it whole, so none arrives
/// twice. The feature `producer` does that.
///
/// ```
/// use kinesis_aggregation::{Aggregator, ShardMap, ShardedAggregator, UserRecord};
///
/// let shard_map = ShardMap::one_shard("shardId-000000000000");
/// let mut aggregator = ShardedAggregator::new(shard_map, Aggregator::builder())?;
/// aggregator.push(UserRecord::new("a", "one"))?;
/// aggregator.push(UserRecord::new("b", "two"))?;
/// assert_eq!(aggregator.flush().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ShardedAggregator {
    settings: Settings,
    shard_map: Option<ShardMap>,
    hash_keys: HashKeyCache,
    /// What is buffered, by the start of its shard's range, or by its hash key without a map.
    lanes: BTreeMap<HashKey, Buffer<UserRecord>>,
    /// User records without a partition key.
    keyless: Buffer<UserRecord>,
}

impl ShardedAggregator {
    /// One aggregate per open shard of `shard_map`.
    ///
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`].
    pub fn new(
        shard_map: ShardMap,
        builder: AggregatorBuilder,
    ) -> Result<Self, AggregatorConfigError> {
        let mut this = Self::per_hash_key(builder)?;
        this.shard_map = Some(shard_map);
        Ok(this)
    }

    /// One aggregate per effective hash key, for those who may not list shards: no split and no
    /// merge can tear it apart. It holds as many aggregates as it has seen keys since the last
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`].
    pub fn per_hash_key(builder: AggregatorBuilder) -> Result<Self, AggregatorConfigError> {
        Ok(Self {
            settings: builder.into_settings()?,
            shard_map: None,
            hash_keys: HashKeyCache::default(),
            lanes: BTreeMap::new(),
            keyless: Buffer::default(),
        })
    }

    /// Adds a user record. When it does not fit what is buffered for its shard, that is closed
    /// and returned; the user record itself is never in what its own push returns.
    ///
    /// # Errors
    ///
    /// Every [`AggregateErrorKind`](crate::error::AggregateErrorKind) but `OutOfRange` and
    /// `NoHashKey`; the record comes back, and what is buffered stays.
    pub fn push(&mut self, record: UserRecord) -> Result<Option<KinesisRecord>, AggregateError> {
        if let Err(kind) = self.settings.check(&record) {
            return Err(AggregateError::new(record, kind));
        }
        Ok(self.add(record).map(Unsealed::seal))
    }

    /// Adds a checked user record and returns what it closed.
    fn add(&mut self, record: UserRecord) -> Option<Unsealed> {
        let hash_key = self.hash_keys.hash_key(&record);
        let buffer = match hash_key {
            None => &mut self.keyless,
            Some(hash_key) => {
                let shard = self.shard_map.as_ref().map(|map| map.predict(hash_key));
                let lane = shard.map_or(hash_key, |shard| shard.hash_key_range().start());
                self.lanes.entry(lane).or_default()
            }
        };
        let record = buffer.try_push(record, hash_key, &self.settings).err()?;
        let closed = buffer.close_and_forget(&self.settings);
        buffer.push(record, hash_key);
        closed
    }

    /// Adds user records and closes all: what many calls of [`push`](Self::push) and one of
    /// [`flush`](Self::flush) would return, but with all digests computed together, which is
    /// several times faster. Those it refuses come second, each with the reason, and change
    /// nothing else.
    pub fn aggregate_batch(
        &mut self,
        records: impl IntoIterator<Item = UserRecord>,
    ) -> (Vec<KinesisRecord>, Vec<AggregateError>) {
        let mut closed = Vec::new();
        let mut refused = Vec::new();
        for record in records {
            match self.settings.check(&record) {
                Ok(()) => closed.extend(self.add(record)),
                Err(kind) => refused.push(AggregateError::new(record, kind)),
            }
        }
        closed.extend(self.close());
        (Unsealed::seal_all(closed), refused)
    }

    /// Closes and returns all that is buffered, by hash key, the user records without a partition
    /// key last.
    pub fn flush(&mut self) -> Vec<KinesisRecord> {
        Unsealed::seal_all(self.close())
    }

    fn close(&mut self) -> Vec<Unsealed> {
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes
            .values_mut()
            .chain([&mut self.keyless])
            .filter_map(|buffer| buffer.close_and_forget(&self.settings))
            .collect()
    }

    /// Routes by `shard_map` from now on, what is buffered too, and returns what that closed. The
    /// ranges of shards that the old map knew stay known.
    pub fn set_shard_map(&mut self, shard_map: ShardMap) -> Vec<KinesisRecord> {
        self.shard_map = Some(match &self.shard_map {
            Some(old) => shard_map.remembering(old),
            None => shard_map,
        });
        let lanes = std::mem::take(&mut self.lanes);
        let closed = lanes
            .into_values()
            .flat_map(Buffer::into_records)
            .filter_map(|record| self.add(record))
            .collect();
        Unsealed::seal_all(closed)
    }

    /// The shard map in force, if there is one.
    pub fn shard_map(&self) -> Option<&ShardMap> {
        self.shard_map.as_ref()
    }

    /// How many user records are buffered.
    pub fn len(&self) -> usize {
        let lanes: usize = self.lanes.values().map(Buffer::len).sum();
        lanes + self.keyless.len()
    }

    /// Whether nothing is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of the data of all Kinesis records that [`flush`](Self::flush) would return, in
    /// bytes.
    pub fn encoded_len(&self) -> usize {
        let lanes: usize = self.lanes.values().map(Buffer::encoded_len).sum();
        lanes + self.keyless.encoded_len()
    }
}

/// Counts only.
impl fmt::Debug for ShardedAggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedAggregator")
            .field("len", &self.len())
            .field("encoded_len", &self.encoded_len())
            .finish_non_exhaustive()
    }
}
