//! User records under way, and the Kinesis records that carry them.

use std::borrow::{Borrow, BorrowMut};
use std::time::Duration;

use bytestring::ByteString;

use super::outcome::{Attempt, Time};
use kinesis_aggregation::packing::{Buffer, Settings as AggregateSettings};
use kinesis_aggregation::{HashKey, HashKeyRange};
use kinesis_aggregation::{KinesisRecord, UserRecord};

/// A user record that was accepted and is not resolved. `T` is what its outcome goes to.
pub(super) struct Pending<T> {
    pub(super) record: UserRecord,
    /// Hashed once, where it was put.
    pub(super) hash_key: Option<HashKey>,
    pub(super) ticket: T,
    /// The place in the order of acceptance.
    pub(super) seq: u64,
    pub(super) accepted: Time,
    /// When the first request that carries it is to start; after a try, how long it waits for a
    /// shard map, should there be none.
    pub(super) due: Time,
    /// The tries that failed.
    pub(super) attempts: Vec<Attempt>,
    pub(super) maybe_stored: bool,
    /// A request was refused that carried it without a partition key.
    pub(super) keyless_refused: bool,
}

/// How long records wait for a shard map that are late already, at most: those that are sent again,
/// and those that `flush` hurries.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// More failed tries of one record are not kept; the last one always is.
const MAX_ATTEMPTS: usize = 256;

impl<T> Pending<T> {
    /// After a try that failed.
    pub(super) fn failed(&mut self, attempt: &Attempt, maybe_stored: bool) {
        self.due = attempt.ended + PATIENCE;
        if self.attempts.len() >= MAX_ATTEMPTS {
            self.attempts.pop();
        }
        self.attempts.push(attempt.clone());
        self.maybe_stored |= maybe_stored;
    }

    /// When the Kinesis record that it joins is to go: what was sent before does not wait for
    /// company.
    fn closes(&self) -> Time {
        if self.attempts.is_empty() {
            self.due
        } else {
            Time::ZERO
        }
    }
}

impl<T> Borrow<UserRecord> for Pending<T> {
    fn borrow(&self) -> &UserRecord {
        &self.record
    }
}

impl<T> BorrowMut<UserRecord> for Pending<T> {
    fn borrow_mut(&mut self) -> &mut UserRecord {
        &mut self.record
    }
}

/// What records queue in, for the limiter, and for order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// The open shard whose range starts here.
    Shard(HashKey),
    /// One hash key, where order is wanted and no shard map is in force.
    Hash(HashKey),
    /// Where user records without a partition key are aggregated; nothing is sent from it.
    Keyless,
    /// No shard is predicted.
    Anywhere,
}

/// How a Kinesis record is judged when it has landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One user record without a frame: delivered wherever it landed.
    Raw,
    /// Delivered if it landed where all its user records belong.
    Framed,
    /// An aggregate that only readers without a range are to read: delivered wherever it landed.
    Mixed,
}

pub(super) enum Body<T> {
    /// Not encoded yet.
    Open(Buffer<Pending<T>>),
    /// To travel without explicit hash key, and without partition key if it has none.
    Bare(Box<Pending<T>>),
    /// Sent before.
    Sealed(KinesisRecord, Vec<Pending<T>>),
}

/// A Kinesis record to be, or that was sent.
pub(super) struct Item<T> {
    pub(super) body: Body<T>,
    pub(super) lane: Lane,
    /// Unknown until it is encoded, but for `Mixed`.
    pub(super) form: Form,
    /// The lowest and highest hash keys of its user records; none if they have none.
    pub(super) cover: Option<HashKeyRange>,
    /// When the request that carries it is to start.
    pub(super) due: Time,
    /// The earliest acceptance among its user records.
    pub(super) oldest: Time,
    /// Of the shard map by which it was built.
    pub(super) generation: u64,
    /// It goes alone because no shard map was there in time; if one comes before it goes, it need
    /// not.
    pub(super) is_released: bool,
    pub(super) tries: u32,
    /// Not to be sent before.
    pub(super) not_before: Time,
    pub(super) sent: Time,
    /// While it is under way, no other Kinesis record may carry these hash keys: where order is
    /// wanted.
    pub(super) span: Option<HashKeyRange>,
}

impl<T> Item<T> {
    fn new(body: Body<T>, lane: Lane, form: Form, generation: u64) -> Self {
        Self {
            body,
            lane,
            form,
            cover: None,
            due: Time::MAX,
            oldest: Time::MAX,
            generation,
            is_released: false,
            tries: 0,
            not_before: Time::ZERO,
            sent: Time::ZERO,
            span: None,
        }
    }

    /// Nothing yet; user records without a key will get `random_key`.
    pub(super) fn open(
        lane: Lane,
        form: Form,
        generation: u64,
        random_key: Option<ByteString>,
    ) -> Self {
        let buffer = random_key.map_or_else(Buffer::default, Buffer::with_random_key);
        Self::new(Body::Open(buffer), lane, form, generation)
    }

