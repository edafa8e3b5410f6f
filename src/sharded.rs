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

/// Packs the user records of a whole stream into Kinesis records, none of which spans two shards.
///
/// With a [`ShardMap`], user records share an aggregate if the same open shard owns them; without
/// one, if their effective hash keys are the same. User records without a partition key share
/// aggregates of their own, each under one random key.
///
/// If a shard is split before an aggregate for it arrives, the aggregate may span the two new
/// shards after all. So put it with its explicit hash key, see where it landed, and if one of its
/// user records does not belong there, put all of them again under the new map: the KCL drops the
/// first aggregate whole, so that nothing arrives twice. The package
/// `kinesis-aggregation-producer` does all of this.
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
    /// What is buffered: by the start of its shard's range, or, without a map, by its hash key.
    /// A start is as good as a shard id: open shards never share a hash key.
    open: BTreeMap<HashKey, Buffer<UserRecord>>,
    /// User records without a partition key.
    keyless: Buffer<UserRecord>,
}

impl ShardedAggregator {
    /// An aggregator with one aggregate for each open shard of `shard_map`.
    ///
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`]: `hash_key_range` and `mixing_shards` are refused.
    pub fn new(
        shard_map: ShardMap,
        builder: AggregatorBuilder,
    ) -> Result<Self, AggregatorConfigError> {
        let mut this = Self::per_hash_key(builder)?;
        this.shard_map = Some(shard_map);
        Ok(this)
    }

    /// An aggregator with one aggregate for each effective hash key, for programs that may not list
    /// shards: no split or merge can divide such an aggregate. It keeps as many aggregates as it
    /// has seen hash keys since the last [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`]: `hash_key_range` and `mixing_shards` are refused.
    pub fn per_hash_key(builder: AggregatorBuilder) -> Result<Self, AggregatorConfigError> {
        Ok(Self {
            settings: builder.into_settings()?,
            shard_map: None,
            hash_keys: HashKeyCache::default(),
            open: BTreeMap::new(),
            keyless: Buffer::default(),
        })
    }

    /// Adds a user record. If it does not fit what is buffered for its shard, that is closed and
    /// returned, and the user record starts the next Kinesis record: it is never in what its own
    /// push returns.
    ///
    /// # Errors
    ///
    /// An [`AggregateError`] of any [kind](crate::error::AggregateErrorKind) but `OutOfRange` and
    /// `NoHashKey`, with the record in it. What is buffered stays.
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
                let start = shard.map_or(hash_key, |shard| shard.hash_key_range().start());
                self.open.entry(start).or_default()
            }
        };
        let record = buffer.try_push(record, hash_key, &self.settings).err()?;
        let closed = buffer.close_and_forget(&self.settings);
        buffer.push(record, hash_key);
        closed
    }

    /// Adds user records and closes all. Returns what calls of [`push`](Self::push) and one of
    /// [`flush`](Self::flush) would return, in the same order, but computes all digests together,
    /// which is several times faster.
    ///
    /// The second list holds the user records that were refused, each with the reason; the others
    /// are packed as if they had not been there.
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

    /// Closes all that is buffered and returns it in the order of the hash keys. The aggregate of
    /// user records without a partition key comes last.
    pub fn flush(&mut self) -> Vec<KinesisRecord> {
        Unsealed::seal_all(self.close())
    }

    fn close(&mut self) -> Vec<Unsealed> {
        let mut open = std::mem::take(&mut self.open);
        open.values_mut()
            .chain([&mut self.keyless])
            .filter_map(|buffer| buffer.close_and_forget(&self.settings))
            .collect()
    }

    /// Goes by `shard_map` from now on. What is buffered is distributed anew, and what had to be
    /// closed for that is returned. The ranges of shards that only the old map knew stay known.
    pub fn set_shard_map(&mut self, shard_map: ShardMap) -> Vec<KinesisRecord> {
        self.shard_map = Some(match &self.shard_map {
            Some(old) => shard_map.remembering(old),
            None => shard_map,
        });
        let old = std::mem::take(&mut self.open);
        let closed = old
            .into_values()
            .flat_map(Buffer::into_records)
            .filter_map(|record| self.add(record))
            .collect();
        Unsealed::seal_all(closed)
    }

    /// Returns the shard map that it goes by, if there is one.
    pub fn shard_map(&self) -> Option<&ShardMap> {
        self.shard_map.as_ref()
    }

    /// Returns the number of user records that are buffered.
    pub fn len(&self) -> usize {
        let open: usize = self.open.values().map(Buffer::len).sum();
        open + self.keyless.len()
    }

    /// Returns whether nothing is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the exact length of the data of all that [`flush`](Self::flush) would return, in
    /// bytes.
    pub fn encoded_len(&self) -> usize {
        let open: usize = self.open.values().map(Buffer::encoded_len).sum();
        open + self.keyless.encoded_len()
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
