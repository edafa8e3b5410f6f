//! The way of user records between the parts: from the put to where they are sent from, and from the
//! answer to their outcomes or back.

mod settle;

use super::answer::{Answer, Failure, Landing, Undecided, Verdict, fates, is_lost, note_tries};
use super::item::{Item, PATIENCE, Pending, failed_together, room, size};
use super::lane::TICK;
use super::ledger::Ledger;
use super::outbox::{Outbox, Request};
use super::random::Random;
use super::route::{Route, Routes};
use super::stream::Stream;
use super::waiting::Waiting;
use crate::client::{ClientErrorKind, Stored};
use crate::outcome::{FailureKind, Time};
use crate::settings::Config;
use kinesis_aggregation::{DEFAULT_MAX_RECORD_SIZE, HashKey, Shard, UserRecord};

/// Every user record that is not resolved is in exactly one of `waiting`, `large`, `outbox`,
/// `undecided` and `returned`; the ledger knows how many there are.
pub(super) struct Flow<T> {
    config: Config,
    pub(super) stream: Stream,
    waiting: Waiting<T>,
    pub(super) outbox: Outbox<T>,
    undecided: Undecided<T>,
    /// Larger than streams take by default: they wait to learn what this one takes.
    large: Waiting<T>,
    /// To be routed anew.
    returned: Vec<Pending<T>>,
    pub(super) ledger: Ledger<T>,
    /// The version of what is known of the stream by which all is where it belongs.
    settled: u64,
    /// Those accepted before this one wait for company no longer.
    hurried: u64,
    /// When it last looked for what has expired.
    swept: Time,
    random: Random,
}

impl<T> Flow<T> {
    pub(super) fn new(config: Config) -> Self {
        let settings = &config.settings;
        let mut random = Random::new(settings.seed);
        Self {
            stream: Stream::new(settings, random.fork()),
            waiting: Waiting::new(settings.ordered),
            outbox: Outbox::new(&config, random.fork()),
            undecided: Undecided::default(),
            large: Waiting::new(settings.ordered),
            returned: Vec::new(),
            ledger: Ledger::new(settings),
            settled: 0,
            hurried: 0,
            swept: Time::ZERO,
            random,
            config,
        }
    }

    /// Takes a user record that was accepted.
    #[inline]
    pub(super) fn put(
        &mut self,
        accepted: Time,
        record: UserRecord,
        hash_key: Option<HashKey>,
        ticket: T,
    ) {
        if self.ledger.pending() == 0 {
            self.stream.used(accepted);
        }
        if hash_key.is_none() {
            self.stream.used_without_key(accepted);
        }
        let pending = self.ledger.accept(accepted, record, hash_key, ticket);
        self.route(accepted, pending);
    }

    /// Brings everything where it belongs, and gives the requests that start.
    pub(super) fn send(&mut self, now: Time) -> Vec<Request> {
        let mut requests = Vec::new();
        loop {
            self.settle(now);
            // After it: what comes out of a lane may have expired there.
            if self.sweep_due().is_some_and(|due| due <= now) {
                self.sweep(now);
                continue;
            }
            self.release_waiting(now);
            let routes = Routes::new(&self.stream, &self.config);
            requests.extend(self.outbox.send(now, &routes, &mut self.ledger));
            // What expired on its way into a request may have failed others.
            if self.is_settled() {
                return requests;
            }
        }
    }

    /// When to call [`send`](Self::send), if nothing else happens after `driven`.
    pub(super) fn wake(&self, driven: Time) -> Option<Time> {
        let (sweep, waiting) = (self.sweep_due(), self.waiting.wake());
        let wakes = [sweep, waiting, self.outbox.wake(driven)];
        wakes.into_iter().flatten().min()
    }

    /// Takes the answer to a request.
    pub(super) fn answered(&mut self, now: Time, id: u64, answer: Answer) {
        let is_lost = answer.as_ref().is_err_and(is_lost);
        let Some((items, sent)) = self.outbox.answered(now, id, is_lost) else {
            return;
        };
        self.ledger.meter.answered(now.saturating_sub(sent));
        self.take_answer(now, items, answer);
        self.settle(now);
    }

    /// Takes the answer to a listing of the shards.
    pub(super) fn listed(&mut self, now: Time, answer: Result<Vec<Shard>, ClientErrorKind>) {
        if self.stream.listed(now, answer) {
            self.judge_undecided(now);
        }
        self.settle(now);
    }

    fn judge_undecided(&mut self, now: Time) {
        for landing in self.undecided.take_all() {
            self.outbox.release(now, landing.span);
            self.judge(now, landing);
        }
    }

    /// The stream was described, or that failed.
    pub(super) fn described(&mut self, now: Time) {
        if self.stream.unseen().is_some() {
            self.judge_undecided(now);
        }
        if !self.stream.may_tell_size() {
            self.returned.append(&mut self.large.take_all());
        }
        self.settle(now);
    }

    /// Makes everything due now; what waits for a shard map waits a little longer.
    pub(super) fn hurry(&mut self, now: Time) {
        self.hurried = self.ledger.next_seq();
        self.outbox.hurry(now, self.hurried);
        self.waiting.hurry(now + PATIENCE);
    }

