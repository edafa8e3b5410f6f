//! The account of what was accepted: each user record is in it once, until it is resolved.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::item::{Pending, room};
use crate::metrics::Meter;
use crate::outcome::{Delivered, DeliveryError, FailureKind, Landed, Outcome, Time, Undelivered};
use crate::settings::Settings;
use crate::tries::Tries;
use kinesis_aggregation::{HashKey, UserRecord};

struct Flush {
    id: u64,
    /// It waits for those accepted before this one.
    before: u64,
    /// How many of them are not resolved. Those that an earlier flush waits for are counted there.
    left: usize,
}

pub(super) struct Ledger<T> {
    record_ttl: Duration,
    record_max_buffered_time: Duration,
    /// In ordered mode, whether a failure fails the later ones of its hash key.
    fails_later: bool,
    pending: usize,
    /// The room that they take, in bytes.
    room: usize,
    next_seq: u64,
    /// What was accepted before this one waits for company no longer.
    hurried: u64,
    /// What was resolved, and not taken yet.
    pub(super) finished: Vec<(T, Outcome)>,
    /// The room that it took, in bytes.
    pub(super) freed_bytes: usize,
    /// By `before`. The first one always has some left.
    flushes: VecDeque<Flush>,
    /// How many flushes wait for: the sum of what each has left.
    awaited: usize,
    /// The flushes that are done.
    pub(super) flushed: Vec<u64>,
    /// By hash key, the first one that failed since [`take_failed`](Self::take_failed).
    failed: HashMap<HashKey, u64>,
    pub(super) meter: Meter,
}

