//! The pipeline without its I/O: it is told the time and what happened, and tells what to do.
//!
//! ```text
//! put -> route --> Waiting (for a shard map)
//!           |          v
//!           +--> Outbox: Lane (open aggregate, ready) -> Collector -> PutRecords
//!           ^                                                             |
//!           +-- returned <-- fates, Landing (is it delivered?) <-- answer +
//!                               |
//!                               +-> Ledger: outcomes, room, flushes
//! ```
//!
//! `Stream` is what is known of the stream; where a landing contradicts it, it asks again.

mod admission;
mod answer;
mod collector;
mod flow;
mod item;
mod lane;
mod lanes;
mod ledger;
mod limiter;
mod outbox;
mod random;
mod settle;
mod shards;
mod spans;
mod strategy;
mod stream;
mod succession;
mod waiting;
mod window;

use self::answer::{Answer, Landing, Undecided, is_lost};
use self::item::{Item, PATIENCE, Pending};
use self::ledger::Ledger;
use self::outbox::Outbox;
use self::random::Random;
use self::stream::Stream;
use self::waiting::Waiting;
use crate::client::{ClientError, StreamDescription};
use crate::metrics::Metrics;
use crate::outcome::{FailureKind, Outcome, Time};
use crate::settings::Config;
use kinesis_aggregation::{HashKey, KinesisRecord, Shard, UserRecord};

pub(crate) use self::item::room;
pub use self::limiter::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};

/// Something to be done for the pipeline; what came of it goes back in.
#[derive(Debug)]
pub enum Action {
    /// Put these with one request, and tell [`Pipeline::answered`].
    PutRecords {
        /// To be given back.
        id: u64,
        /// What to put.
        records: Vec<KinesisRecord>,
    },
    /// List the shards, and tell [`Pipeline::listed`].
    ListShards,
    /// Describe the stream, and tell [`Pipeline::described`].
    Describe,
}

/// Everything between `put` and the stream. `T` is what an outcome is for.
///
/// After anything that it was told, [`drive`](Self::drive) it, and take the actions and the outcomes.
pub struct Pipeline<T> {
    // Every user record that is not resolved is in exactly one of `waiting`, `large`, `outbox`,
    // `undecided` and `returned`; the ledger knows how many there are.
    config: Config,
    stream: Stream,
    waiting: Waiting<T>,
    outbox: Outbox<T>,
    undecided: Undecided<T>,
    /// Larger than streams take by default: they wait to learn what this one takes. Where order is
    /// wanted, so do the later ones of their hash keys.
    large: Waiting<T>,
    /// To be routed anew.
    returned: Vec<Pending<T>>,
    ledger: Ledger<T>,
    /// When it last looked for what has expired.
    swept: Time,
    random: Random,
    /// The time of the last [`drive`](Self::drive).
    driven: Time,
    actions: Vec<Action>,
}

