//! One shard as the producer sees it: the aggregate that is open, what is ready to go, what waits
//! to go again, and how fast it may go.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::admission::Admission;
use super::item::{Item, Pending, room};
use super::limiter::Limiter;
use crate::outcome::Time;
use kinesis_aggregation::packing::Settings as AggregateSettings;

/// Not to look for what has expired more often: where much expires, one look finds many.
pub(super) const TICK: Duration = Duration::from_millis(10);

pub(super) struct Lane<T> {
    /// The aggregate that user records join.
    open: Option<Box<Item<T>>>,
    /// How many user records the last aggregate held: the next one will hold about as many.
    usual: usize,
    /// In the order in which they go. There may be 100,000 of them: boxed, they need not move
    /// when the queue grows.
    ready: VecDeque<Box<Item<T>>>,
    /// To be sent again, by the time when the pause of each ends, and by its first user record, which no
    /// other has. Those whose pause is over take turns with those in `ready`: neither crowds out the
    /// other. Where order is wanted they wait at the front of `ready` instead, so that nothing
    /// overtakes them.
    again: BTreeMap<(Time, u64), Box<Item<T>>>,
    /// The last one that went was sent for the first time.
    was_new: bool,
    /// The room that the user records here take, in bytes.
    room: usize,
    limiter: Limiter,
    admission: Admission,
    /// More room than this may not be taken here.
    most: usize,
    /// The front of `ready` may not go before.
    held_until: Time,
    /// Nothing here was accepted before. It may be too early, never too late: what leaves the lane
    /// does not change it, a look for what has expired does.
    oldest: Time,
    /// When that last look was.
    looked: Time,
}

impl<T> Lane<T> {
    pub(super) fn new(limiter: Limiter, admission: Admission) -> Self {
        Self {
            open: None,
            usual: 0,
            ready: VecDeque::new(),
            again: BTreeMap::new(),
            was_new: true,
            room: 0,
            limiter,
            admission,
            most: usize::MAX,
            held_until: Time::ZERO,
            oldest: Time::MAX,
            looked: Time::ZERO,
        }
    }

    /// Adds a user record to the open aggregate; `open` makes a new one. Gives the aggregates that
    /// take no more: the one it did not fit into, and the one that it filled.
    #[inline]
    pub(super) fn join(
        &mut self,
        pending: Pending<T>,
        config: &AggregateSettings,
        open: impl FnOnce(usize) -> Item<T>,
    ) -> [Option<Box<Item<T>>>; 2] {
        self.oldest = self.oldest.min(pending.accepted);
        self.room += room(&pending.record);
        // This is done for every user record, so as little as can be is moved: one of them has 200
        // bytes, and an aggregate more.
        let mut closed = None;
        let joined = match &mut self.open {
            Some(open) => open.join(pending, config),
            None => Err(pending),
        };
        if let Err(pending) = joined {
            let mut fresh = Box::new(open(self.usual));
            fresh.push(pending);
            closed = self.open.replace(fresh);
        }
        let full = self.open.take_if(|open| open.is_full(config));
        if let Some(last) = full.as_ref().or(closed.as_ref()) {
            self.usual = last.len();
        }
        for item in closed.iter().chain(&full) {
            self.room -= item.room;
        }
        [closed, full]
    }

    /// Takes the open aggregate if it may not wait for more.
    pub(super) fn close_due(&mut self, now: Time) -> Option<Box<Item<T>>> {
        let closed = self.open.take_if(|open| open.due <= now)?;
        self.room -= closed.room;
        Some(closed)
    }

    fn added(&mut self, item: &Item<T>) {
        self.oldest = self.oldest.min(item.oldest);
        self.room += item.room;
    }

    /// Adds a Kinesis record after the others.
    pub(super) fn push(&mut self, item: Box<Item<T>>) {
        self.added(&item);
        self.ready.push_back(item);
    }

    /// Takes back a Kinesis record that is to be sent again after its pause. Where order is wanted it goes
    /// next; otherwise others go meanwhile.
    pub(super) fn give_back(&mut self, item: Item<T>, ordered: bool) {
        self.added(&item);
        if ordered {
            self.held_until = item.not_before;
            self.ready.push_front(Box::new(item));
        } else {
            let place = (item.not_before, item.first);
            self.again.insert(place, Box::new(item));
        }
    }

    /// Lets nothing go before.
    pub(super) fn hold(&mut self, until: Time) {
        self.held_until = self.held_until.max(until);
    }

    /// Returns when the first of those that are sent again may go.
    fn next_again(&self) -> Option<Time> {
        self.again.keys().next().map(|(at, _)| *at)
    }

    fn has_again(&self, now: Time) -> bool {
        self.next_again().is_some_and(|at| at <= now)
    }

    /// Whether the next one that goes is one that is sent again.
    fn is_again_next(&self, now: Time) -> bool {
        self.has_again(now) && (self.was_new || self.ready.is_empty())
    }

