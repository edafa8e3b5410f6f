//! All lanes: which of them have something to send, and which wants to be looked at next.
//!
//! A stream may have 10,000 shards, so nothing here walks over all lanes but what follows a change
//! of the shard map.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Bound;
use std::time::Duration;

use super::admission::Admission;
use super::item::{Item, Pending, Place};
use super::lane::Lane;
use super::limiter::Limiter;
use crate::outcome::Time;
use crate::settings::Config;
use kinesis_aggregation::packing::Settings as AggregateSettings;

type Alarms = BinaryHeap<Reverse<(Time, Place)>>;

struct Entry<T> {
    lane: Lane<T>,
    /// The earliest alarm that is set for the lane.
    alarm: Option<Time>,
    /// It is counted in [`Lanes::over`].
    is_over: bool,
}

impl<T> Entry<T> {
    /// Counts the lane among those where more waits than can go in time, or no more.
    #[inline]
    fn weigh(&mut self, over: &mut usize) {
        let is_over = self.lane.is_over();
        if is_over != self.is_over {
            self.is_over = is_over;
            *over = if is_over { *over + 1 } else { *over - 1 };
        }
    }

    /// Sets an alarm for the lane at its place, unless there is an earlier one.
    #[inline]
    fn set_alarm(&mut self, at: Option<Time>, place: Place, alarms: &mut Alarms) {
        let earliest = self.alarm.into_iter().chain(at).min();
        if earliest != self.alarm {
            self.alarm = earliest;
            alarms.extend(earliest.map(|at| Reverse((at, place))));
        }
    }
}

pub(super) struct Lanes<T> {
    lanes: BTreeMap<Place, Entry<T>>,
    /// Each lane has an alarm at its [`wake`](Lane::wake) or before. An alarm that is not its
    /// entry's earliest one was overtaken, and means nothing.
    alarms: Alarms,
    /// The lanes that may have something to send now.
    active: BTreeSet<Place>,
    /// In how many lanes more waits than can go in time.
    over: usize,
    /// Where the last turn was, so that no shard starves another.
    cursor: Option<Place>,
    aggregate: AggregateSettings,
    rate_limit: Option<u32>,
    ttl: Duration,
}

