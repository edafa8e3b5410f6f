//! A user record that was accepted, and the Kinesis record that carries it.

use std::borrow::{Borrow, BorrowMut};
use std::time::Duration;

use crate::attempt_error::AttemptError;
use crate::outcome::Time;
use crate::settings::RECORD_OVERHEAD;
use crate::tries::{Attempt, Tries};
use kinesis_aggregation::packing::{Buffer, Settings as AggregateSettings};
use kinesis_aggregation::wire::is_framed;
use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, UserRecord};

/// A user record that was accepted and is not resolved. `T` is what its outcome goes to.
pub(super) struct Pending<T> {
    pub(super) record: UserRecord,
    /// The effective one, hashed once, where the record was put. None without a partition key.
    pub(super) hash_key: Option<HashKey>,
    pub(super) ticket: T,
    /// Its place in the order of acceptance.
    pub(super) seq: u64,
    pub(super) accepted: Time,
    /// When the first request that carries it is to start; after a try, how long it waits for a
    /// shard map, should there be none.
    pub(super) due: Time,
    /// The tries that failed.
    pub(super) attempts: Tries,
    pub(super) maybe_stored: bool,
    /// A request was refused that carried it without a partition key.
    pub(super) keyless_refused: bool,
}

/// How long records that are late already wait for a shard map, at most: those that are sent
/// again, and those that `flush` hurries.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

impl<T> Pending<T> {
    /// Returns whether it was accepted before `cutoff`.
    pub(super) fn is_from_before(&self, cutoff: Time) -> bool {
        self.accepted < cutoff
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

/// Notes a try that failed with all of these. Those that were tried together before, too, go on
/// sharing what is kept of their tries.
pub(super) fn failed_together<'a, T: 'a>(
    pendings: impl IntoIterator<Item = &'a mut Pending<T>>,
    attempt: &Attempt,
    maybe_stored: bool,
) {
    let mut last: Option<(Tries, Tries)> = None;
    for pending in pendings {
        pending.due = attempt.ended + PATIENCE;
        pending.maybe_stored |= maybe_stored;
        let shared = last.as_ref();
        let after = match shared.filter(|(before, _)| before.is_shared_with(&pending.attempts)) {
            Some((_, after)) => after.clone(),
            None => {
                let after = pending.attempts.with(attempt.clone());
                last = Some((pending.attempts.clone(), after.clone()));
                after
            }
        };
        pending.attempts = after;
    }
}

/// The bytes of a user record, data and partition key.
pub(super) fn size(record: &UserRecord) -> usize {
    record.data().len() + record.partition_key().map_or(0, str::len)
}

/// The room that a user record takes, in bytes.
pub(crate) fn room(record: &UserRecord) -> usize {
    size(record) + RECORD_OVERHEAD
}

/// Where Kinesis records are expected to land: each place has a lane of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The open shard with this range.
    Shard(HashKeyRange),
    /// One hash key, where order is wanted and no shard map is in force.
    Hash(HashKey),
    /// Where user records without a partition key are aggregated; nothing is sent from there.
    Keyless,
    /// No shard is predicted.
    Anywhere,
}

impl Place {
    /// The hash keys, first and last, that no other Kinesis record may carry while one from here
    /// is under way, where order is wanted. None: such records have no order.
    pub(super) fn span(self) -> Option<(HashKey, HashKey)> {
        match self {
            Self::Shard(range) => Some((range.start(), range.end())),
            Self::Hash(hash_key) => Some((hash_key, hash_key)),
            Self::Keyless | Self::Anywhere => None,
        }
    }
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
    Open(Box<Buffer<Pending<T>>>),
    /// Alone, and not encoded yet: it takes less memory than a buffer of one.
    Lone(Box<Pending<T>>),
    /// To travel without explicit hash key, and without partition key if it has none.
    Bare(Box<Pending<T>>),
    /// Sent before.
    Sealed(KinesisRecord, Vec<Pending<T>>),
}

/// A Kinesis record to be, or that was sent.
pub(super) struct Item<T> {
    pub(super) body: Body<T>,
    pub(super) place: Place,
    /// Not known until it is encoded, but for `Mixed`.
    pub(super) form: Form,
    /// From the lowest to the highest hash key of its user records. A shard's range is without
    /// gaps, so it holds all of them if it holds both ends.
    pub(super) cover: Option<HashKeyRange>,
    /// When the request that carries it is to start.
    pub(super) due: Time,
    /// The earliest acceptance among its user records.
    pub(super) oldest: Time,
    /// The first place in the order of acceptance among its user records.
    pub(super) first: u64,
    /// The room that its user records take, in bytes.
    pub(super) room: usize,
    /// It goes alone because there was no shard map in time. It need not, if one comes before it
    /// goes.
    pub(super) is_released: bool,
    pub(super) tries: u32,
    /// Not to be sent before.
    pub(super) not_before: Time,
    /// When the last request that carried it started.
    pub(super) sent: Time,
}

impl<T> Item<T> {
    fn new(body: Body<T>, place: Place, form: Form) -> Self {
        Self {
            body,
            place,
            form,
            cover: None,
            due: Time::MAX,
            oldest: Time::MAX,
            first: u64::MAX,
            room: 0,
            is_released: false,
            tries: 0,
            not_before: Time::ZERO,
            sent: Time::ZERO,
        }
    }

