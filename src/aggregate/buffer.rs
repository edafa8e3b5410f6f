//! The user records of the next Kinesis record, with its exact size.
//!
//! Adding one takes two steps. [`plan`](Buffer::plan) looks only: which table entries would the
//! user record refer to, and how long would the frame be with it? [`commit`](Buffer::commit)
//! carries a plan out. A plan is good for the very buffer and user record it was made for.
//!
//! ```text
//! held: ("a", "one")                     partition keys [a], frame 20 + (2+1) + (2+2+2+3) = 32
//! plan  ("b", "two"): entry 1 is new     frame 32 + (2+1) + (2+2+2+3) = 44
//! plan  ("a", "two"): entry 0 is there   frame 32 +         (2+2+2+3) = 41
//! ```

use std::borrow::{Borrow, BorrowMut};
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use bytestring::ByteString;

use super::check::RANDOM_KEY_LEN;
use super::closed::{Closed, Unsealed};
use super::settings::{OuterKey, Settings};
use super::table::Table;
use crate::hash_key::HashKey;
use crate::record::{KinesisRecord, UserRecord};
use crate::wire::{self, DIGEST_LEN, EncodedSize, FRAME_OVERHEAD, RecordIndices};

/// A list that held more user records than this is not kept for the next Kinesis record.
const KEPT: usize = 4096;

/// User records that are to share one Kinesis record: [`UserRecord`]s, or whatever holds one.
///
/// It knows the format and the limits, not which user records may share an aggregate: that is for
/// the caller to decide. Every method that needs them takes the [`Settings`], which must be the
/// same ones all along.
///
/// ```
/// use kinesis_aggregation::packing::Buffer;
/// use kinesis_aggregation::{Aggregator, UserRecord};
///
/// let settings = Aggregator::builder().max_count(2).into_settings()?;
/// let mut buffer = Buffer::default();
/// for data in ["one", "two"] {
///     assert!(buffer.try_push(UserRecord::new("key", data), None, &settings).is_ok());
/// }
/// assert!(buffer.is_full(&settings));
/// let refused = buffer.try_push(UserRecord::new("key", "three"), None, &settings);
/// assert_eq!(refused, Err(UserRecord::new("key", "three")));
/// # Ok::<(), kinesis_aggregation::error::AggregatorConfigError>(())
/// ```
pub struct Buffer<R> {
    records: Vec<R>,
    /// The table entries that each of them refers to.
    indices: Vec<RecordIndices>,
    partition_keys: Table<ByteString>,
    explicit_hash_keys: Table<HashKey>,
    /// The exact length of a frame around all of `records`: kept also while there is only one,
    /// which would travel without a frame.
    size: EncodedSize,
    /// The effective hash key of the first record.
    hash_key: HashKey,
    /// The key of the user records that have none.
    random_key: Option<ByteString>,
    /// How many records the last Kinesis record held: this one will need about as much room.
    expected: usize,
}

/// The effect of adding a user record: see the module's example.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// The frame's size with the user record in it.
    size: EncodedSize,
    /// The table entries it refers to. An index at a table's end is that of an entry to be added.
    indices: RecordIndices,
}

impl<R> Default for Buffer<R> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            indices: Vec::new(),
            partition_keys: Table::default(),
            explicit_hash_keys: Table::default(),
            size: EncodedSize::default(),
            hash_key: HashKey::MIN,
            random_key: None,
            expected: 0,
        }
    }
}

impl<R> Buffer<R> {
    /// An empty buffer whose user records without a partition key get `key`. Every other buffer
    /// makes up a random one when the first such user record comes.
    pub fn with_random_key(key: impl Into<ByteString>) -> Self {
        Self {
            random_key: Some(key.into()),
            ..Self::default()
        }
    }

    /// Returns whether it holds no user record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the number of user records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the effective hash key of the first user record, which becomes the Kinesis record's
    /// explicit one; 0 if the buffer is empty.
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// Makes room for `additional` user records at once.
    pub fn reserve(&mut self, additional: usize) {
        self.records.reserve(additional);
        self.indices.reserve(additional);
    }

    /// Iterates over the user records, in order.
    pub fn records(&self) -> impl Iterator<Item = &R> {
        self.records.iter()
    }

    /// Returns the user records, in order.
    pub fn into_records(self) -> Vec<R> {
        self.records
    }

    /// Returns whether its user records came without partition keys.
    pub(crate) fn is_keyless(&self) -> bool {
        self.random_key.is_some()
    }
}

