//! The pipeline without its I/O: it is told the time and what happened, and tells what to do.
//!
//! One file for each of its concerns: `route` (where a user record goes), `send` (what goes into
//! a request), `retrier` (what an answer means), `sweep` (what expires).

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use bytestring::ByteString;

use super::client::{ClientError, StreamDescription};
use super::collector::Collector;
use super::config::{Config, RECORD_OVERHEAD};
use super::item::{Item, Pending};
use super::lanes::Lanes;
use super::meter::Meter;
use super::metrics::Metrics;
use super::outcome::{DeliveryError, FailureKind, Outcome, Time, Undelivered};
use super::retrier::Held;
use super::shards::{Listed, Shards};
use super::strategy::Strategy;
use crate::hash_key::HashKey;
use crate::record::{KinesisRecord, UserRecord};
use crate::shard::Shard;

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
pub struct Pipeline<T> {
    pub(super) config: Config,
    pub(super) shards: Shards,
    pub(super) strategy: Strategy,
    pub(super) lanes: Lanes<T>,
    /// For a shard map.
    pub(super) waiting: Vec<Pending<T>>,
    /// The earliest time at which one of them goes without.
    pub(super) waiting_due: Time,
    /// To be routed anew, together with all that was not sent.
    pub(super) returned: Vec<Pending<T>>,
    pub(super) reroute: bool,
    /// In ordered mode, what failed: its later ones are to fail too.
    pub(super) failed: Vec<(HashKey, u64)>,
    pub(super) collector: Collector<T>,
    pub(super) in_flight: BTreeMap<u64, Vec<Item<T>>>,
    /// Landed on shards whose range is not known yet.
    pub(super) held: Vec<Held<T>>,
    pub(super) metrics: Meter,
    pub(super) actions: Vec<Action>,
    finished: Vec<(T, Outcome)>,
    freed_bytes: usize,
    pending: usize,
    pub(super) next_seq: u64,
    /// Those accepted before this one are not to wait for company any more.
    pub(super) hurried: u64,
    pub(super) next_request: u64,
    pub(super) next_sweep: Time,
    /// The time of the last [`drive`](Self::drive).
    pub(super) driven: Time,
    flushes: Vec<Flush>,
    flushed: Vec<u64>,
    pub(super) random: u64,
}

struct Flush {
    id: u64,
    /// For those accepted before this one.
    before: u64,
    left: usize,
}

impl<T> Pipeline<T> {
    /// Nothing in it yet.
    pub fn new(config: Config) -> Self {
        let settings = &config.settings;
        let seed = settings.seed;
        Self {
            shards: Shards::default(),
            strategy: Strategy::default(),
            lanes: Lanes::new(settings.rate_limit),
            waiting: Vec::new(),
            waiting_due: Time::MAX,
            returned: Vec::new(),
            reroute: false,
            failed: Vec::new(),
            collector: Collector::new(settings.collection_max_count, settings.collection_max_size),
            in_flight: BTreeMap::new(),
            held: Vec::new(),
            metrics: Meter::new(settings.recorder.as_ref(), settings.name.as_deref()),
            actions: Vec::new(),
            finished: Vec::new(),
            freed_bytes: 0,
            pending: 0,
            next_seq: 0,
            hurried: 0,
            next_request: 0,
            next_sweep: Time::ZERO,
            driven: Time::ZERO,
            flushes: Vec::new(),
            flushed: Vec::new(),
            random: seed.unwrap_or_else(|| RandomState::new().hash_one(())),
            config,
        }
    }