    /// Makes room for so many user records in an open one.
    pub(super) fn reserve(&mut self, user_records: usize) {
        if let Body::Open(buffer) = &mut self.body {
            buffer.reserve(user_records);
        }
    }

    pub(super) fn bare(pending: Pending<T>, generation: u64) -> Self {
        let mut item = Self::new(
            Body::Bare(Box::new(pending)),
            Lane::Anywhere,
            Form::Raw,
            generation,
        );
        if let Body::Bare(pending) = &item.body {
            item.due = pending.closes();
            item.oldest = pending.accepted;
        }
        item
    }

    /// Adds a user record to an open one if it fits, or gives it back.
    #[expect(clippy::result_large_err, reason = "it comes back once an aggregate")]
    pub(super) fn join(
        &mut self,
        pending: Pending<T>,
        config: &AggregateSettings,
    ) -> Result<(), Pending<T>> {
        let Body::Open(buffer) = &mut self.body else {
            return Err(pending);
        };
        let (closes, accepted, hash_key) = (pending.closes(), pending.accepted, pending.hash_key);
        buffer.try_push(pending, hash_key, config)?;
        self.joined(closes, accepted, hash_key);
        Ok(())
    }

    /// Adds a user record to an open one, whether it fits or not.
    pub(super) fn push(&mut self, pending: Pending<T>) {
        let Body::Open(buffer) = &mut self.body else {
            return;
        };
        let (closes, accepted, hash_key) = (pending.closes(), pending.accepted, pending.hash_key);
        buffer.push(pending, hash_key);
        self.joined(closes, accepted, hash_key);
    }

    fn joined(&mut self, closes: Time, accepted: Time, hash_key: Option<HashKey>) {
        self.due = self.due.min(closes);
        self.oldest = self.oldest.min(accepted);
        let Body::Open(buffer) = &self.body else {
            return;
        };
        // Those without a key all have the random key's.
        let hash_key = hash_key.unwrap_or_else(|| buffer.hash_key());
        let (start, end) = match self.cover {
            Some(cover) if cover.contains(hash_key) => return,
            Some(cover) => (cover.start().min(hash_key), cover.end().max(hash_key)),
            None => (hash_key, hash_key),
        };
        self.cover = HashKeyRange::new(start, end).ok();
    }

    pub(super) fn is_full(&self, config: &AggregateSettings) -> bool {
        match &self.body {
            Body::Open(buffer) => buffer.is_full(config),
            _ => true,
        }
    }

    /// The bytes of the Kinesis record, data and partition key.
    pub(super) fn size(&self, config: &AggregateSettings) -> usize {
        match &self.body {
            Body::Open(buffer) => buffer.record_size(config),
            Body::Bare(pending) => {
                let key_len = pending.record.partition_key().map_or(0, str::len);
                pending.record.data().len() + key_len
            }
            Body::Sealed(record, _) => record.size(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Open(buffer) => buffer.len(),
            Body::Bare(_) => 1,
            Body::Sealed(_, members) => members.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it travels without an explicit hash key.
    pub(super) fn is_bare(&self) -> bool {
        match &self.body {
            Body::Open(_) => false,
            Body::Bare(_) => true,
            Body::Sealed(record, _) => record.explicit_hash_key().is_none(),
        }
    }

    /// Those of one that was sent.
    pub(super) fn members(&self) -> &[Pending<T>] {
        match &self.body {
            Body::Sealed(_, members) => members,
            _ => &[],
        }
    }

    pub(super) fn each<'a>(&'a self, mut see: impl FnMut(&'a Pending<T>)) {
        match &self.body {
            Body::Open(buffer) => buffer.records().for_each(see),
            Body::Bare(pending) => see(pending),
            Body::Sealed(_, members) => members.iter().for_each(see),
        }
    }

    pub(super) fn into_members(self) -> Vec<Pending<T>> {
        match self.body {
            Body::Open(buffer) => buffer.into_records(),
            Body::Bare(pending) => vec![*pending],
            Body::Sealed(_, members) => members,
        }
    }

    /// Takes out the user records accepted at `cutoff` or before. What is left will be encoded
    /// anew.
    pub(super) fn take_expired(
        &mut self,
        cutoff: Option<Time>,
        random_key: impl FnOnce() -> ByteString,
    ) -> Vec<Pending<T>> {
        let Some(cutoff) = cutoff.filter(|cutoff| self.oldest <= *cutoff) else {
            return Vec::new();
        };
        let fresh = Self::open(self.lane, self.form, self.generation, Some(random_key()));
        let old = std::mem::replace(self, fresh);
        self.tries = old.tries;
        self.not_before = old.not_before;
        self.sent = old.sent;
        self.span = old.span;
        // A bare one is alone, so nothing is left of it to lose its form.
        let (expired, left): (Vec<_>, Vec<_>) = old
            .into_members()
            .into_iter()
            .partition(|pending| pending.accepted <= cutoff);
        for pending in left {
            self.push(pending);
        }
        expired
    }
}