    /// The bytes of the Kinesis record that can be sent now, if there is one. The limiter has its say
    /// when it is taken.
    pub(super) fn next(&mut self, now: Time, config: &AggregateSettings) -> Option<usize> {
        let front = if self.is_again_next(now) {
            self.again.values().next()
        } else {
            self.ready.front()
        }?;
        self.held_until = self.held_until.max(front.not_before);
        (!self.is_held(now)).then(|| front.size(config))
    }

    /// Takes what [`next`](Self::next) told, if the limiter lets it pass.
    pub(super) fn take(&mut self, now: Time, size: usize) -> Option<Item<T>> {
        if let Err(at) = self.limiter.pass(now, size) {
            self.held_until = at;
            self.came_back(now, 0);
            return None;
        }
        self.was_new = !self.is_again_next(now);
        let item = if self.was_new {
            self.ready.pop_front()
        } else {
            self.again.pop_first().map(|(_, item)| item)
        }?;
        self.room -= item.room;
        self.admission.went(now, item.room);
        self.most = self.admission.most(now);
        Some(*item)
    }

    /// Whether there is anything to send, and no pause to wait for.
    pub(super) fn is_ready(&self, now: Time) -> bool {
        self.has_ready(now) && !self.is_held(now)
    }

    /// Whether nothing may go yet.
    pub(super) fn is_held(&self, now: Time) -> bool {
        self.held_until > now
    }

    fn has_ready(&self, now: Time) -> bool {
        !self.ready.is_empty() || self.has_again(now)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.ready.is_empty() && self.again.is_empty()
    }

    /// What took so much room did not go after all, because it was too much.
    pub(super) fn came_back(&mut self, now: Time, room: usize) {
        self.admission.came_back(now, room);
        self.most = self.admission.most(now);
    }

    /// Whether more waits here than can go in time.
    pub(super) fn is_over(&self) -> bool {
        self.room > self.most
    }

    /// When the open aggregate is to be closed.
    pub(super) fn closes(&self) -> Option<Time> {
        self.open.as_ref().map(|open| open.due)
    }

    /// The next time at which something happens here by itself.
    pub(super) fn wake(&self, now: Time, ttl: Duration) -> Option<Time> {
        if self.is_empty() {
            return None;
        }
        let held = (self.has_ready(now) && self.is_held(now)).then_some(self.held_until);
        let again = self.next_again().filter(|at| *at > now);
        let expires = self.oldest.saturating_add(ttl).max(self.looked + TICK);
        [self.closes(), held, again, Some(expires)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether anything here goes before the open aggregate.
    pub(super) fn has_closed(&self) -> bool {
        !(self.ready.is_empty() && self.again.is_empty())
    }

    /// Nothing here waits for company any more.
    pub(super) fn hurry(&mut self, now: Time) {
        if let Some(open) = &mut self.open {
            open.due = open.due.min(now);
        }
    }

    /// Takes out the user records that were accepted before `cutoff`.
    pub(super) fn expire(&mut self, now: Time, cutoff: Time, expired: &mut Vec<Pending<T>>) {
        if self.oldest >= cutoff || now < self.looked + TICK {
            return;
        }
        self.looked = now;
        let mut oldest = Time::MAX;
        self.visit(|item| {
            expired.extend(item.take_expired(cutoff));
            oldest = oldest.min(item.oldest);
        });
        self.oldest = oldest;
    }

    /// Takes out some of the user records.
    pub(super) fn take_if(&mut self, is_wanted: &impl Fn(&Pending<T>) -> bool) -> Vec<Pending<T>> {
        let mut taken = Vec::new();
        self.visit(|item| taken.extend(item.take_if(is_wanted)));
        taken
    }

    /// Visits every Kinesis record here, and drops those that are empty then.
    fn visit(&mut self, mut visit: impl FnMut(&mut Item<T>)) {
        let closed = self.ready.iter_mut().chain(self.again.values_mut());
        for item in self.open.iter_mut().chain(closed) {
            visit(item);
        }
        self.open.take_if(|open| open.is_empty());
        self.ready.retain(|item| !item.is_empty());
        self.again.retain(|_, item| !item.is_empty());
        self.room = self.items().map(|item| item.room).sum();
    }

    /// Takes all that is here: the open aggregate, and the closed ones. The limiter keeps its
    /// count.
    pub(super) fn take_all(&mut self) -> (Option<Item<T>>, Vec<Item<T>>) {
        let again = std::mem::take(&mut self.again).into_values();
        let closed = again.chain(self.ready.drain(..)).map(|item| *item);
        let taken = (self.open.take().map(|open| *open), closed.collect());
        self.room = 0;
        self.oldest = Time::MAX;
        self.held_until = Time::ZERO;
        taken
    }

    /// Every Kinesis record here.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item<T>> {
        let closed = self.ready.iter().chain(self.again.values());
        self.open.iter().chain(closed).map(|item| &**item)
    }
}
