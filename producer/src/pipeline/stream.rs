//! What is known of the stream: its shards, how it chooses one for a record, and whether it is
//! still the same stream.

pub(super) mod route;

use std::time::Duration;

use super::item::{Form, Item};
use super::random::Random;
use super::shards::{Evidence, Listed, Shards};
use super::strategy::Strategy;
use super::succession::Succession;
use crate::client::{ClientErrorKind, StreamDescription};
use crate::outcome::Time;
use crate::settings::{HIGHEST_RECORD_SIZE, Settings};
use kinesis_aggregation::{HashKey, HashKeyRange, Shard, ShardMap};

/// While landings alone tell that the stream is service-managed, how old the map may be: landings
/// are judged by it.
const MAP_AGE: Duration = Duration::from_secs(60);

/// Where a Kinesis record landed, as far as that can be told without the ranges of the shards.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WithoutRanges {
    /// Listing the shards is not permitted, and nothing shows that the stream does not go by hash keys:
    /// the record is taken to be in the shard that its hash key leads to.
    ByHashKey,
    /// Listing the shards is not permitted, and landings have shown that the stream picks the shards
    /// itself: nobody can tell whose range the record is in.
    Anywhere,
    /// The ranges are known, or may become known.
    NotYet,
}

pub(super) struct Stream {
    shards: Shards,
    strategy: Strategy,
    /// It has answered: it exists, or did.
    has_answered: bool,
    /// Of all that it stored, when the last was sent.
    stored: Time,
    /// It did not exist when it was asked last.
    is_lost: bool,
    /// What landed outside the shard that its hash key names: where, its hash key, and when it was
    /// sent. Either the map is of another life of the stream, or the stream does not go by keys:
    /// the next list decides.
    contradiction: Option<(String, HashKey, Time)>,
    /// Judged by while the shards may not be listed.
    succession: Succession,
    ordered: bool,
    /// Whether user records share Kinesis records.
    aggregates: bool,
    /// Whether they do even where the stream picks the shards.
    mixes: bool,
    /// User records may have to go elsewhere.
    has_changed: bool,
    random: Random,
}

impl Stream {
    pub(super) fn new(settings: &Settings, random: Random) -> Self {
        // What was sent by keys before the first description could not be mended there: the order
        // would be broken, and readers that do not filter would get records twice.
        let is_awaited = settings.ordered || settings.aggregate_on_service_managed_streams;
        Self {
            shards: Shards::default(),
            strategy: Strategy::new(is_awaited),
            has_answered: false,
            stored: Time::ZERO,
            is_lost: false,
            contradiction: None,
            succession: Succession::default(),
            ordered: settings.ordered,
            aggregates: settings.aggregation_enabled,
            mixes: settings.aggregates_anywhere(),
            has_changed: false,
            random,
        }
    }

    /// A user record was put, and none was under way.
    pub(super) fn used(&mut self, now: Time) {
        self.strategy.used(now, &mut self.random);
    }

    /// A user record without a partition key was put: most streams that get those are
    /// service-managed.
    pub(super) fn used_without_key(&mut self, now: Time) {
        if !self.strategy.was_asked() {
            self.strategy.ask(now);
        }
    }

    /// Whether to list the shards now; that is then under way.
    pub(super) fn start_listing(&mut self, now: Time) -> bool {
        self.shards.start_listing(now)
    }

    /// Whether to describe the stream now; that is then under way.
    pub(super) fn start_describing(&mut self, now: Time) -> bool {
        self.strategy.start_describing(now)
    }