    /// One to join, with an empty buffer.
    pub(super) fn open(place: Place, form: Form, buffer: Buffer<Pending<T>>) -> Self {
        Self::new(Body::Open(Box::new(buffer)), place, form)
    }

    /// One that travels without explicit hash key, and without partition key if it has none.
    pub(super) fn bare(pending: Pending<T>) -> Self {
        let (due, oldest, first) = (pending.closes(), pending.accepted, pending.seq);
        let room = room(&pending.record);
        let body = Body::Bare(Box::new(pending));
        Self {
            due,
            oldest,
            first,
            room,
            ..Self::new(body, Place::Anywhere, Form::Raw)
        }
    }

    /// Adds a user record to an open one if it fits, or gives it back.
    #[expect(clippy::result_large_err, reason = "it comes back once an aggregate")]
    #[inline]
    pub(super) fn join(
        &mut self,
        pending: Pending<T>,
        config: &AggregateSettings,
    ) -> Result<(), Pending<T>> {
        let Body::Open(buffer) = &mut self.body else {
            return Err(pending);
        };
        let (closes, accepted, hash_key) = (pending.closes(), pending.accepted, pending.hash_key);
        let (room, seq) = (room(&pending.record), pending.seq);
        buffer.try_push(pending, hash_key, config)?;
        self.room += room;
        self.first = self.first.min(seq);
        self.joined(closes, accepted, hash_key);
        Ok(())
    }

