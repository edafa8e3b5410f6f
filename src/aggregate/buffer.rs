//! User records on their way into one Kinesis record.

use std::borrow::Borrow;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use bytestring::ByteString;

use super::config::{Config, OuterKey};
use super::table::Table;
use crate::error::AggregateErrorKind;
use crate::hash_key::HashKey;
use crate::record::{KinesisRecord, UserRecord};
use crate::wire::{self, DIGEST_LEN, EncodedSize, FRAME_OVERHEAD, MAGIC, RecordIndices};

/// Room for at most so many user records is kept for the next Kinesis record.
const KEPT: usize = 4096;

/// The length of the random key of user records without one.
pub(super) const RANDOM_KEY_LEN: usize = 16;

/// What joins an aggregate, and what came of it: user records, or whatever holds one.
pub struct Buffer<R> {
    records: Vec<(R, RecordIndices)>,
    partition_keys: Table<ByteString>,
    explicit_hash_keys: Table<HashKey>,
    /// Of the whole frame, also while one record alone would travel raw.
    size: EncodedSize,
    /// The effective hash key of the first record.
    hash_key: HashKey,
    /// The key of the user records that have none.
    random_key: Option<ByteString>,
    /// How many records the last Kinesis record held: this one will need about as much room.
    expected: usize,
}

/// The frame's size with a further record, and the table entries that it would refer to.
pub type Plan = (EncodedSize, RecordIndices);

impl<R> Default for Buffer<R> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            partition_keys: Table::default(),
            explicit_hash_keys: Table::default(),
            size: EncodedSize::default(),
            hash_key: HashKey::MIN,
            random_key: None,
            expected: 0,
        }
    }
}

/// A Kinesis record but for its digest, and the user records in it.
pub struct Closed<R> {
    pub record: Unsealed,
    pub members: Vec<R>,
    /// Where the data of each ends in the frame; empty without one.
    pub data_ends: Vec<usize>,
}

/// A Kinesis record but for its digest.
pub struct Unsealed {
    record: KinesisRecord,
    /// The frame whose digest is to come; the record has no data yet.
    frame: Option<Vec<u8>>,
}

impl<R: Borrow<UserRecord>> Buffer<R> {
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The effective hash key of the first record.
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// With the key for user records without one, instead of one out of the air.
    pub fn with_random_key(key: ByteString) -> Self {
        Self {
            random_key: Some(key),
            ..Self::default()
        }
    }

    /// Makes room for so many more at once.
    pub fn reserve(&mut self, records: usize) {
        self.records.reserve(records);
    }

    /// The bytes that the Kinesis record would count, data and partition key.
    pub fn record_size(&self, config: &Config) -> usize {
        let first = self.partition_keys.entries().first();
        let first_len = first.map_or(0, |key| key.len());
        let key_len = match self.lone_raw() {
            Some(_) => first_len,
            None => config.outer_key.len(first_len),
        };
        self.encoded_len().saturating_add(key_len)
    }

    /// Whether its user records came without partition keys.
    pub fn is_keyless(&self) -> bool {
        self.random_key.is_some()
    }

    /// The key under which `record` goes into this buffer; none yet for the first one without.
    fn key<'a>(&'a self, record: &'a UserRecord) -> Option<&'a ByteString> {
        record.shared_partition_key().or(self.random_key.as_ref())
    }

    /// The frame's size with `record`, and the table entries it would refer to; a position at a
    /// table's end is that of a new entry.
    #[inline]
    fn plan(&self, record: &UserRecord) -> Plan {
        let mut size = self.size;
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
        (size.with_record(indices, record.data().len()), indices)
    }

    /// Whether no user record at all would join what is here.
    pub fn is_full(&self, config: &Config) -> bool {
        // The smallest user record: a known key, no explicit hash key, no data.
        let smallest = RecordIndices {
            partition_key: 0,
            explicit_hash_key: None,
        };
        self.len() >= config.max_count
            || (!self.is_empty() && self.size.with_record(smallest, 0).get() > config.max_size)
    }

    /// How `record` would join what is here within the limits; none if it would not.
    #[inline]
    pub fn room(&self, record: &UserRecord, config: &Config) -> Option<Plan> {
        if !self.is_empty() && self.len() >= config.max_count {
            return None;
        }
        let plan = self.plan(record);
        (self.is_empty() || plan.0.get() <= config.max_size).then_some(plan)
    }