    /// When to ask, while the stream is in use.
    pub(super) fn wake(&self) -> Option<Time> {
        [self.shards.wake(), self.strategy.wake()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a belief ends, in use or not.
    pub(super) fn lapses(&self) -> Option<Time> {
        // Nothing would show it again but aggregates in the wrong shards. Records without a partition
        // key show when it does not hold any more: they are refused.
        self.strategy.lapses().filter(|_| !self.is_blind())
    }

    /// Ends beliefs that nothing has shown for long.
    pub(super) fn lapse(&mut self, now: Time) {
        self.has_changed |= !self.is_blind() && self.strategy.lapse(now);
    }

    /// Takes the answer to a listing. Returns whether more may be judged now.
    pub(super) fn listed(
        &mut self,
        now: Time,
        answer: Result<Vec<Shard>, ClientErrorKind>,
    ) -> bool {
        if self.has_answered && matches!(answer, Err(ClientErrorKind::NoStream)) {
            self.lost(now, self.shards.asked_at().unwrap_or(now));
        }
        let was_valid = self.shards.valid().is_some();
        let was_denied = self.shards.is_denied();
        let listed = self.shards.listed(now, answer, &mut self.random);
        let changed = match listed {
            Listed::Nothing => {
                self.has_changed |= self.shards.is_denied() != was_denied;
                return self.has_no_ranges();
            }
            Listed::Anew => {
                self.contradiction = None;
                self.strategy.ask(now);
                true
            }
            Listed::NewMap => true,
            Listed::Confirmed => !was_valid,
        };
        self.has_answered = true;
        let by_keys = self.settle_contradiction(now);
        self.has_changed |= changed || by_keys;
        true
    }

    /// If the map is of this life of the stream, it was the keys that the stream did not go by.
    /// Returns whether the strategy changed.
    fn settle_contradiction(&mut self, now: Time) -> bool {
        let is_settled = !self.shards.is_doubted();
        let settled = self.contradiction.take_if(|_| is_settled);
        settled.is_some_and(|(shard_id, hash_key, sent)| {
            let range = self.shards.range(&shard_id);
            range.is_some_and(|range| !range.contains(hash_key))
                && self.strategy.landed_outside(now, sent)
        })
    }

    /// Takes a description; `Ok(None)` is not permitted.
    pub(super) fn described(&mut self, now: Time, answer: Result<Option<StreamDescription>, ()>) {
        let first = self.strategy.is_unknown();
        self.has_answered |= matches!(answer, Ok(Some(_)));
        let described = self.strategy.described(now, answer, &mut self.random);
        if described.anew {
            self.shards.forget(now);
            self.contradiction = None;
        }
        self.has_changed |= described.changed || described.anew || first;
    }

    /// The stream does not exist, by the answer to what was sent then, though it did: what was known
    /// of it does not hold. An answer that is late, of before something sent later was stored, says
    /// nothing of the stream of now.
    pub(super) fn lost(&mut self, now: Time, sent: Time) {
        if sent >= self.stored && !std::mem::replace(&mut self.is_lost, true) {
            self.shards.forget(now);
            self.contradiction = None;
            self.succession = Succession::default();
            self.strategy.ask(now);
            self.has_changed = true;
        }
    }

    /// Whether the stream has ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Learns from the place where a Kinesis record landed.
    pub(super) fn landed<T>(&mut self, now: Time, item: &Item<T>, shard_id: &str) {
        self.has_answered = true;
        self.stored = self.stored.max(item.sent);
        self.shards.seen(item.sent, now);
        if std::mem::take(&mut self.is_lost) {
            self.shards.ask(now);
        }
        let Some((hash_key, is_bare)) = item.sent_by() else {
            return;
        };
        if self.tests_keys() && self.succession.landed(now, item.sent, shard_id, hash_key) {
            self.has_changed |= self.strategy.landed_outside(now, item.sent);
        }
        // Nobody knows where these would go by keys; the others were sent where they belong.
        let goes_anywhere = is_bare || item.form == Form::Mixed;
        let doubts = self.shards.doubts();
        let evidence = self.shards.landed(shard_id, hash_key);
        // What is not closed yet waits for the new map, and where order is wanted, all does.
        self.has_changed |= self.shards.doubts() > doubts;
        let several = |map: &ShardMap| map.open_shards().len() > 1;
        match evidence {
            Evidence::NotByKey => self.landed_outside(now, item.sent, shard_id, hash_key),
            Evidence::None if goes_anywhere && self.shards.last().is_some_and(several) => {
                self.has_changed |= self.strategy.landed_by_key(now, item.sent);
            }
            Evidence::None | Evidence::StaleMap => {}
        }
    }

    /// A Kinesis record landed outside the range of the shard where its hash key belongs. The map
    /// is doubted first, and the strategy only if a new list says the same.
    fn landed_outside(&mut self, now: Time, sent: Time, shard_id: &str, hash_key: HashKey) {
        if self.strategy.is_service_managed() {
            self.strategy.landed_outside(now, sent);
            if self.strategy.goes_by_landings() && now > self.shards.listed_at() + MAP_AGE {
                self.shards.confirm(now);
            }
            return;
        }
        if self.contradiction.is_none() {
            self.contradiction = Some((shard_id.to_owned(), hash_key, sent));
            self.has_changed = true;
        }
        self.shards.doubt_all(now);
    }

    /// The stream refused records without a partition key that were sent then.
    pub(super) fn refused_keyless(&mut self, now: Time, sent: Time) {
        self.has_changed |= self.strategy.refused_keyless(now, sent);
    }

    /// Whether user records may have to go elsewhere than before the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Whether the stream picks the shards itself, as far as is known.
    pub(super) fn is_service_managed(&self) -> bool {
        self.strategy.is_service_managed()
    }

    /// The most bytes of a Kinesis record, if the stream told.
    pub(super) fn max_record_size(&self) -> Option<usize> {
        self.strategy.max_record_size()
    }

    /// The same; while it may become known yet, what any stream takes.
    pub(super) fn most_record_size(&self) -> Option<usize> {
        let highest = self.may_tell_size().then_some(HIGHEST_RECORD_SIZE);
        self.max_record_size().or(highest)
    }

    /// Whether the most bytes of a Kinesis record may become known yet.
    pub(super) fn may_tell_size(&self) -> bool {
        !self.strategy.has_told()
    }

    /// A record waits for the stream's limit.
    pub(super) fn ask_size(&mut self, now: Time) {
        self.strategy.ask(now);
    }

    /// The range of a shard, to judge what landed there by an answer that came then. `None` while it
    /// is not known: a list is then asked for.
    pub(super) fn range(&mut self, shard_id: &str, answered: Time) -> Option<HashKeyRange> {
        if !self.shards.is_of_this_life(answered) {
            self.shards.confirm(answered);
            return None;
        }
        self.shards.range(shard_id)
    }

    /// Whether listing the shards is not permitted, and it is known whether describing the stream is.
    fn is_unlisted(&self) -> bool {
        self.shards.is_denied() && self.strategy.has_told()
    }

    /// Whether neither listing the shards nor describing the stream is permitted.
    fn is_blind(&self) -> bool {
        self.is_unlisted() && self.strategy.goes_by_landings()
    }

    /// Whether random keys are to be used twice, so that their landings show a stream that picks the
    /// shards itself. A mistake would fail records where order is wanted.
    pub(super) fn tests_keys(&self) -> bool {
        self.is_blind() && !self.is_service_managed() && !self.ordered
    }

    /// Returns where a Kinesis record landed, as far as that can be told without its shard's range.
    pub(super) fn without_ranges(&self) -> WithoutRanges {
        if self.is_unlisted() && !self.is_service_managed() {
            WithoutRanges::ByHashKey
        } else if self.is_blind() {
            WithoutRanges::Anywhere
        } else {
            WithoutRanges::NotYet
        }
    }

    /// Whether what landed is to be judged without the shards' ranges, which will not become known.
    pub(super) fn has_no_ranges(&self) -> bool {
        self.without_ranges() != WithoutRanges::NotYet
    }
}