impl<T> Lanes<T> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            lanes: BTreeMap::new(),
            alarms: BinaryHeap::new(),
            active: BTreeSet::new(),
            over: 0,
            cursor: None,
            aggregate: config.aggregate.clone(),
            rate_limit: config.settings.rate_limit,
            ttl: config.settings.record_ttl,
        }
    }

    fn entry(
        lanes: &mut BTreeMap<Place, Entry<T>>,
        place: Place,
        now: Time,
        (rate_limit, ttl): (Option<u32>, Duration),
    ) -> &mut Entry<T> {
        lanes.entry(place).or_insert_with(|| {
            let rate_limit = rate_limit.filter(|_| matches!(place, Place::Shard(_)));
            Entry {
                lane: Lane::new(Limiter::new(rate_limit, now), Admission::new(ttl, now)),
                alarm: None,
                is_over: false,
            }
        })
    }

    /// See [`Lane::join`].
    #[inline]
    pub(super) fn join(
        &mut self,
        now: Time,
        place: Place,
        pending: Pending<T>,
        open: impl FnOnce(usize) -> Item<T>,
    ) -> [Option<Box<Item<T>>>; 2] {
        let limits = (self.rate_limit, self.ttl);
        let entry = Self::entry(&mut self.lanes, place, now, limits);
        let closed = entry.lane.join(pending, &self.aggregate, open);
        // Nothing else that wakes the lane comes earlier by this.
        entry.set_alarm(entry.lane.closes(), place, &mut self.alarms);
        entry.weigh(&mut self.over);
        closed
    }

    /// Whether more waits in any lane than can go in time.
    pub(super) fn are_over(&self) -> bool {
        self.over > 0
    }

    /// Changes a lane; makes it first if there is none.
    pub(super) fn change(&mut self, now: Time, place: Place, change: impl FnOnce(&mut Lane<T>)) {
        let limits = (self.rate_limit, self.ttl);
        change(&mut Self::entry(&mut self.lanes, place, now, limits).lane);
        self.arrange(now, place);
    }

    /// Sets a lane's alarm after a change, and gives it turns if it has anything to send now.
    fn arrange(&mut self, now: Time, place: Place) {
        let is_ready = self.lanes.get_mut(&place).is_some_and(|entry| {
            entry.weigh(&mut self.over);
            entry.set_alarm(entry.lane.wake(now, self.ttl), place, &mut self.alarms);
            entry.lane.is_ready(now)
        });
        if is_ready {
            self.active.insert(place);
        } else {
            self.active.remove(&place);
        }
    }

    /// Looks at the lanes whose time has come: takes what has expired and the open aggregates that
    /// may not wait for more, and lets go what pauses no longer.
    ///
    /// None of those aggregates holds anything that has expired, even if the lane looked too recently to look
    /// again: `record_max_buffered_time` is below `record_ttl`, so they close earlier.
    #[expect(clippy::vec_box, reason = "they go into other lanes as they are")]
    pub(super) fn ring(
        &mut self,
        now: Time,
        cutoff: Time,
        expired: &mut Vec<Pending<T>>,
    ) -> Vec<Box<Item<T>>> {
        let mut closed = Vec::new();
        while let Some(&Reverse((at, place))) = self.alarms.peek()
            && at <= now
        {
            self.alarms.pop();
            let entry = self.lanes.get_mut(&place);
            let Some(entry) = entry.filter(|entry| entry.alarm == Some(at)) else {
                continue;
            };
            entry.alarm = None;
            entry.lane.expire(now, cutoff, expired);
            closed.extend(entry.lane.close_due(now));
            self.arrange(now, place);
            self.drop_if_spent(place);
        }
        closed
    }

    /// When to [`ring`](Self::ring).
    pub(super) fn wake(&self) -> Option<Time> {
        self.alarms.peek().map(|Reverse((at, _))| *at)
    }

    /// The next lane that may have something to send, from where the last turn was.
    pub(super) fn turn(&mut self) -> Option<Place> {
        let after = self.cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.active.range((after, Bound::Unbounded)).next();
        let place = after.or_else(|| self.active.first()).copied();
        self.cursor = place.or(self.cursor);
        place
    }

    /// The size of the next Kinesis record of a lane; none if it can send nothing now: it has then
    /// no more turns until that changes.
    pub(super) fn next(&mut self, now: Time, place: Place) -> Option<usize> {
        let entry = self.lanes.get_mut(&place);
        let next = entry.and_then(|entry| entry.lane.next(now, &self.aggregate));
        if next.is_none() {
            self.arrange(now, place);
            self.drop_if_spent(place);
        }
        next
    }

    /// Takes what [`next`](Self::next) told, if the limiter lets it pass; else the lane has no more
    /// turns until it does.
    pub(super) fn take(&mut self, now: Time, place: Place, size: usize) -> Option<Item<T>> {
        let entry = self.lanes.get_mut(&place)?;
        let item = entry.lane.take(now, size);
        entry.weigh(&mut self.over);
        if item.is_none() {
            self.arrange(now, place);
        }
        item
    }

    /// Gives a lane no more turns until [`rouse`](Self::rouse) or its alarm.
    pub(super) fn rest(&mut self, place: Place) {
        self.active.remove(&place);
    }

    /// Gives a lane turns again, if it has anything to send.
    pub(super) fn rouse(&mut self, now: Time, place: Place) {
        let entry = self.lanes.get(&place);
        if entry.is_some_and(|entry| entry.lane.is_ready(now)) {
            self.active.insert(place);
        }
    }

    /// Without a shard map, ordered user records have a lane for each hash key. There is no end of
    /// those, and an empty one has nothing to remember.
    fn drop_if_spent(&mut self, place: Place) {
        let spent = |entry: &Entry<T>| entry.lane.is_empty();
        if matches!(place, Place::Hash(_)) && self.lanes.get(&place).is_some_and(spent) {
            self.lanes.remove(&place);
        }
    }

    /// Nothing waits for company any more, in these lanes.
    pub(super) fn hurry(&mut self, now: Time, is_wanted: impl Fn(&Lane<T>) -> bool) {
        // What is open has an alarm.
        for Reverse((at, place)) in std::mem::take(&mut self.alarms) {
            if let Some(entry) = self.lanes.get_mut(&place)
                && entry.alarm == Some(at)
            {
                if is_wanted(&entry.lane) {
                    entry.lane.hurry(now);
                }
                // Only ever earlier: a pause that is over, but was not looked at yet, no longer
                // shows in `wake`. Without its alarm, the lane would rest until something expires.
                let wake = entry.lane.wake(now, self.ttl);
                let at = wake.map_or(at, |wake| wake.min(at));
                entry.alarm = Some(at);
                self.alarms.push(Reverse((at, place)));
            }
        }
    }

    /// Takes out some of the user records.
    pub(super) fn take_if(&mut self, is_wanted: &impl Fn(&Pending<T>) -> bool) -> Vec<Pending<T>> {
        let mut taken = Vec::new();
        for entry in self.lanes.values_mut() {
            taken.extend(entry.lane.take_if(is_wanted));
            entry.weigh(&mut self.over);
        }
        taken
    }

    /// Takes everything, the open aggregates apart. The limiters keep their counts.
    pub(super) fn take_all(&mut self) -> (Vec<Item<T>>, Vec<Item<T>>) {
        let mut open = Vec::new();
        let mut closed = Vec::new();
        for entry in self.lanes.values_mut() {
            let (one, more) = entry.lane.take_all();
            open.extend(one);
            closed.extend(more);
            entry.alarm = None;
            entry.weigh(&mut self.over);
        }
        self.alarms.clear();
        self.active.clear();
        (open, closed)
    }

    /// Forgets the empty lanes that `is_current` denies.
    pub(super) fn forget(&mut self, is_current: impl Fn(Place) -> bool) {
        self.lanes
            .retain(|place, entry| !entry.lane.is_empty() || is_current(*place));
    }

    /// Every Kinesis record in them.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item<T>> {
        self.lanes.values().flat_map(|entry| entry.lane.items())
    }

    /// Whether a lane may not send yet.
    pub(super) fn is_held(&self, now: Time, place: Place) -> bool {
        let entry = self.lanes.get(&place);
        entry.is_some_and(|entry| entry.lane.is_held(now))
    }

    /// Whether a lane that may send has no turns.
    pub(super) fn is_any_forgotten(&self, now: Time) -> bool {
        let mut lanes = self.lanes.iter();
        lanes.any(|(place, entry)| entry.lane.is_ready(now) && !self.active.contains(place))
    }

    /// How many there are, empty ones too.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }
}