    /// Adds `record` as there is [`room`](Self::room) for it.
    #[inline]
    pub fn put(&mut self, record: R, hash_key: Option<HashKey>, plan: Plan) {
        // A first record may bring the random key: only `push` does that.
        if self.is_empty() || record.borrow().partition_key().is_none() {
            self.push(record, hash_key);
        } else {
            self.add(record, plan);
        }
    }

    /// Adds `record` if there is [`room`](Self::room), or gives it back.
    #[inline]
    pub fn join(&mut self, record: R, hash_key: Option<HashKey>, config: &Config) -> Result<(), R> {
        match self.room(record.borrow(), config) {
            Some(plan) => {
                self.put(record, hash_key, plan);
                Ok(())
            }
            None => Err(record),
        }
    }

    /// Adds a record for which there is room. `hash_key` is its effective one; without, it gets
    /// this buffer's random key.
    pub fn push(&mut self, record: R, hash_key: Option<HashKey>) {
        let user_record = record.borrow();
        if user_record.partition_key().is_none() && self.random_key.is_none() {
            self.random_key = Some(random_key());
        }
        if self.records.is_empty() {
            let of_key = || {
                self.key(user_record)
                    .map(|key| HashKey::of_partition_key(key))
            };
            self.hash_key = hash_key.or_else(of_key).unwrap_or_default();
        }
        let plan = self.plan(user_record);
        self.add(record, plan);
    }

    /// Adds a record as it was planned.
    #[inline]
    fn add(&mut self, record: R, (size, indices): Plan) {
        let user_record = record.borrow();
        if indices.partition_key == self.partition_keys.next()
            && let Some(key) = self.key(user_record)
        {
            let key = key.clone();
            self.partition_keys.push(key);
        }
        if let Some(hash_key) = user_record.explicit_hash_key()
            && indices.explicit_hash_key == Some(self.explicit_hash_keys.next())
        {
            self.explicit_hash_keys.push(hash_key);
        }
        self.size = size;
        if self.records.is_empty() {
            self.records.reserve(self.expected);
        }
        self.records.push((record, indices));
    }

    /// The length of the data of the Kinesis record that closing now would give.
    pub fn encoded_len(&self) -> usize {
        match self.lone_raw() {
            Some(record) => record.data().len(),
            None if self.is_empty() => 0,
            None => self.size.get(),
        }
    }

    /// The only user record, if it travels without a frame.
    fn lone_raw(&self) -> Option<&UserRecord> {
        match self.records.as_slice() {
            [(record, _)] if !reads_as_aggregate(record.borrow().data()) => Some(record.borrow()),
            _ => None,
        }
    }

    /// Makes a Kinesis record of what is here and starts anew.
    pub fn close(&mut self, config: &Config) -> Option<Unsealed> {
        let (record, buffer) = self.take(config)?;
        let mut records = buffer.records;
        if records.capacity() <= KEPT {
            records.clear();
            self.records = records;
        }
        Some(record)
    }

    /// The same, with the user records.
    pub fn close_with_members(&mut self, config: &Config) -> Option<Closed<R>> {
        let (record, buffer) = self.take(config)?;
        let data_ends = match &record.frame {
            Some(frame) => buffer.data_ends(frame.len()),
            None => Vec::new(),
        };
        let members = buffer.into_records();
        Some(Closed {
            record,
            members,
            data_ends,
        })
    }

    /// Where the data of each user record ends in the frame: they stand behind one another at its
    /// end, and each record's data is its last field.
    fn data_ends(&self, frame_len: usize) -> Vec<usize> {
        let mut end = frame_len.saturating_sub(DIGEST_LEN);
        let from_behind = self.records.iter().rev().map(|(record, indices)| {
            let data_len = record.borrow().data().len();
            let with_frame = EncodedSize::default().with_record(*indices, data_len);
            let start = end.saturating_sub(with_frame.get() - FRAME_OVERHEAD);
            std::mem::replace(&mut end, start)
        });
        let mut ends: Vec<usize> = from_behind.collect();
        ends.reverse();
        ends
    }

    /// Takes all that is here and makes a Kinesis record of it.
    fn take(&mut self, config: &Config) -> Option<(Unsealed, Self)> {
        if self.is_empty() {
            return None;
        }
        let buffer = std::mem::take(self);
        self.expected = buffer.len();
        let first = buffer.partition_keys.entries().first();
        let raw = buffer.lone_raw().map(|record| record.data().clone());
        let outer_key = match &config.outer_key {
            OuterKey::Kpl if raw.is_none() => Some(ByteString::from_static(OuterKey::KPL)),
            OuterKey::Fixed(key) if raw.is_none() => Some(key.clone()),
            _ => first.cloned(),
        };
        let frame = raw.is_none().then(|| buffer.encode());
        let record = KinesisRecord {
            partition_key: outer_key,
            explicit_hash_key: Some(buffer.hash_key),
            sequence_number: None,
            data: raw.unwrap_or_default(),
            user_record_count: buffer.len(),
        };
        Some((Unsealed { record, frame }, buffer))
    }

