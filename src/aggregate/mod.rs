//! User records into Kinesis records, by the KPL's rules.

mod buffer;
mod check;
mod closed;
mod hash_key_cache;
mod settings;
mod table;

use std::fmt;

pub use buffer::Buffer;
pub use closed::Closed;
pub use hash_key_cache::HashKeyCache;
pub use settings::{
    DEFAULT_MAX_COUNT, DEFAULT_MAX_RECORD_SIZE, DEFAULT_MAX_SIZE, HIGHEST_MAX_RECORD_SIZE,
    OuterKey, Settings,
};

pub(crate) use closed::Unsealed;

use crate::error::{AggregateErrorKind, AggregatorConfigError};
use crate::hash_key::{HashKey, HashKeyRange};
use crate::record::{KinesisRecord, UserRecord};

/// Packs user records into Kinesis records, one after another.
///
/// By default an aggregate holds user records of one effective hash key only, so that it belongs to
/// one shard whatever the shards are; a user record with another one closes it. Use
/// [`hash_key_range`](AggregatorBuilder::hash_key_range) if you know the shard, and
/// [`ShardedAggregator`](crate::ShardedAggregator) for a whole stream.
///
/// ```
/// use kinesis_aggregation::{Aggregator, UserRecord, deaggregate};
///
/// let mut aggregator = Aggregator::builder().max_size(1000).build()?;
/// assert!(aggregator.push(UserRecord::new("key", "one"))?.is_none());
/// assert!(aggregator.push(UserRecord::new("key", "two"))?.is_none());
/// let length = aggregator.encoded_len();
/// let kinesis_record = aggregator.flush().expect("two user records");
/// assert_eq!(kinesis_record.data().len(), length);
/// assert_eq!(deaggregate("a", kinesis_record.data()).user_records().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Aggregator {
    settings: Settings,
    scope: Scope,
    hash_keys: HashKeyCache,
    buffer: Buffer<UserRecord>,
}

impl Aggregator {
    /// Starts from the KPL's settings.
    pub fn builder() -> AggregatorBuilder {
        AggregatorBuilder::default()
    }

    /// Adds a user record. If it does not fit what is buffered, that is closed and returned, and
    /// the user record starts the next Kinesis record: it is never in what its own push returns.
    ///
    /// # Errors
    ///
    /// An [`AggregateError`] of any [kind](AggregateErrorKind), with the record in it. What is
    /// buffered stays.
    pub fn push(&mut self, record: UserRecord) -> Result<Option<KinesisRecord>, AggregateError> {
        Ok(self.add(record)?.map(Unsealed::seal))
    }

    /// Adds a user record and returns what it closed.
    #[inline]
    fn add(&mut self, record: UserRecord) -> Result<Option<Unsealed>, AggregateError> {
        if let Err(kind) = self.settings.check(&record) {
            return Err(AggregateError::new(record, kind));
        }
        let mixing = matches!(self.scope, Scope::MixingShards);
        // If shards are mixed, only the first one's hash key is ever used: the Kinesis record is
        // put under it. The buffer works it out.
        let hash_key = if mixing {
            None
        } else {
            self.hash_keys.hash_key(&record)
        };
        if !mixing && let Err(kind) = self.scope.check(hash_key) {
            return Err(AggregateError::new(record, kind));
        }
        if (mixing || self.buffer.is_empty() || self.scope.mixes(&self.buffer, hash_key))
            && let Some(plan) = self.buffer.plan_within(&record, &self.settings)
        {
            self.buffer.commit(record, hash_key, plan);
            return Ok(None);
        }
        let closed = self.buffer.close_and_forget(&self.settings);
        self.buffer.push(record, hash_key);
        Ok(closed)
    }

    /// Adds user records and closes all. Returns what calls of [`push`](Self::push) and one of
    /// [`flush`](Self::flush) would return, in the same order, but computes all digests together,
    /// which is several times faster.
    ///
    /// The second list holds the user records that were refused, each with the reason; the others
    /// are packed as if they had not been there.
    ///
    /// ```
    /// use kinesis_aggregation::{Aggregator, UserRecord};
    ///
    /// let mut aggregator = Aggregator::builder().max_size(1000).mixing_shards().build()?;
    /// let user_records = (0..100).map(|i| UserRecord::new(format!("key {i}"), "data"));
    /// let (kinesis_records, refused) = aggregator.aggregate_batch(user_records);
    /// assert_eq!(kinesis_records.len(), 2);
    /// assert!(refused.is_empty());
    /// # Ok::<(), kinesis_aggregation::error::AggregatorConfigError>(())
    /// ```
    pub fn aggregate_batch(
        &mut self,
        records: impl IntoIterator<Item = UserRecord>,
    ) -> (Vec<KinesisRecord>, Vec<AggregateError>) {
        let mut closed = Vec::new();
        let mut refused = Vec::new();
        for record in records {
            match self.add(record) {
                Ok(before) => closed.extend(before),
                Err(error) => refused.push(error),
            }
        }
        closed.extend(self.buffer.close_and_forget(&self.settings));
        (Unsealed::seal_all(closed), refused)
    }

    /// Closes what is buffered and returns it; `None` if nothing is.
    pub fn flush(&mut self) -> Option<KinesisRecord> {
        self.buffer
            .close_and_forget(&self.settings)
            .map(Unsealed::seal)
    }

    /// Returns the exact length of the data that [`flush`](Self::flush) would return, in bytes; 0
    /// if nothing is buffered.
    pub fn encoded_len(&self) -> usize {
        self.buffer.encoded_len()
    }