    /// Adds a user record to an open one, whether it fits or not.
    pub(super) fn push(&mut self, pending: Pending<T>) {
        let Body::Open(buffer) = &mut self.body else {
            return;
        };
        let (closes, accepted, hash_key) = (pending.closes(), pending.accepted, pending.hash_key);
        self.room += room(&pending.record);
        self.first = self.first.min(pending.seq);
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

    /// Gives up the buffer of one user record that stays alone.
    pub(super) fn slim(&mut self) {
        if let Body::Open(buffer) = &mut self.body
            && buffer.len() == 1
            && buffer.records().all(may_be_lone)
        {
            let lone = std::mem::take(&mut **buffer).into_records().into_iter();
            if let Some(pending) = lone.last() {
                self.body = Body::Lone(Box::new(pending));
            }
        }
    }

    /// The bytes of the Kinesis record, data and partition key.
    pub(super) fn size(&self, config: &AggregateSettings) -> usize {
        match &self.body {
            Body::Open(buffer) => buffer.record_size(config),
            Body::Lone(pending) | Body::Bare(pending) => size(&pending.record),
            Body::Sealed(record, _) => record.size(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Open(buffer) => buffer.len(),
            Body::Bare(_) | Body::Lone(_) => 1,
            Body::Sealed(_, members) => members.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it travels without an explicit hash key.
    pub(super) fn is_bare(&self) -> bool {
        match &self.body {
            Body::Open(_) | Body::Lone(_) => false,
            Body::Bare(_) => true,
            Body::Sealed(record, _) => record.explicit_hash_key().is_none(),
        }
    }

    /// The user records of one that was sent.
    pub(super) fn members(&self) -> &[Pending<T>] {
        match &self.body {
            Body::Sealed(_, members) => members,
            _ => &[],
        }
    }

    /// The try that ends now.
    pub(super) fn attempt(&self, now: Time, error: Option<&AttemptError>) -> Attempt {
        Attempt {
            started: self.sent,
            ended: now,
            error: error.cloned(),
        }
    }

    /// The user records of one that was sent.
    pub(super) fn members_mut(&mut self) -> &mut [Pending<T>] {
        match &mut self.body {
            Body::Sealed(_, members) => members,
            _ => &mut [],
        }
    }

    /// The bytes of the data of one that was sent.
    pub(super) fn data_len(&self) -> usize {
        match &self.body {
            Body::Sealed(record, _) => record.data().len(),
            _ => 0,
        }
    }

    /// Whether it was sent without a partition key.
    pub(super) fn lacks_key(&self) -> bool {
        matches!(&self.body, Body::Sealed(record, _) if record.partition_key().is_none())
    }

    /// The hash key by which one was sent, and whether that is its partition key's, for want of an
    /// explicit one.
    pub(super) fn sent_by(&self) -> Option<(HashKey, bool)> {
        let Body::Sealed(record, _) = &self.body else {
            return None;
        };
        let of_key = || record.partition_key().map(HashKey::of_partition_key);
        let explicit = record.explicit_hash_key();
        let hash_key = explicit.or_else(of_key)?;
        Some((hash_key, explicit.is_none()))
    }

    /// How long those of its user records were buffered that are sent for the first time.
    pub(super) fn first_buffered(&self) -> impl Iterator<Item = Duration> + '_ {
        let first = self.members().iter().filter(|one| one.attempts.is_empty());
        first.map(|one| self.sent.saturating_sub(one.accepted))
    }

    pub(super) fn each<'a>(&'a self, mut see: impl FnMut(&'a Pending<T>)) {
        match &self.body {
            Body::Open(buffer) => buffer.records().for_each(see),
            Body::Bare(pending) | Body::Lone(pending) => see(pending),
            Body::Sealed(_, members) => members.iter().for_each(see),
        }
    }

    pub(super) fn into_members(self) -> Vec<Pending<T>> {
        match self.body {
            Body::Open(buffer) => buffer.into_records(),
            Body::Bare(pending) | Body::Lone(pending) => vec![*pending],
            Body::Sealed(_, members) => members,
        }
    }

    /// Takes out the user records accepted before `cutoff`.
    pub(super) fn take_expired(&mut self, cutoff: Time) -> Vec<Pending<T>> {
        if self.oldest >= cutoff {
            return Vec::new();
        }
        self.take_if(|pending| pending.is_from_before(cutoff))
    }

    /// Takes out some of the user records. What is left will be encoded anew.
    pub(super) fn take_if(&mut self, is_wanted: impl Fn(&Pending<T>) -> bool) -> Vec<Pending<T>> {
        let mut any = false;
        self.each(|pending| any |= is_wanted(pending));
        if !any {
            return Vec::new();
        }
        // User records without a partition key get another random one. It is made of their hash key, which
        // comes from the random key before, so that a seed still repeats it.
        let key = self.cover.map_or(0, |cover| cover.start().get() as u64);
        let buffer = Buffer::with_random_key(format!("{key:016x}"));
        let fresh = Self::open(self.place, self.form, buffer);
        let old = std::mem::replace(self, fresh);
        self.tries = old.tries;
        self.not_before = old.not_before;
        self.sent = old.sent;
        // A bare one is alone, so nothing is left of it that could lose its form.
        let (taken, left): (Vec<_>, Vec<_>) = old.into_members().into_iter().partition(is_wanted);
        for pending in left {
            self.push(pending);
        }
        taken
    }
}

/// Whether it needs no buffer: one without a partition key has its key from there, and one that
/// looks like an aggregate its frame.
fn may_be_lone<T>(pending: &Pending<T>) -> bool {
    pending.hash_key.is_some() && !is_framed(pending.record.data())
}