impl<R: Borrow<UserRecord>> Buffer<R> {
    /// Adds `record`, or gives it back if the Kinesis record would grow beyond the limits with it.
    /// An empty buffer takes any.
    ///
    /// `hash_key` is its effective hash key, if that is known already: without, it is computed
    /// where it is needed.
    ///
    /// # Errors
    ///
    /// The record itself: [`close`](Self::close) the buffer, then [`push`](Self::push) it.
    #[inline]
    pub fn try_push(
        &mut self,
        record: R,
        hash_key: Option<HashKey>,
        settings: &Settings,
    ) -> Result<(), R> {
        match self.plan_within(record.borrow(), settings) {
            Some(plan) => {
                self.commit(record, hash_key, plan);
                Ok(())
            }
            None => Err(record),
        }
    }

    /// Adds `record` whatever the limits say: for the first one, and for those that are known to
    /// fit together.
    pub fn push(&mut self, record: R, hash_key: Option<HashKey>) {
        let plan = self.plan(record.borrow());
        self.commit(record, hash_key, plan);
    }

    /// Plans to add `record`; `None` if it would break the limits. An empty buffer takes any.
    #[inline(always)]
    pub(crate) fn plan_within(&self, record: &UserRecord, settings: &Settings) -> Option<Plan> {
        let plan = self.plan(record);
        let fits = self.len() < settings.max_count && plan.size.get() <= settings.max_size;
        (self.is_empty() || fits).then_some(plan)
    }

    // Inlined, so that the plan stays in registers.
    #[inline(always)]
    fn plan(&self, record: &UserRecord) -> Plan {
        let mut size = self.size;
        // No key at all: `commit` makes up the random one, as the next entry of the table.
        let key = self.key(record);
        let position = key.ok_or_else(|| self.partition_keys.next());
        let partition_key = position
            .and_then(|key| self.partition_keys.position(key))
            .unwrap_or_else(|next| {
                size = size.with_key(key.map_or(RANDOM_KEY_LEN, |key| key.len()));
                next
            });
        let explicit_hash_key = record.explicit_hash_key().map(|hash_key| {
            let position = self.explicit_hash_keys.position(&hash_key);
            position.unwrap_or_else(|next| {
                size = size.with_key(hash_key.to_string().len());
                next
            })
        });
        let indices = RecordIndices {
            partition_key,
            explicit_hash_key,
        };
        Plan {
            size: size.with_record(indices, record.data().len()),
            indices,
        }
    }

    /// The key under which `record` goes into the table; `None` if it is the first one without a
    /// key here.
    fn key<'a>(&'a self, record: &'a UserRecord) -> Option<&'a ByteString> {
        record.partition_key.as_ref().or(self.random_key.as_ref())
    }

    /// Carries `plan` out. This is the only place that adds a user record. Inlined, so that the
    /// record is moved once.
    #[inline(always)]
    pub(crate) fn commit(&mut self, record: R, hash_key: Option<HashKey>, plan: Plan) {
        let Plan { size, indices } = plan;
        let user_record = record.borrow();
        if self.records.is_empty() || user_record.partition_key.is_none() {
            self.begin(user_record, hash_key);
        }
        if indices.partition_key == self.partition_keys.next()
            && let Some(key) = self.key(user_record).cloned()
        {
            self.partition_keys.push(key);
        }
        if let Some(hash_key) = user_record.explicit_hash_key()
            && indices.explicit_hash_key == Some(self.explicit_hash_keys.next())
        {
            self.explicit_hash_keys.push(hash_key);
        }
        self.size = size;
        self.records.push(record);
        self.indices.push(indices);
    }

    /// Settles what the first user record decides, and the first one without a partition key.
    #[cold]
    fn begin(&mut self, record: &UserRecord, hash_key: Option<HashKey>) {
        if record.partition_key.is_none() && self.random_key.is_none() {
            self.random_key = Some(random_key());
        }
        if self.records.is_empty() {
            self.hash_key = hash_key
                .or_else(|| record.explicit_hash_key())
                .or_else(|| Some(HashKey::of_partition_key(self.key(record)?)))
                .unwrap_or_default();
            self.reserve(self.expected);
        }
    }

    /// Returns whether no further user record can join, however small.
    pub fn is_full(&self, settings: &Settings) -> bool {
        // The smallest one: a known key, no explicit hash key, no data.
        let smallest = RecordIndices {
            partition_key: 0,
            explicit_hash_key: None,
        };
        self.len() >= settings.max_count
            || (!self.is_empty() && self.size.with_record(smallest, 0).get() > settings.max_size)
    }

    /// Returns the length of the data of the Kinesis record that closing now would give, in bytes.
    pub fn encoded_len(&self) -> usize {
        match self.lone_raw() {
            Some(record) => record.data().len(),
            None if self.is_empty() => 0,
            None => self.size.get(),
        }
    }