    /// Returns the number of user records that are buffered.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether nothing is buffered.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Returns whether any further user record would close what is buffered, so that there is no
    /// point in waiting for one.
    pub fn is_full(&self) -> bool {
        self.buffer.is_full(&self.settings)
    }
}

/// Counts only.
impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregator")
            .field("len", &self.len())
            .field("encoded_len", &self.encoded_len())
            .finish_non_exhaustive()
    }
}

/// Which user records may share an aggregate: the KCL drops one whole if a single user record
/// belongs to another shard than the one it is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    SameHashKey,
    Range(HashKeyRange),
    MixingShards,
}

impl Scope {
    /// Whether a user record with this effective hash key may be put at all. One without a hash
    /// key gets a random partition key, which may belong anywhere.
    fn check(self, hash_key: Option<HashKey>) -> Result<(), AggregateErrorKind> {
        match (self, hash_key) {
            (Self::Range(range), Some(hash_key)) if !range.contains(hash_key) => {
                Err(AggregateErrorKind::OutOfRange)
            }
            (Self::Range(_), None) => Err(AggregateErrorKind::NoHashKey),
            _ => Ok(()),
        }
    }

    /// Whether a user record with `hash_key` may join those of `buffer`. Those without one share
    /// the buffer's random key, and are only among themselves.
    fn mixes(self, buffer: &Buffer<UserRecord>, hash_key: Option<HashKey>) -> bool {
        match (self, hash_key) {
            (Self::SameHashKey, None) => buffer.is_keyless(),
            (Self::SameHashKey, Some(hash_key)) => {
                !buffer.is_keyless() && buffer.hash_key() == hash_key
            }
            (Self::Range(_) | Self::MixingShards, _) => true,
        }
    }
}

/// The settings of an [`Aggregator`] or a [`ShardedAggregator`](crate::ShardedAggregator).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AggregatorBuilder {
    settings: Settings,
    scope: Scope,
}

impl AggregatorBuilder {
    /// Sets the most bytes that the frame of an aggregate may have, the outer key not counted.
    /// Default: [`DEFAULT_MAX_SIZE`]. A user record that is larger than this travels raw.
    #[must_use]
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.settings.max_size = bytes;
        self
    }

    /// Sets the most user records that an aggregate may hold. Default: [`DEFAULT_MAX_COUNT`]. With
    /// 1 nothing is aggregated.
    #[must_use]
    pub fn max_count(mut self, user_records: usize) -> Self {
        self.settings.max_count = user_records;
        self
    }

    /// Sets the most bytes that a Kinesis record may have, data and partition key: the stream's
    /// `MaxRecordSizeInKiB`. Default: [`DEFAULT_MAX_RECORD_SIZE`]; it can be raised to
    /// [`HIGHEST_MAX_RECORD_SIZE`].
    #[must_use]
    pub fn max_record_size(mut self, bytes: usize) -> Self {
        self.settings.max_record_size = bytes;
        self
    }

    /// Sets the partition key of aggregates. Default: [`OuterKey::Kpl`].
    #[must_use]
    pub fn outer_key(mut self, outer_key: OuterKey) -> Self {
        self.settings.outer_key = outer_key;
        self
    }

    /// Makes an aggregator for one shard: an aggregate may hold any user records of `range`. Others
    /// are refused, and so are those without a partition key. For [`Aggregator`] only.
    #[must_use]
    pub fn hash_key_range(mut self, range: HashKeyRange) -> Self {
        self.scope = Scope::Range(range);
        self
    }

    /// Lets an aggregate hold any user records, whatever shards they belong to. For
    /// [`Aggregator`] only.
    ///
    /// **The KCL drops such an aggregate whole, and silently, as soon as one of its user records
    /// belongs to another shard than the aggregate landed on.** Only for streams that will always
    /// have one shard, and for consumers that do not filter by hash key range, such as Lambda
    /// functions.
    #[must_use]
    pub fn mixing_shards(mut self) -> Self {
        self.scope = Scope::MixingShards;
        self
    }

    /// Builds the aggregator.
    ///
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`] but `Scope`.
    pub fn build(self) -> Result<Aggregator, AggregatorConfigError> {
        self.settings.validate()?;
        Ok(Aggregator {
            settings: self.settings,
            scope: self.scope,
            hash_keys: HashKeyCache::default(),
            buffer: Buffer::default(),
        })
    }

    /// Checks the settings, for those who decide by themselves which user records share an
    /// aggregate: see [`packing`](crate::packing).
    ///
    /// # Errors
    ///
    /// Every [`AggregatorConfigError`].
    pub fn into_settings(self) -> Result<Settings, AggregatorConfigError> {
        if !matches!(self.scope, Scope::SameHashKey) {
            return Err(AggregatorConfigError::Scope);
        }
        self.settings.validate()?;
        Ok(self.settings)
    }
}

/// A user record that was refused, and why. Nothing else has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user record is refused: {kind}")]
pub struct AggregateError {
    record: Box<UserRecord>,
    kind: AggregateErrorKind,
}

impl AggregateError {
    pub(crate) fn new(record: UserRecord, kind: AggregateErrorKind) -> Self {
        Self {
            record: Box::new(record),
            kind,
        }
    }

    /// Returns why it was refused.
    pub fn kind(&self) -> AggregateErrorKind {
        self.kind
    }

    /// Returns the user record, to be mended or put elsewhere.
    pub fn into_record(self) -> UserRecord {
        *self.record
    }
}
