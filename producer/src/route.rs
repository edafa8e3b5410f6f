//! Where a user record goes, and goes anew when the shards or the stream's strategy change.

use std::collections::BTreeSet;

use super::item::{Form, Item, Lane, PATIENCE, Pending};
use super::outcome::{FailureKind, Time};
use super::pipeline::{Pipeline, random_key};
use kinesis_aggregation::HashKey;
use kinesis_aggregation::wire::is_framed;

/// For no more user records is room made before they come.
const USUAL_MAX: usize = 1024;

impl<T> Pipeline<T> {
    /// Whether aggregates are made although the stream picks their shards.
    fn mixes(&self) -> bool {
        let settings = &self.config.settings;
        settings.aggregate_on_service_managed_streams && settings.aggregation_enabled
    }

    /// The lane of the shard where `hash_key` belongs, if that is known: which user records may
    /// share an aggregate.
    fn predicted_lane(&self, hash_key: HashKey) -> Option<Lane> {
        if self.strategy.is_unknown() {
            return None;
        }
        let start = self.shards.predict(hash_key)?;
        // Where order is wanted, two maps must not send one key from two lanes.
        let in_force = !self.config.settings.ordered || self.shards.valid().is_some();
        in_force.then_some(Lane::Shard(start))
    }

    /// Puts a user record where it is to be sent from.
    pub(super) fn route(&mut self, now: Time, mut pending: Pending<T>) {
        let hurried = pending.seq < self.hurried;
        let due = pending.due;
        if hurried {
            pending.due = due.min(now);
        }
        if self.strategy.is_service_managed() {
            self.route_service_managed(now, pending);
        } else if let Some(hash_key) = pending.hash_key {
            let aggregates = self.config.settings.aggregation_enabled;
            let lane = self.predicted_lane(hash_key);
            if let Some(lane) = lane.or_else(|| (!aggregates).then(|| self.lane_of(hash_key))) {
                self.join(now, lane, Form::Framed, pending);
            } else {
                if hurried {
                    pending.due = due.min(now + PATIENCE);
                }
                self.waiting_due = self.waiting_due.min(pending.due);
                self.waiting.push(pending);
            }
        } else {
            self.join(now, Lane::Keyless, Form::Framed, pending);
        }
    }

    fn route_service_managed(&mut self, now: Time, pending: Pending<T>) {
        if self.config.settings.ordered {
            self.fail(pending, FailureKind::NoOrder, false);
        } else if self.mixes() {
            self.join(now, Lane::Anywhere, Form::Mixed, pending);
        } else if is_framed(pending.record.data()) {
            self.fail(pending, FailureKind::LooksLikeAggregate, false);
        } else {
            let item = Item::bare(pending, self.shards.generation());
            self.enqueue(now, item);
        }
    }

    /// The lane of what is predicted to go where `hash_key` belongs.
    pub(super) fn lane_of(&self, hash_key: HashKey) -> Lane {
        let ordered = self.config.settings.ordered;
        let map = if ordered {
            // Two maps must not send one key from two lanes.
            self.shards.valid()
        } else {
            self.shards.last()
        };
        match map {
            Some(map) => Lane::Shard(map.predict(hash_key).hash_key_range().start()),
            None if ordered => Lane::Hash(hash_key),
            None => Lane::Anywhere,
        }
    }

    /// Adds a user record to the open aggregate of a lane.
    fn join(&mut self, now: Time, lane: Lane, form: Form, pending: Pending<T>) {
        let generation = self.shards.generation();
        let config = &self.config.aggregate;
        let random = &mut self.random;
        let queue = self.lanes.queue(lane, now);
        let first = |pending, random| {
            let may_lack_key = lane == Lane::Keyless || form == Form::Mixed;
            let key = may_lack_key.then(|| random_key(random));
            let mut open = Item::open(lane, form, generation, key);
            open.reserve(queue.usual.min(USUAL_MAX));
            open.push(pending);
            Some(open)
        };
        // Nothing is moved twice here: it is done for every user record.
        let mut closed = None;
        match &mut queue.open {
            None => queue.open = first(pending, random),
            Some(open) => {
                if let Err(pending) = open.join(pending, config) {
                    closed = std::mem::replace(&mut queue.open, first(pending, random));
                }
            }
        }
        let full = queue.open.take_if(|open| open.is_full(config));
        if let Some(last) = full.as_ref().or(closed.as_ref()) {
            queue.usual = last.len();
        }
        for item in closed.into_iter().chain(full) {
            self.enqueue(now, item);
        }
    }

    /// Puts a Kinesis record at the end of its lane's queue.
    pub(super) fn enqueue(&mut self, now: Time, mut item: Item<T>) {
        if item.lane == Lane::Keyless {
            item.lane = match item.cover {
                Some(cover) if !self.strategy.is_service_managed() => self.lane_of(cover.start()),
                _ => Lane::Anywhere,
            };
        }
        self.lanes.queue(item.lane, now).ready.push_back(item);
    }