impl<T> Ledger<T> {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            record_ttl: settings.record_ttl,
            record_max_buffered_time: settings.record_max_buffered_time,
            fails_later: settings.ordered && settings.fail_later_in_order,
            pending: 0,
            room: 0,
            next_seq: 0,
            hurried: 0,
            finished: Vec::new(),
            freed_bytes: 0,
            flushes: VecDeque::new(),
            awaited: 0,
            flushed: Vec::new(),
            failed: HashMap::new(),
            meter: Meter::new(settings.recorder.as_ref(), settings.name.as_deref()),
        }
    }

    /// Enters a user record that was accepted.
    #[inline]
    pub(super) fn accept(
        &mut self,
        accepted: Time,
        record: UserRecord,
        hash_key: Option<HashKey>,
        ticket: T,
    ) -> Pending<T> {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.pending += 1;
        self.room += room(&record);
        self.meter.received();
        Pending {
            record,
            hash_key,
            ticket,
            seq,
            accepted,
            due: accepted.saturating_add(self.record_max_buffered_time),
            attempts: Tries::default(),
            maybe_stored: false,
            keyless_refused: false,
        }
    }

    /// How many are not resolved.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// The room that they take, in bytes.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Lets what was accepted so far wait for company no longer.
    pub(super) fn hurry(&mut self) {
        self.hurried = self.next_seq;
    }

    /// Returns whether the user record with this place in the order of acceptance waits no longer.
    pub(super) fn is_hurried(&self, seq: u64) -> bool {
        seq < self.hurried
    }

    /// Returns the time before which a user record was accepted if it has expired.
    pub(super) fn cutoff(&self, now: Time) -> Time {
        // A nanosecond later, as what is exactly as old as `record_ttl` has expired too. Before the first
        // `record_ttl` is over this is 0, and nothing was accepted before that.
        (now + Time::from_nanos(1)).saturating_sub(self.record_ttl)
    }

    /// Returns when a user record that was accepted then expires.
    pub(super) fn expires(&self, accepted: Time) -> Time {
        accepted.saturating_add(self.record_ttl)
    }

    /// Resolves user records that expired while nothing of them was under way.
    pub(super) fn expire(&mut self, expired: Vec<Pending<T>>) {
        self.fail(expired, &FailureKind::Expired, false);
    }

    /// Resolves those that have expired, and returns the others.
    pub(super) fn unless_expired(
        &mut self,
        now: Time,
        mut pendings: Vec<Pending<T>>,
    ) -> Vec<Pending<T>> {
        let cutoff = self.cutoff(now);
        let expired = pendings.extract_if(.., |pending| pending.is_from_before(cutoff));
        self.expire(expired.collect());
        pendings
    }

    /// Resolves user records as failed.
    pub(super) fn fail(
        &mut self,
        pendings: impl IntoIterator<Item = Pending<T>>,
        kind: &FailureKind,
        maybe_stored: bool,
    ) {
        for pending in pendings {
            if self.fails_later
                && *kind != FailureKind::EarlierFailed
                && let Some(hash_key) = pending.hash_key
            {
                let first = self.failed.entry(hash_key).or_insert(pending.seq);
                *first = pending.seq.min(*first);
            }
            self.meter.failed(pending.attempts.count());
            self.resolved(pending.seq, room(&pending.record));
            let error = DeliveryError(Box::new(Undelivered {
                kind: kind.clone(),
                record: Some(pending.record),
                maybe_stored: pending.maybe_stored || maybe_stored,
                accepted: pending.accepted,
                attempts: pending.attempts,
            }));
            self.finished.push((pending.ticket, Err(error)));
        }
    }

    /// User records are delivered. Their places in the Kinesis record are 0, 1, 2 and so on, unless
    /// others are given.
    pub(super) fn deliver(
        &mut self,
        members: Vec<Pending<T>>,
        places: Option<Vec<u64>>,
        landed: Landed,
    ) {
        let landed = Arc::new(landed);
        self.finished.reserve(members.len());
        let places = places.into_iter().flatten().chain(0..);
        for (pending, sub_sequence_number) in members.into_iter().zip(places) {
            self.resolved(pending.seq, room(&pending.record));
            let data_len = pending.record.data().len();
            let retries = pending.attempts.count();
            self.meter
                .delivered(landed.stored.shard_id(), data_len, retries);
            let delivered = Delivered {
                landed: Arc::clone(&landed),
                sub_sequence_number,
                accepted: pending.accepted,
                earlier: pending.attempts,
            };
            self.finished.push((pending.ticket, Ok(delivered)));
        }
    }

    /// Counts a user record that took so much room as resolved. It takes numbers, as a reference to the record
    /// would make the compiler copy it.
    fn resolved(&mut self, seq: u64, room: usize) {
        self.pending -= 1;
        self.room -= room;
        self.freed_bytes += room;
        if self.flushes.is_empty() {
            return;
        }
        let at = self.flushes.partition_point(|flush| flush.before <= seq);
        if let Some(flush) = self.flushes.get_mut(at) {
            flush.left -= 1;
            self.awaited -= 1;
        }
        self.end_flushes();
    }

    fn end_flushes(&mut self) {
        while self.flushes.front().is_some_and(|first| first.left == 0) {
            self.flushed
                .extend(self.flushes.pop_front().map(|done| done.id));
        }
    }

    /// Begins a flush of all that was accepted so far.
    pub(super) fn flush(&mut self, id: u64) {
        self.flushes.push_back(Flush {
            id,
            before: self.next_seq,
            left: self.pending - self.awaited,
        });
        self.awaited = self.pending;
        self.end_flushes();
    }

    /// Whether a failure is to fail later ones.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// By hash key, the place of the first one that failed: the later ones are to fail too.
    pub(super) fn take_failed(&mut self) -> HashMap<HashKey, u64> {
        std::mem::take(&mut self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_record_expires_when_it_is_as_old_as_record_ttl_and_no_sooner() {
        let settings = Settings::default();
        let mut ledger = Ledger::new(&settings);
        let pending = ledger.accept(Time::ZERO, UserRecord::new("key", "data"), None, ());
        let before = settings.record_ttl - Time::from_nanos(1);
        let left = ledger.unless_expired(before, vec![pending]);
        assert_eq!((left.len(), ledger.pending()), (1, 1));
        let left = ledger.unless_expired(settings.record_ttl, left);
        assert_eq!((left.len(), ledger.pending()), (0, 0));
    }

    #[test]
    fn a_hurry_is_for_what_was_accepted_before_it() {
        let mut ledger = Ledger::new(&Settings::default());
        ledger.accept(Time::ZERO, UserRecord::new("key", "data"), None, ());
        ledger.hurry();
        assert!(ledger.is_hurried(0) && !ledger.is_hurried(1));
    }
}