    /// Whether more was accepted than can go in time, so that no more should be.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.outbox.is_over(now, self.ledger.room())
    }

    /// Resolves everything as aborted.
    pub(super) fn abort(&mut self) {
        let under_way = self.outbox.take_under_way();
        let under_way = under_way.into_iter().flat_map(Item::into_members);
        let landed = self.undecided.take_all();
        let landed = landed.into_iter().flat_map(Landing::into_members);
        for pending in under_way.chain(landed) {
            self.ledger.fail(pending, FailureKind::Aborted, true);
        }
        for pending in self.take_unsent(Time::ZERO) {
            self.ledger.fail(pending, FailureKind::Aborted, false);
        }
    }

    /// The most bytes of a record that is not to be refused at once.
    pub(super) fn max_record_size(&self) -> usize {
        self.config.max_record_size(self.stream.most_record_size())
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

    fn take_answer(&mut self, now: Time, mut items: Vec<Item<T>>, answer: Answer) {
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
                self.fail_all(item.into_members(), &FailureKind::Throttled);
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
                self.fail_all(item.into_members(), &failure.of_request());
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
            for mut pending in items.into_iter().flat_map(Item::into_members) {
                pending.keyless_refused = true;
                self.returned
                    .extend(self.ledger.unless_expired(now, pending));
            }
        } else if items.len() > 1 {
            self.outbox.split(items);
        } else {
            self.fail_all(
                items.into_iter().flat_map(Item::into_members),
                &failure.of_request(),
            );
        }
    }

    /// Puts a user record where it is to be sent from.
    #[inline]
    fn route(&mut self, now: Time, mut pending: Pending<T>) {
        if let Some((size, max)) = self.excess(&pending.record) {
            if self.stream.may_tell_size() {
                self.stream.ask_size(now);
                self.large.push(pending);
            } else {
                let kind = FailureKind::TooLarge { size, max };
                self.ledger.fail(pending, kind, false);
            }
            return;
        }
        let hurried = pending.seq < self.hurried;
        let routes = Routes::new(&self.stream, &self.config);
        match routes.of(&pending.record, pending.hash_key) {
            Route::Join(place, form) => {
                if hurried {
                    pending.due = pending.due.min(now);
                }
                self.outbox.join(now, &routes, (place, form), pending);
            }
            Route::Bare => {
                let item = Item::bare(pending);
                self.outbox.push(now, &routes, Box::new(item));
            }
            Route::Wait => {
                if hurried {
                    pending.due = pending.due.min(now + PATIENCE);
                }
                self.waiting.push(pending);
            }
            Route::Refuse(kind) => self.ledger.fail(pending, kind, false),
        }
    }

    /// Sends those that waited for a shard map as long as they could: each alone.
    fn release_waiting(&mut self, now: Time) {
        for pending in self.waiting.take_due(now) {
            if let Some(hash_key) = pending.hash_key {
                let routes = Routes::new(&self.stream, &self.config);
                let item = routes.alone(pending, hash_key);
                self.outbox.push(now, &routes, Box::new(item));
            } else {
                self.route(now, pending);
            }
        }
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
                for pending in members {
                    self.returned
                        .extend(self.ledger.unless_expired(now, pending));
                }
            }
            Verdict::Open(landing) => {
                self.outbox.claim(landing.span);
                self.undecided.push(landing);
            }
        }
    }

    /// Sends a Kinesis record again, after a pause.
    fn send_again(&mut self, now: Time, mut item: Item<T>) {
        let cutoff = self.ledger.cutoff(now);
        let random = &mut self.random;
        for pending in item.take_expired(cutoff, || random.key()) {
            self.ledger.expire(pending);
        }
        if item.is_empty() {
            return;
        }
        item.tries = item.tries.saturating_add(1);
        item.not_before = now + self.random.pause(item.tries);
        let routes = Routes::new(&self.stream, &self.config);
        match routes.as_it_is(&item) {
            Some(place) => {
                item.place = place;
                self.outbox.give_back(now, item);
            }
            None => self.returned.extend(item.into_members()),
        }
    }

    fn fail_all(&mut self, members: impl IntoIterator<Item = Pending<T>>, kind: &FailureKind) {
        for pending in members {
            self.ledger.fail(pending, kind.clone(), false);
        }
    }

    /// When something may expire; the lanes look for themselves.
    fn sweep_due(&self) -> Option<Time> {
        let oldest = self.waiting.oldest().min(self.undecided.oldest());
        let oldest = oldest.min(self.large.oldest());
        let oldest = oldest.min(self.outbox.oldest_collected());
        let expires = self.ledger.expires(oldest);
        (oldest < Time::MAX).then(|| expires.max(self.swept + TICK))
    }

    /// Resolves what has expired. What is under way has not: an answer may still come.
    fn sweep(&mut self, now: Time) {
        self.swept = now;
        let Some(cutoff) = self.ledger.cutoff(now) else {
            return;
        };
        let mut expired = self.waiting.take_expired(cutoff);
        expired.extend(self.large.take_expired(cutoff));
        expired.extend(self.outbox.take_expired(cutoff));
        for pending in expired {
            self.ledger.expire(pending);
        }
        for mut landing in self.undecided.take_all() {
            let (mut expired, attempt) = landing.take_expired(cutoff);
            failed_together(&mut expired, &attempt, true);
            for pending in expired {
                self.ledger.fail(pending, FailureKind::UnknownShard, true);
            }
            if landing.is_empty() {
                self.outbox.release(now, landing.span);
            } else {
                self.undecided.push(landing);
            }
        }
    }

    /// How many user records are here, and the room that they take.
    pub(super) fn count_held(&self) -> (usize, usize) {
        let apart = self.waiting.records().iter().chain(self.large.records());
        let apart = apart.chain(&self.returned).chain(self.undecided.members());
        let mut held: Vec<_> = apart.map(|pending| room(&pending.record)).collect();
        let items = self.outbox.items();
        items.for_each(|item| item.each(|pending| held.push(room(&pending.record))));
        (held.len(), held.into_iter().sum())
    }
}