impl<T> Pipeline<T> {
    /// Returns a pipeline with nothing in it yet.
    pub fn new(config: Config) -> Self {
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
            swept: Time::ZERO,
            random,
            driven: Time::ZERO,
            actions: Vec::new(),
            config,
        }
    }

    /// Takes a user record that was checked and accepted at `accepted`, with its effective hash
    /// key.
    #[inline]
    pub fn put(
        &mut self,
        accepted: Time,
        record: UserRecord,
        hash_key: Option<HashKey>,
        ticket: T,
    ) {
        if self.pending() == 0 {
            self.stream.used(accepted);
        }
        if hash_key.is_none() {
            self.stream.used_without_key(accepted);
        }
        let pending = self.ledger.accept(accepted, record, hash_key, ticket);
        self.route(accepted, pending);
    }

    /// From now on has at most this many requests under way, unless its own limit is lower.
    pub fn limit_connections(&mut self, connections: usize) {
        self.outbox.limit_connections(connections);
    }

    /// Does all that is due at `now`.
    pub fn drive(&mut self, now: Time) {
        self.driven = now;
        self.stream.lapse(now);
        // An idle producer asks nothing about the stream.
        if self.pending() > 0 {
            if self.stream.start_listing(now) {
                self.actions.push(Action::ListShards);
            }
            if self.stream.start_describing(now) {
                self.actions.push(Action::Describe);
            }
        }
        loop {
            self.settle(now);
            // After it: what comes out of a lane may have expired there.
            if self.sweep_due().is_some_and(|due| due <= now) {
                self.sweep(now);
                continue;
            }
            self.release_waiting(now);
            let requests = self.outbox.send(now, &self.stream, &mut self.ledger);
            let puts = requests.into_iter();
            self.actions
                .extend(puts.map(|(id, records)| Action::PutRecords { id, records }));
            // What expired on its way into a request may have failed others.
            if !self.ledger.has_failed() {
                return;
            }
        }
    }

    /// Returns when to call [`drive`](Self::drive) again, if nothing else happens.
    pub fn wake(&self) -> Option<Time> {
        let wakes = [
            self.stream.wake().filter(|_| self.pending() > 0),
            self.stream.lapses(),
            self.sweep_due(),
            self.waiting.wake(),
            self.outbox.wake(self.driven),
        ];
        wakes.into_iter().flatten().min()
    }

    /// Takes the answer to [`Action::PutRecords`].
    pub fn answered(&mut self, now: Time, id: u64, answer: Answer) {
        let is_lost = answer.as_ref().is_err_and(is_lost);
        let items = self.outbox.answered(now, id, is_lost);
        if let Some(item) = items.first() {
            self.ledger.meter.answered(now.saturating_sub(item.sent));
            self.take_answer(now, items, answer);
            self.settle(now);
        }
    }

    /// Takes the answer to [`Action::ListShards`].
    pub fn listed(&mut self, now: Time, answer: Result<Vec<Shard>, ClientError>) {
        let answer = answer.map_err(|error| {
            self.ledger.meter.error(error.code());
            error.kind()
        });
        if self.stream.listed(now, answer) {
            self.judge_undecided(now);
        }
        self.settle(now);
    }

    /// Takes the answer to [`Action::Describe`].
    pub fn described(&mut self, now: Time, answer: Result<Option<StreamDescription>, ClientError>) {
        let answer = answer.map_err(|error| self.ledger.meter.error(error.code()));
        self.stream.described(now, answer);
        if self.stream.has_no_ranges() {
            self.judge_undecided(now);
        }
        if !self.stream.may_tell_size() {
            self.returned.append(&mut self.large.take_all());
        }
        self.settle(now);
    }

    /// Sends all that was put so far as soon as it may be; `id` comes back from
    /// [`take_flushed`](Self::take_flushed) when it is resolved.
    pub fn flush(&mut self, now: Time, id: u64) {
        self.hurry(now);
        self.ledger.flush(id);
    }

    /// Makes the next request due now, with what is closed already.
    pub fn hurry_closed(&mut self, now: Time) {
        self.outbox.hurry_closed(now);
    }

    /// Makes due now whatever would go then, for a put that waits for room that nothing else frees. An
    /// open aggregate stays open behind those of its lane that a limit or a pause keeps: closed, it would
    /// wait as long, and the next one would be as small. What waits for a shard map waits a little longer.
    pub fn hurry_first(&mut self, now: Time) {
        self.ledger.hurry();
        self.outbox.hurry_first(now);
        self.waiting.hurry(now + PATIENCE);
    }

    /// Makes everything due now. What waits for a shard map waits a little longer.
    pub fn hurry(&mut self, now: Time) {
        self.ledger.hurry();
        self.outbox.hurry(now);
        self.waiting.hurry(now + PATIENCE);
    }

    /// Resolves everything as failed, for this reason.
    pub fn abort(&mut self, kind: &FailureKind) {
        let under_way = self.outbox.take_under_way();
        let under_way = under_way.into_iter().flat_map(Item::into_members);
        let landed = self.undecided.take_all();
        let landed = landed.into_iter().flat_map(Landing::into_members);
        self.ledger.fail(under_way.chain(landed), kind, true);
        let unsent = self.take_unsent(Time::ZERO);
        self.ledger.fail(unsent, kind, false);
    }

    /// Returns whether the stream's distribution is service-managed, as far as is known.
    pub fn is_service_managed(&self) -> bool {
        self.stream.is_service_managed()
    }

    /// Returns whether more was accepted than its shards, or the link, take within half of `record_ttl`,
    /// by what they took lately. As long as that is so, what is put should wait: it is slowed, and does
    /// not expire.
    pub fn is_over(&self) -> bool {
        self.outbox.is_over(self.driven, self.ledger.room())
    }

    /// Returns the most bytes of a record, by what is known of the stream.
    pub fn max_record_size(&self) -> usize {
        self.config.max_record_size(self.stream.most_record_size())
    }

    /// Takes what is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Takes what was resolved.
    pub fn take_finished(&mut self) -> Vec<(T, Outcome)> {
        std::mem::take(&mut self.ledger.finished)
    }

    /// Returns the room that the resolved ones took, in bytes, since the last call.
    pub fn take_freed_bytes(&mut self) -> usize {
        std::mem::take(&mut self.ledger.freed_bytes)
    }

    /// Takes the flushes that are done.
    pub fn take_flushed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.ledger.flushed)
    }

    /// Returns how many user records are not resolved.
    pub fn pending(&self) -> usize {
        self.ledger.pending()
    }

    /// Returns what was done so far.
    pub fn metrics(&self) -> &Metrics {
        self.ledger.meter.total()
    }

    /// Brings the counters of the `metrics` facade up to date.
    pub fn publish(&mut self) {
        self.ledger.meter.publish();
    }
}

/// For the tests of the pipeline.
impl<T> Pipeline<T> {
    /// Returns how many user records are in every place where one may be, and the room that they take:
    /// counted one by one, to check the account.
    pub fn count_held(&self) -> (usize, usize) {
        let apart = self.waiting.records().iter().chain(self.large.records());
        let apart = apart.chain(&self.returned).chain(self.undecided.members());
        let mut held: Vec<_> = apart.map(|pending| room(&pending.record)).collect();
        let items = self.outbox.items();
        items.for_each(|item| item.each(|pending| held.push(room(&pending.record))));
        (held.len(), held.into_iter().sum())
    }

    /// Returns how many requests may be under way now.
    pub fn connections(&self) -> usize {
        self.outbox.connections()
    }

    /// Returns whether a throttled stream keeps something from going.
    pub fn is_paused(&self) -> bool {
        self.outbox.is_paused(self.driven)
    }

    /// Returns whether something may go, but nothing would send it.
    pub fn is_lane_forgotten(&self) -> bool {
        self.outbox.is_lane_forgotten(self.driven)
    }

    /// Returns how many lanes there are, empty ones too.
    pub fn count_lanes(&self) -> usize {
        self.outbox.count_lanes()
    }

    /// Returns whether no hash key keeps others back, where order is wanted.
    pub fn is_unclaimed(&self) -> bool {
        self.outbox.is_unclaimed()
    }
}
