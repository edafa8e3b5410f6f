//! The pipeline without its I/O: it is told the time and what happened, and tells what to do.
//!
//! One file for each of its concerns: `route` (where a user record goes), `send` (what goes into
//! a request), `retrier` (what an answer means), `judge` (whether what was stored is delivered), `sweep` (what
//! expires), `account` (what is held).

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use bytestring::ByteString;

use super::account::Flush;
use super::client::{ClientError, StreamDescription};
use super::collector::Collector;
use super::item::{Item, Pending};
use super::judge::Held;
use super::lanes::Lanes;
use super::meter::Meter;
use super::metrics::Metrics;
use super::outcome::{Outcome, Time};
use super::settings::Config;
use super::shards::{Listed, Shards};
use super::strategy::Strategy;
use kinesis_aggregation::HashKey;
use kinesis_aggregation::Shard;
use kinesis_aggregation::{KinesisRecord, UserRecord};

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
    pub(super) finished: Vec<(T, Outcome)>,
    pub(super) freed_bytes: usize,
    pub(super) pending: usize,
    pub(super) next_seq: u64,
    /// Those accepted before this one are not to wait for company any more.
    pub(super) hurried: u64,
    pub(super) next_request: u64,
    /// How many requests may be under way.
    pub(super) connections: usize,
    /// Not after the next record expires that is not under way, or a little.
    pub(super) next_sweep: Time,
    pub(super) last_sweep: Time,
    /// The time of the last [`drive`](Self::drive).
    pub(super) driven: Time,
    pub(super) flushes: Vec<Flush>,
    pub(super) flushed: Vec<u64>,
    pub(super) random: u64,
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
            connections: usize::MAX,
            next_sweep: Time::MAX,
            last_sweep: Time::ZERO,
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
        self.expires(accepted);
        self.route(
            accepted,
            Pending {
                record,
                hash_key,
                ticket,
                seq,
                accepted,
                due: accepted.saturating_add(self.config.settings.record_max_buffered_time),
                attempts: Vec::new(),
                maybe_stored: false,
                keyless_refused: false,
            },
        );
    }

    /// From now on has at most so many requests under way, if its own limit is not lower.
    pub fn limit_connections(&mut self, connections: usize) {
        self.connections = connections;
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
        if listed != Listed::Nothing {
            self.reroute = true;
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

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// What was done so far.
    pub fn metrics(&self) -> &Metrics {
        self.metrics.total()
    }

    pub(super) fn random(&mut self) -> u64 {
        split_mix(&mut self.random)
    }
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