    /// Takes a user record that was checked and accepted at `accepted`, with its effective hash
    /// key.
    pub fn put(
        &mut self,
        accepted: Time,
        record: UserRecord,
        hash_key: Option<HashKey>,
        ticket: T,
    ) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.pending += 1;
        self.metrics.received();
        self.route(
            accepted,
            Pending {
                record,
                hash_key,
                ticket,
                seq,
                accepted,
                due: accepted + self.config.settings.record_max_buffered_time,
                attempts: Vec::new(),
                maybe_stored: false,
                keyless_refused: false,
            },
        );
    }

    /// Does all that is due at `now`. Then take the actions and the outcomes.
    pub fn drive(&mut self, now: Time) {
        self.driven = now;
        if self.shards.start_listing(now) {
            self.actions.push(Action::ListShards);
        }
        if self.strategy.start_describing(now) {
            self.actions.push(Action::Describe);
        }
        if now >= self.next_sweep {
            self.sweep(now);
        }
        loop {
            self.settle(now);
            self.release_waiting(now);
            self.send(now);
            // What expired on its way into a request may have failed others.
            if self.is_settled() {
                break;
            }
        }
    }

    /// When to call [`drive`](Self::drive) again, if nothing else happens.
    pub fn wake(&self) -> Option<Time> {
        let sweep = (self.pending > 0).then_some(self.next_sweep);
        let waiting = (!self.waiting.is_empty()).then_some(self.waiting_due);
        [
            self.shards.wake(),
            self.strategy.wake(),
            sweep,
            waiting,
            self.send_wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes the answer to [`Action::ListShards`].
    pub fn listed(&mut self, now: Time, answer: Result<Vec<Shard>, ClientError>) {
        if let Err(error) = &answer {
            self.metrics.error(error.code());
        }
        let listed = self.shards.listed(now, answer.ok());
        if listed == Listed::NewMap || self.shards.valid().is_some() {
            self.reroute = true;
        }
        if listed != Listed::Nothing {
            self.judge_held(now);
        }
        self.settle(now);
    }

    /// Takes the answer to [`Action::Describe`].
    pub fn described(&mut self, now: Time, answer: Result<Option<StreamDescription>, ClientError>) {
        if let Err(error) = &answer {
            self.metrics.error(error.code());
        }
        let first = self.strategy.is_unknown();
        let changed = self.strategy.described(now, answer.map_err(drop));
        self.reroute |= changed || first;
        self.settle(now);
    }

    /// Whether the stream's distribution is service-managed, as far as is known.
    pub fn is_service_managed(&self) -> bool {
        self.strategy.is_service_managed()
    }

    /// The most bytes of a record, by what is known of the stream.
    pub fn max_record_size(&self) -> usize {
        self.config.max_record_size(self.strategy.max_record_size())
    }

    /// Sends all that was put so far as soon as it may be; `id` comes back from
    /// [`take_flushed`](Self::take_flushed) when it is resolved.
    pub fn flush(&mut self, now: Time, id: u64) {
        self.hurry(now);
        if self.pending == 0 {
            self.flushed.push(id);
            return;
        }
        self.flushes.push(Flush {
            id,
            before: self.next_seq,
            left: self.pending,
        });
    }

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// What was resolved.
    pub fn take_finished(&mut self) -> Vec<(T, Outcome)> {
        std::mem::take(&mut self.finished)
    }

    /// The room that the resolved ones took, in bytes, since the last call.
    pub fn take_freed_bytes(&mut self) -> usize {
        std::mem::take(&mut self.freed_bytes)
    }

    /// The flushes that are done.
    pub fn take_flushed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.flushed)
    }

    /// What was done so far.
    pub fn metrics(&self) -> &Metrics {
        self.metrics.total()
    }

    /// How many user records are not resolved.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Resolves everything as aborted.
    pub fn abort(&mut self) {
        for items in std::mem::take(&mut self.in_flight).into_values() {
            for pending in items.into_iter().flat_map(Item::into_members) {
                self.fail(pending, FailureKind::Aborted, true);
            }
        }
        for held in std::mem::take(&mut self.held) {
            for (_, pending) in held.members {
                self.fail(pending, FailureKind::Aborted, true);
            }
        }
        for pending in self.take_unsent() {
            self.fail(pending, FailureKind::Aborted, false);
        }
    }

    pub(super) fn fail(&mut self, pending: Pending<T>, kind: FailureKind, maybe_stored: bool) {
        let settings = &self.config.settings;
        if settings.ordered
            && settings.fail_later_in_order
            && kind != FailureKind::EarlierFailed
            && let Some(hash_key) = pending.hash_key
        {
            self.failed.push((hash_key, pending.seq));
        }
        self.metrics.failed(&pending);
        self.freed(&pending);
        let error = DeliveryError {
            kind,
            rest: Box::new(Undelivered {
                record: Some(pending.record),
                maybe_stored: pending.maybe_stored || maybe_stored,
                accepted: pending.accepted,
                attempts: pending.attempts,
            }),
        };
        self.finished.push((pending.ticket, Err(error)));
    }

    pub(super) fn succeed(&mut self, pending: Pending<T>, delivered: super::Delivered) {
        self.metrics.delivered(&pending, &delivered);
        self.freed(&pending);
        self.finished.push((pending.ticket, Ok(delivered)));
    }

    fn freed(&mut self, pending: &Pending<T>) {
        self.pending -= 1;
        self.freed_bytes += room(&pending.record);
        if self.flushes.is_empty() {
            return;
        }
        for flush in &mut self.flushes {
            if pending.seq < flush.before {
                flush.left -= 1;
            }
        }
        let done = self.flushes.iter().filter(|flush| flush.left == 0);
        self.flushed.extend(done.map(|flush| flush.id));
        self.flushes.retain(|flush| flush.left > 0);
    }

    pub(super) fn random(&mut self) -> u64 {
        split_mix(&mut self.random)
    }
}

/// The room that a user record takes, in bytes.
pub fn room(record: &UserRecord) -> usize {
    record.data().len() + record.partition_key().map_or(0, str::len) + RECORD_OVERHEAD
}

pub(super) fn random_key(state: &mut u64) -> ByteString {
    ByteString::from(format!("{:016x}", split_mix(state)))
}

/// SplitMix64: it needs to spread, not to be secret.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