    /// Returns the size of the Kinesis record that closing now would give, as the service counts
    /// it: data and partition key, in bytes.
    pub fn record_size(&self, settings: &Settings) -> usize {
        let first = self.partition_keys.entries().first();
        let first_len = first.map_or(0, |key| key.len());
        let key_len = match self.lone_raw() {
            Some(_) => first_len,
            None => settings.outer_key.len(first_len),
        };
        self.encoded_len().saturating_add(key_len)
    }

    /// The only user record, if it travels without a frame: as the KPL sends it, unless readers
    /// would take its data for an aggregate.
    fn lone_raw(&self) -> Option<&UserRecord> {
        match self.records.as_slice() {
            [record] if !wire::is_framed(record.borrow().data()) => Some(record.borrow()),
            _ => None,
        }
    }

    /// Makes a Kinesis record of all it holds, and starts anew; `None` if it is empty.
    pub fn close(&mut self, settings: &Settings) -> Option<Closed<R>>
    where
        R: BorrowMut<UserRecord>,
    {
        let (record, held) = self.take(settings)?;
        let data_ends = match &record {
            Unsealed::Framed { frame, .. } => held.data_ends(frame.len()),
            Unsealed::Raw(_) => Vec::new(),
        };
        Some(Closed::new(record, held.into_records(), data_ends))
    }

    /// [`close`](Self::close) for those who do not want the user records back: their list is used
    /// again.
    pub(crate) fn close_and_forget(&mut self, settings: &Settings) -> Option<Unsealed> {
        let (record, held) = self.take(settings)?;
        let (mut records, mut indices) = (held.records, held.indices);
        if records.capacity() <= KEPT {
            records.clear();
            indices.clear();
            (self.records, self.indices) = (records, indices);
        }
        Some(record)
    }

    fn take(&mut self, settings: &Settings) -> Option<(Unsealed, Self)> {
        if self.is_empty() {
            return None;
        }
        let held = std::mem::take(self);
        self.expected = held.len();
        Some((held.encode(settings), held))
    }

    fn encode(&self, settings: &Settings) -> Unsealed {
        let first_key = || self.partition_keys.entries().first().cloned();
        let record = |partition_key| KinesisRecord {
            explicit_hash_key: Some(self.hash_key),
            user_record_count: Some(self.len()),
            ..KinesisRecord::with_optional_key(partition_key, Bytes::new())
        };
        if let Some(raw) = self.lone_raw() {
            let data = raw.data().clone();
            return Unsealed::Raw(KinesisRecord {
                data,
                ..record(first_key())
            });
        }
        let outer_key = match &settings.outer_key {
            OuterKey::Kpl => Some(ByteString::from_static(OuterKey::KPL)),
            OuterKey::Fixed(key) => Some(key.clone()),
            OuterKey::First => first_key(),
        };
        let hash_keys = self.explicit_hash_keys.entries();
        let records = self.indices.iter().zip(&self.records);
        Unsealed::Framed {
            record: record(outer_key),
            frame: wire::encode_unsealed(
                self.size.get(),
                self.partition_keys.entries(),
                hash_keys.iter().map(HashKey::to_string),
                records.map(|(indices, record)| (*indices, record.borrow().data().as_ref())),
            ),
        }
    }

    /// Where the data of each user record ends in the frame.
    ///
    /// The user records fill the frame's end, and the data is the last field of each. So they are
    /// found from the end, with no look at the bytes:
    ///
    /// ```text
    /// 0        4      7                  16                 25           41
    /// F3899AC2 0A0161 1A070800 1A036F6E65 1A070800 1A0374776F (MD5)
    ///                                 end of "two": 41 - 16 = 25
    ///          end of "one": 25 - 9 (the length of the last user record) = 16
    /// ```
    fn data_ends(&self, frame_len: usize) -> Vec<usize> {
        let mut end = frame_len.saturating_sub(DIGEST_LEN);
        let records = self.indices.iter().zip(&self.records);
        let from_the_last = records.rev().map(|(indices, record)| {
            let data_len = record.borrow().data().len();
            let with_frame = EncodedSize::default().with_record(*indices, data_len);
            let start = end.saturating_sub(with_frame.get() - FRAME_OVERHEAD);
            std::mem::replace(&mut end, start)
        });
        let mut ends: Vec<usize> = from_the_last.collect();
        ends.reverse();
        ends
    }
}

/// Lengths only.
impl<R> fmt::Debug for Buffer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.records.len())
            .field("frame_len", &self.size.get())
            .finish_non_exhaustive()
    }
}

/// A key that two aggregates share only by chance. The standard library's hasher keys are the
/// randomness: it has to spread, not to be secret.
fn random_key() -> ByteString {
    ByteString::from(format!("{:016x}", RandomState::new().hash_one(())))
}