    /// Sends those that waited for a shard map as long as they could: raw, each alone.
    pub(super) fn release_waiting(&mut self, now: Time) {
        if self.waiting_due > now {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_due = Time::MAX;
        let ordered = self.config.settings.ordered;
        let mut kept_back = BTreeSet::new();
        // In order of acceptance.
        for pending in waiting {
            if ordered && pending.hash_key.is_some_and(|key| kept_back.contains(&key)) {
                self.waiting.push(pending);
            } else if pending.due > now {
                if ordered {
                    kept_back.extend(pending.hash_key);
                }
                self.waiting_due = self.waiting_due.min(pending.due);
                self.waiting.push(pending);
            } else if let Some(hash_key) = pending.hash_key {
                let lane = self.lane_of(hash_key);
                let generation = self.shards.generation();
                let mut item = Item::open(lane, Form::Framed, generation, None);
                item.is_released = true;
                item.push(pending);
                self.enqueue(now, item);
            } else {
                self.join(now, Lane::Keyless, Form::Framed, pending);
            }
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.failed.is_empty() && !self.reroute && self.returned.is_empty()
    }

    /// Brings everything to where it belongs by what is known now.
    pub(super) fn settle(&mut self, now: Time) {
        if self.is_settled() {
            return;
        }
        if !self.failed.is_empty() {
            self.fail_later_ones();
        }
        self.reroute = false;
        let mut unsent = if self.config.settings.ordered {
            self.take_unsent()
        } else {
            self.take_misplaced(now)
        };
        unsent.sort_unstable_by_key(|pending| pending.seq);
        let map = self.shards.last();
        self.lanes.forget(|lane| match (lane, map) {
            (Lane::Shard(start), Some(map)) => map.predict(start).hash_key_range().start() == start,
            _ => false,
        });
        for pending in unsent {
            self.route(now, pending);
        }
    }

    /// Takes what cannot be sent as it is; the rest goes to the lanes where it belongs now.
    fn take_misplaced(&mut self, now: Time) -> Vec<Pending<T>> {
        let mut misplaced = std::mem::take(&mut self.returned);
        misplaced.append(&mut self.waiting);
        self.waiting_due = Time::MAX;
        let (open, mut closed) = self.lanes.take_all();
        misplaced.extend(open.into_iter().flat_map(Item::into_members));
        closed.extend(self.collector.take());
        for mut item in closed {
            // Alone no more, if it was not sent yet.
            let joins = item.is_released
                && item.tries == 0
                && item
                    .cover
                    .is_some_and(|cover| self.predicted_lane(cover.start()).is_some());
            match self.lane_as_it_is(&item).filter(|_| !joins) {
                Some(lane) => {
                    item.lane = lane;
                    let queue = self.lanes.queue(lane, now);
                    if item.not_before > now {
                        // It must not hold up what may be sent.
                        queue.delayed.push(item);
                    } else {
                        queue.ready.push_back(item);
                    }
                }
                None => misplaced.extend(item.into_members()),
            }
        }
        misplaced
    }

    /// The lane where a Kinesis record may be sent from without being built anew.
    pub(super) fn lane_as_it_is(&self, item: &Item<T>) -> Option<Lane> {
        if self.strategy.is_service_managed() {
            let right = if self.mixes() {
                item.form == Form::Mixed
            } else {
                item.is_bare()
            };
            return right.then_some(Lane::Anywhere);
        }
        if item.form == Form::Mixed || item.is_bare() {
            return None;
        }
        let cover = item.cover?;
        match self.shards.last() {
            Some(map) => {
                let range = map.predict(cover.start()).hash_key_range();
                range
                    .contains(cover.end())
                    .then(|| Lane::Shard(range.start()))
            }
            None => (cover.start() == cover.end()).then(|| self.lane_of(cover.start())),
        }
    }

    /// Takes all that is not under way.
    pub(super) fn take_unsent(&mut self) -> Vec<Pending<T>> {
        let mut unsent = std::mem::take(&mut self.returned);
        unsent.append(&mut self.waiting);
        self.waiting_due = Time::MAX;
        let (open, closed) = self.lanes.take_all();
        let collected = self.collector.take();
        let items = open.into_iter().chain(closed).chain(collected);
        unsent.extend(items.flat_map(Item::into_members));
        unsent
    }

    fn fail_later_ones(&mut self) {
        self.reroute = true;
        let failed = std::mem::take(&mut self.failed);
        for pending in self.take_unsent() {
            let after = |&(hash_key, seq): &(HashKey, u64)| {
                Some(hash_key) == pending.hash_key && seq < pending.seq
            };
            if failed.iter().any(after) {
                self.fail(pending, FailureKind::EarlierFailed, false);
            } else {
                self.returned.push(pending);
            }
        }
    }

    /// Makes everything due now; what waits for a shard map waits a little longer.
    pub fn hurry(&mut self, now: Time) {
        self.hurried = self.next_seq;
        for item in self.lanes.items_mut() {
            item.due = item.due.min(now);
        }
        self.collector.hurry(now);
        for pending in &mut self.waiting {
            pending.due = pending.due.min(now + PATIENCE);
            self.waiting_due = self.waiting_due.min(pending.due);
        }
    }
}
