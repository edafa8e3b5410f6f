//! The way of user records between the parts: from the put to where they are sent from, and from the
//! answer to their outcomes or back.

use super::Pipeline;
use super::answer::{Answer, Failure, Landing, Verdict, fates, note_tries};
use super::item::{Item, PATIENCE, Pending, failed_together, size};
use super::lane::TICK;
use super::stream::route::Route;
use crate::client::{ClientErrorKind, Stored};
use crate::outcome::{FailureKind, Time};
use kinesis_aggregation::{DEFAULT_MAX_RECORD_SIZE, UserRecord};

impl<T> Pipeline<T> {
    pub(super) fn judge_undecided(&mut self, now: Time) {
        for landing in self.undecided.take_all() {
            self.outbox.release(now, landing.span);
            self.judge(now, landing);
        }
    }

    /// Whether a user record is larger than the stream takes, as far as is known: its size, and
    /// the most that may be.
    fn excess(&self, record: &UserRecord) -> Option<(usize, usize)> {
        let size = size(record);
        if size <= DEFAULT_MAX_RECORD_SIZE {
            return None;
        }
        let max = self.config.max_record_size(self.stream.max_record_size());
        (size > max).then_some((size, max))
    }

    pub(super) fn take_answer(&mut self, now: Time, mut items: Vec<Item<T>>, answer: Answer) {
        let is_whole = answer.is_err();
        let fates = fates(answer, items.len(), &mut self.ledger.meter);
        note_tries(now, &mut items, &fates, is_whole);
        if let Some(Err(failure)) = fates.first()
            && failure.kind == ClientErrorKind::Invalid
        {
            return self.take_invalid(now, items, failure);
        }
        // In ordered mode, what was taken first is to be the first again.
        for (item, fate) in items.into_iter().zip(fates).rev() {
            match fate {
                Ok(stored) => self.stored(now, item, stored),
                Err(failure) => self.not_stored(now, item, &failure, is_whole),
            }
        }
    }

    /// A Kinesis record was not stored, as far as is known, or the request as a whole was not.
    fn not_stored(&mut self, now: Time, item: Item<T>, failure: &Failure, is_whole: bool) {
        match failure.kind {
            ClientErrorKind::Retry { .. } => self.send_again(now, item),
            ClientErrorKind::Throttled if self.config.settings.fail_if_throttled => {
                self.ledger
                    .fail(item.into_members(), &FailureKind::Throttled, false);
            }
            ClientErrorKind::Throttled => {
                let until = now + self.random.pause(item.tries.saturating_add(1));
                if is_whole {
                    self.outbox.pause(until);
                } else {
                    self.outbox.hold(now, &item, until);
                }
                self.send_again(now, item);
            }
            // It was deleted, and may be created again.
            ClientErrorKind::NoStream if self.stream.has_answered() => {
                self.stream.lost(now, item.sent);
                self.send_again(now, item);
            }
            ClientErrorKind::NoStream | ClientErrorKind::Invalid | ClientErrorKind::Fatal => {
                self.ledger
                    .fail(item.into_members(), &failure.of_request(), false);
            }
        }
    }

    /// The service calls a request invalid. Perhaps the stream went back to keys and wants them,
    /// which is tried once for each user record. Else one Kinesis record is at fault, which must
    /// not fail the others.
    fn take_invalid(&mut self, now: Time, items: Vec<Item<T>>, failure: &Failure) {
        let is_first = |item: &Item<T>| item.members().iter().all(|one| !one.keyless_refused);
        let wants_keys = items.iter().any(Item::lacks_key) && items.iter().all(is_first);
        let sent = items.first().map_or(now, |item| item.sent);
        if wants_keys {
            self.stream.refused_keyless(now, sent);
            let mut members: Vec<_> = items.into_iter().flat_map(Item::into_members).collect();
            members
                .iter_mut()
                .for_each(|one| one.keyless_refused = true);
            self.returned
                .extend(self.ledger.unless_expired(now, members));
        } else if items.len() > 1 {
            self.outbox.split(items);
        } else {
            let members = items.into_iter().flat_map(Item::into_members);
            self.ledger.fail(members, &failure.of_request(), false);
        }
    }

