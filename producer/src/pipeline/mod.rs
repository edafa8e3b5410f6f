//! The pipeline without its I/O: it is told the time and what happened, and tells what to do.
//!
//! ```text
//! put -> Routes --> Waiting (for a shard map)
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
mod route;
mod shards;
mod spans;
mod strategy;
mod stream;
mod succession;
mod waiting;
mod window;

use self::flow::Flow;
use crate::client::{ClientError, ClientErrorKind, RecordError, Stored, StreamDescription};
use crate::metrics::Metrics;
use crate::outcome::{Outcome, Time};
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
/// After whatever it was told, [`drive`](Self::drive) it, and take the actions and the outcomes.
pub struct Pipeline<T> {
    flow: Flow<T>,
    /// The time of the last [`drive`](Self::drive).
    driven: Time,
    actions: Vec<Action>,
}

impl<T> Pipeline<T> {
    /// Nothing in it yet.
    pub fn new(config: Config) -> Self {
        Self {
            flow: Flow::new(config),
            driven: Time::ZERO,
            actions: Vec::new(),
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
        self.flow.put(accepted, record, hash_key, ticket);
    }

    /// From now on has at most so many requests under way, if its own limit is not lower.
    pub fn limit_connections(&mut self, connections: usize) {
        self.flow.outbox.limit_connections(connections);
    }

    /// Does all that is due at `now`.
    pub fn drive(&mut self, now: Time) {
        self.driven = now;
        let stream = &mut self.flow.stream;
        stream.lapse(now);
        // An idle producer asks nothing about the stream.
        if self.flow.ledger.pending() > 0 {
            if stream.start_listing(now) {
                self.actions.push(Action::ListShards);
            }
            if stream.start_describing(now) {
                self.actions.push(Action::Describe);
            }
        }
        for (id, records) in self.flow.send(now) {
            self.actions.push(Action::PutRecords { id, records });
        }
    }

    /// When to call [`drive`](Self::drive) again, if nothing else happens.
    pub fn wake(&self) -> Option<Time> {
        let is_in_use = self.pending() > 0;
        let wakes = [
            self.flow.stream.wake().filter(|_| is_in_use),
            self.flow.stream.lapses(),
            self.flow.wake(self.driven),
        ];
        wakes.into_iter().flatten().min()
    }

    /// Takes the answer to [`Action::PutRecords`].
    pub fn answered(
        &mut self,
        now: Time,
        id: u64,
        answer: Result<Vec<Result<Stored, RecordError>>, ClientError>,
    ) {
        self.flow.answered(now, id, answer);
    }

    /// Takes the answer to [`Action::ListShards`].
    pub fn listed(&mut self, now: Time, answer: Result<Vec<Shard>, ClientError>) {
        if let Err(error) = &answer {
            self.flow.ledger.meter.error(error.code());
            if error.kind() == ClientErrorKind::NoStream && self.flow.stream.has_answered() {
                self.flow.stream.lost_by_list(now);
            }
        }
        self.flow.listed(now, answer.map_err(|error| error.kind()));
    }

    /// Takes the answer to [`Action::Describe`].
    pub fn described(&mut self, now: Time, answer: Result<Option<StreamDescription>, ClientError>) {
        if let Err(error) = &answer {
            self.flow.ledger.meter.error(error.code());
        }
        self.flow.stream.described(now, answer.map_err(drop));
        self.flow.described(now);
    }

    /// Sends all that was put so far as soon as it may be; `id` comes back from
    /// [`take_flushed`](Self::take_flushed) when it is resolved.
    pub fn flush(&mut self, now: Time, id: u64) {
        self.hurry(now);
        self.flow.ledger.flush(id);
    }

    /// Makes the next request due now, with what is closed already.
    pub fn hurry_closed(&mut self, now: Time) {
        self.flow.outbox.hurry_closed(now);
    }

    /// Makes everything due now, as for a put that waits for room that nothing else frees. What waits
    /// for a shard map waits a little longer.
    pub fn hurry(&mut self, now: Time) {
        self.flow.hurry(now);
    }

    /// Resolves everything as aborted.
    pub fn abort(&mut self) {
        self.flow.abort();
    }

    /// Whether the stream's distribution is service-managed, as far as is known.
    pub fn is_service_managed(&self) -> bool {
        self.flow.stream.is_service_managed()
    }

    /// Whether more was accepted than its shards, or the link, take within half of `record_ttl`, by
    /// what they took lately. As long as that is so, what is put should wait: it is slowed, and does
    /// not expire.
    pub fn is_over(&self) -> bool {
        self.flow.is_over(self.driven)
    }

    /// The most bytes of a record, by what is known of the stream.
    pub fn max_record_size(&self) -> usize {
        self.flow.max_record_size()
    }

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// What was resolved.
    pub fn take_finished(&mut self) -> Vec<(T, Outcome)> {
        self.flow.ledger.take_finished()
    }

    /// The room that the resolved ones took, in bytes, since the last call.
    pub fn take_freed_bytes(&mut self) -> usize {
        self.flow.ledger.take_freed_bytes()
    }

    /// The flushes that are done.
    pub fn take_flushed(&mut self) -> Vec<u64> {
        self.flow.ledger.take_flushed()
    }

    /// How many user records are not resolved.
    pub fn pending(&self) -> usize {
        self.flow.ledger.pending()
    }

    /// What was done so far.
    pub fn metrics(&self) -> &Metrics {
        self.flow.ledger.meter.total()
    }
}

/// For the tests of the pipeline.
impl<T> Pipeline<T> {
    /// The user records in every place where one may be, and the room that they take: counted one
    /// by one, to check the account.
    pub fn count_held(&self) -> (usize, usize) {
        self.flow.count_held()
    }

    /// How many requests may be under way now.
    pub fn connections(&self) -> usize {
        self.flow.outbox.connections()
    }

    /// Whether a throttled stream keeps something from going.
    pub fn is_paused(&self) -> bool {
        self.flow.outbox.is_paused(self.driven)
    }

    /// Whether something may go, but nothing would send it.
    pub fn is_lane_forgotten(&self) -> bool {
        self.flow.outbox.is_lane_forgotten(self.driven)
    }

    /// How many lanes there are, empty ones too.
    pub fn count_lanes(&self) -> usize {
        self.flow.outbox.count_lanes()
    }

    /// Whether no hash key keeps others back, where order is wanted.
    pub fn is_unclaimed(&self) -> bool {
        self.flow.outbox.is_unclaimed()
    }
}