    fn encode(&self) -> Vec<u8> {
        let hash_keys = self.explicit_hash_keys.entries();
        wire::encode_unsealed(
            self.size.get(),
            self.partition_keys.entries(),
            hash_keys.iter().map(HashKey::to_string),
            self.records
                .iter()
                .map(|(record, indices)| (*indices, record.borrow().data().as_ref())),
        )
    }

    /// The user records, in order.
    pub fn records(&self) -> impl Iterator<Item = &R> {
        self.records.iter().map(|(record, _)| record)
    }

    /// The user records, in order.
    pub fn into_records(self) -> Vec<R> {
        self.records.into_iter().map(|(record, _)| record).collect()
    }
}

impl Unsealed {
    /// Whether it is an aggregate, if only of one user record.
    pub fn is_framed(&self) -> bool {
        self.frame.is_some()
    }

    /// Computes the digest.
    pub fn seal(self) -> KinesisRecord {
        let mut frame = self.frame;
        if let Some(frame) = &mut frame {
            wire::seal(frame);
        }
        Self::finish(self.record, frame)
    }

    /// Computes the digests of many together, which is several times faster.
    pub fn seal_all(mut all: Vec<Self>) -> Vec<KinesisRecord> {
        wire::seal_many(all.iter_mut().filter_map(|one| one.frame.as_deref_mut()));
        all.into_iter()
            .map(|one| Self::finish(one.record, one.frame))
            .collect()
    }

    fn finish(mut record: KinesisRecord, frame: Option<Vec<u8>>) -> KinesisRecord {
        if let Some(frame) = frame {
            record.data = Bytes::from(frame);
        }
        record
    }
}

/// Whether readers would open `data`, although it is one user record.
pub fn reads_as_aggregate(data: &[u8]) -> bool {
    data.starts_with(&MAGIC) && wire::is_framed(data)
}

/// Whether `record` may be put at all.
///
/// # Errors
///
/// [`AggregateErrorKind::PartitionKeyLength`], [`AggregateErrorKind::ExplicitHashKeyAlone`] or
/// [`AggregateErrorKind::TooLarge`].
#[inline]
pub(crate) fn check(record: &UserRecord, config: &Config) -> Result<(), AggregateErrorKind> {
    check_within(record, config, config.max_record_size)
}

/// [`check`], with another limit in place of the settings' `max_record_size`.
#[inline]
pub fn check_within(
    record: &UserRecord,
    config: &Config,
    max: usize,
) -> Result<(), AggregateErrorKind> {
    match record.partition_key() {
        Some(key) => {
            check_key(key).map_err(|chars| AggregateErrorKind::PartitionKeyLength { chars })?;
        }
        None if record.explicit_hash_key().is_some() => {
            return Err(AggregateErrorKind::ExplicitHashKeyAlone);
        }
        None => {}
    }
    let key_len = record.partition_key().map_or(RANDOM_KEY_LEN, str::len);
    let raw = record.data().len().saturating_add(key_len);
    let size = if raw <= max && record.data().starts_with(&MAGIC) {
        // Alone, it may have to be framed.
        let (framed, _) = Buffer::<&UserRecord>::default().plan(record);
        let framed = framed.get().saturating_add(config.outer_key.len(key_len));
        if framed > max && reads_as_aggregate(record.data()) {
            framed
        } else {
            raw
        }
    } else {
        raw
    };
    if size > max {
        return Err(AggregateErrorKind::TooLarge { size, max });
    }
    Ok(())
}

/// The service takes 1 to 256 characters.
///
/// # Errors
///
/// The number of characters, if it is another.
#[inline]
pub(crate) fn check_key(key: &str) -> Result<(), usize> {
    if (1..=256).contains(&key.len()) {
        return Ok(());
    }
    match key.chars().count() {
        1..=256 => Ok(()),
        chars => Err(chars),
    }
}

/// A key that no two aggregates share, but by chance. The standard library's hasher keys are the
/// randomness: it needs to spread, not to be secret.
fn random_key() -> ByteString {
    ByteString::from(format!("{:016x}", RandomState::new().hash_one(())))
}