    /// Puts a user record where it is to be sent from.
    #[inline]
    pub(super) fn route(&mut self, now: Time, mut pending: Pending<T>) {
        if let Some((size, max)) = self.excess(&pending.record) {
            if self.stream.may_tell_size() {
                // Those that are routed anew have asked: asking again would cut the pause after a failure.
                if pending.accepted == now {
                    self.stream.ask_size(now);
                }
                self.large.push(pending);
            } else {
                let kind = FailureKind::TooLarge { size, max };
                self.ledger.fail([pending], &kind, false);
            }
            return;
        }
        if self.large.precedes(pending.hash_key) {
            return self.large.push(pending);
        }
        let hurried = self.ledger.is_hurried(pending.seq);
        match self.stream.route(&pending.record, pending.hash_key) {
            Route::Join(place, form) => {
                if hurried {
                    pending.due = pending.due.min(now);
                }
                self.outbox.join(now, &self.stream, (place, form), pending);
            }
            Route::Bare => {
                let item = Item::bare(pending);
                self.outbox.push(now, &self.stream, Box::new(item));
            }
            Route::Wait => {
                if hurried {
                    pending.due = pending.due.min(now + PATIENCE);
                }
                self.waiting.push(pending);
            }
            Route::Refuse(kind) => self.ledger.fail([pending], &kind, false),
        }
    }

    /// Sends those that waited for a shard map as long as they could: each alone.
    pub(super) fn release_waiting(&mut self, now: Time) {
        let due = self.waiting.take_due(now);
        for pending in self.ledger.unless_expired(now, due) {
            if let Some(hash_key) = pending.hash_key {
                let item = self.stream.alone(pending, hash_key);
                self.outbox.push(now, &self.stream, Box::new(item));
            } else {
                self.route(now, pending);
            }
        }
        self.fail_later_ones();
    }

    /// The stream stored a Kinesis record.
    fn stored(&mut self, now: Time, item: Item<T>, stored: Stored) {
        let shard_id = stored.shard_id();
        self.stream.landed(now, &item, shard_id);
        self.ledger
            .meter
            .stored(shard_id, item.data_len(), item.len(), item.first_buffered());
        self.judge(now, Landing::new(now, item, stored));
    }

    fn judge(&mut self, now: Time, landing: Landing<T>) {
        match landing.judge(&mut self.stream) {
            Verdict::Delivered(members, places, landed) => {
                self.ledger.deliver(members, places, landed);
            }
            Verdict::Dropped(mut members, attempt) => {
                if let Some(error) = attempt.error() {
                    self.ledger.meter.error(error.code());
                }
                // Readers that do not filter have them.
                failed_together(&mut members, &attempt, true);
                self.returned
                    .extend(self.ledger.unless_expired(now, members));
            }
            Verdict::Undecided(landing) => {
                self.outbox.claim(landing.span);
                self.undecided.push(landing);
            }
        }
    }

    /// Sends a Kinesis record again, after a pause.
    fn send_again(&mut self, now: Time, mut item: Item<T>) {
        let cutoff = self.ledger.cutoff(now);
        self.ledger.expire(item.take_expired(cutoff));
        if item.is_empty() {
            return;
        }
        item.tries = item.tries.saturating_add(1);
        item.not_before = now + self.random.pause(item.tries);
        match self.stream.as_it_is(&item) {
            Some(place) => {
                item.place = place;
                self.outbox.give_back(now, item);
            }
            None => self.returned.extend(item.into_members()),
        }
    }

    /// When something may expire; the lanes look for themselves.
    pub(super) fn sweep_due(&self) -> Option<Time> {
        let oldest = self.waiting.oldest().min(self.undecided.oldest());
        let oldest = oldest.min(self.large.oldest());
        let oldest = oldest.min(self.outbox.oldest_collected());
        let expires = self.ledger.expires(oldest).min(self.undecided.lapses());
        (oldest < Time::MAX).then(|| expires.max(self.swept + TICK))
    }

    /// Resolves what has expired. What is under way has not: an answer may still come.
    pub(super) fn sweep(&mut self, now: Time) {
        self.swept = now;
        let cutoff = self.ledger.cutoff(now);
        let mut expired = self.waiting.take_expired(cutoff);
        let large = self.large.take_expired(cutoff);
        if !large.is_empty() {
            // Where order is wanted, what waited to stay after them need not wait any more.
            self.returned.append(&mut self.large.take_all());
        }
        expired.extend(large);
        expired.extend(self.outbox.take_expired(cutoff));
        self.ledger.expire(expired);
        for mut landing in self.undecided.take_all() {
            let (mut expired, attempt) = landing.take_expired(now, cutoff);
            failed_together(&mut expired, &attempt, true);
            self.ledger.fail(expired, &FailureKind::UnknownShard, true);
            if landing.is_empty() {
                self.outbox.release(now, landing.span);
            } else {
                self.undecided.push(landing);
            }
        }
    }
}
