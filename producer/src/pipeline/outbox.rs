//! What is on its way to the stream: open aggregates, Kinesis records in their lanes, the next
//! request, and the requests under way.

use std::collections::{BTreeMap, VecDeque};

use bytestring::ByteString;

use super::admission::Admission;
use super::collector::{Collector, encode};
use super::item::{Form, Item, Pending, Place};
use super::lanes::Lanes;
use super::ledger::Ledger;
use super::random::Random;
use super::spans::{Span, Spans};
use super::stream::Stream;
use super::window::Window;
use crate::outcome::Time;
use crate::settings::Config;
use kinesis_aggregation::KinesisRecord;
use kinesis_aggregation::packing::{Buffer, Settings as AggregateSettings};

/// How many Kinesis records of one lane go before those of the next.
const TURN: usize = 16;
/// Room for no more user records than this is made before they come.
const USUAL_MAX: usize = 1024;

/// A request that starts: its number, and what to put.
pub(super) type Request = (u64, Vec<KinesisRecord>);

pub(super) struct Outbox<T> {
    lanes: Lanes<T>,
    collector: Collector<T>,
    /// The requests under way.
    in_flight: BTreeMap<u64, Vec<Item<T>>>,
    window: Window,
    /// Of all together, where the link is what limits them.
    admission: Admission,
    /// How many requests may be under way, besides the window.
    connections: usize,
    /// No request starts before: the stream as a whole takes no more for now.
    paused: Time,
    /// Parts of requests that were refused as a whole: they go first, each as a request.
    parts: VecDeque<Vec<Item<T>>>,
    next_request: u64,
    /// Those that have just started.
    started: Vec<Request>,
    collection_max_size: usize,
    /// Where order is wanted, what is collected, under way, or landed where nobody knows yet.
    spans: Option<Spans>,
    random: Random,
    /// The random key that the next aggregate without one shares with the last.
    spare_key: Option<ByteString>,
    aggregate: AggregateSettings,
}

impl<T> Outbox<T> {
    pub(super) fn new(config: &Config, random: Random) -> Self {
        let settings = &config.settings;
        Self {
            lanes: Lanes::new(config),
            collector: Collector::new(settings.collection_max_count, settings.collection_max_size),
            in_flight: BTreeMap::new(),
            parts: VecDeque::new(),
            next_request: 0,
            started: Vec::new(),
            collection_max_size: settings.collection_max_size,
            admission: Admission::new(settings.record_ttl, Time::ZERO),
            window: Window::new(settings.max_connections, settings.request_timeout),
            connections: usize::MAX,
            paused: Time::ZERO,
            spans: settings.ordered.then(Spans::default),
            random,
            spare_key: None,
            aggregate: config.aggregate.clone(),
        }
    }

    /// Adds a user record to the open aggregate of a place.
    #[inline]
    pub(super) fn join(
        &mut self,
        now: Time,
        stream: &Stream,
        (place, form): (Place, Form),
        pending: Pending<T>,
    ) {
        let (random, spare) = (&mut self.random, &mut self.spare_key);
        let open = |usual: usize| {
            let may_lack_key = place == Place::Keyless || form == Form::Mixed;
            let key = may_lack_key.then(|| {
                let again = spare.take();
                let key = again.clone().unwrap_or_else(|| random.key());
                *spare = (again.is_none() && stream.tests_keys()).then(|| key.clone());
                key
            });
            let mut buffer = key.map_or_else(Buffer::default, Buffer::with_random_key);
            buffer.reserve(usual.min(USUAL_MAX));
            Item::open(place, form, buffer)
        };
        let closed = self.lanes.join(now, place, pending, open);
        for item in closed.into_iter().flatten() {
            self.push(now, stream, item);
        }
    }

    /// Adds a Kinesis record at its place, after the others.
    pub(super) fn push(&mut self, now: Time, stream: &Stream, mut item: Box<Item<T>>) {
        if item.place == Place::Keyless {
            item.place = stream.place_of_keyless(&item);
        }
        item.slim();
        self.lanes.change(now, item.place, |lane| lane.push(item));
    }

    /// Takes back one that is to be sent again: to the front of its lane where order is wanted,
    /// else so that its pause holds up no other.
    pub(super) fn give_back(&mut self, now: Time, item: Item<T>) {
        let ordered = self.spans.is_some();
        let place = item.place;
        self.lanes
            .change(now, place, |lane| lane.give_back(item, ordered));
    }

    /// Whether a request may start.
    fn has_connection(&self, now: Time) -> bool {
        let under_way = self.in_flight.len();
        self.paused <= now
            && under_way < self.connections
            && self.window.admits(under_way, self.collector.size())
    }

    /// Whether a request may start now: not while a failure has yet to fail the later ones of its hash key.
    fn may_start(&self, now: Time, ledger: &Ledger<T>) -> bool {
        self.has_connection(now) && !ledger.has_failed()
    }

    /// From now on has at most so many requests under way.
    pub(super) fn limit_connections(&mut self, connections: usize) {
        self.connections = connections;
    }

    /// How many requests may be under way.
    pub(super) fn connections(&self) -> usize {
        self.window.open().min(self.connections)
    }

    /// Starts all requests that are due or full.
    pub(super) fn send(
        &mut self,
        now: Time,
        stream: &Stream,
        ledger: &mut Ledger<T>,
    ) -> Vec<Request> {
        let (cutoff, mut expired) = (ledger.cutoff(now), Vec::new());
        // What one lane closes may go to another, whose time has then come too.
        while self.lanes.wake().is_some_and(|wake| wake <= now) {
            for item in self.lanes.ring(now, cutoff, &mut expired) {
                self.push(now, stream, item);
            }
        }
        ledger.expire(expired);
        while self.may_start(now, ledger)
            && let Some(part) = self.parts.pop_front()
        {
            self.start_request(now, part, ledger);
        }
        while self.may_start(now, ledger)
            && let Some(place) = self.lanes.turn()
        {
            self.take_turn(now, place, ledger);
        }
        if self.may_start(now, ledger) && self.collector.due().is_some_and(|due| due <= now) {
            self.start_collected(now, ledger);
        }
        std::mem::take(&mut self.started)
    }

    /// Moves some of what a lane holds into the next request. A lane that can send nothing more
    /// has no more turns.
    fn take_turn(&mut self, now: Time, place: Place, ledger: &mut Ledger<T>) {
        let cutoff = ledger.cutoff(now);
        for _ in 0..TURN {
            let Some(size) = self.lanes.next(now, place) else {
                return;
            };
            if let (Some(spans), Some(span)) = (&mut self.spans, place.span())
                && !spans.is_free(span, place)
            {
                self.lanes.rest(place);
                return;
            }
            if self.collector.fits(size) {
                let Some(mut item) = self.lanes.take(now, place, size) else {
                    return;
                };
                ledger.expire(item.take_expired(cutoff));
                if item.is_empty() {
                    continue;
                }
                self.claim(place.span());
                let is_hurried = ledger.is_hurried(item.first);
                let due = if is_hurried { Time::ZERO } else { item.due };
                self.collector.add(item, size, due);
                if !self.collector.is_full() {
                    continue;
                }
            }
            self.start_collected(now, ledger);
            if !self.may_start(now, ledger) {
                return;
            }
        }
    }

    fn start_collected(&mut self, now: Time, ledger: &mut Ledger<T>) {
        let collected = self.collector.take();
        self.start_request(now, collected, ledger);
    }

    /// Starts a request with these, unless all of it has expired. If a failure has yet to fail later ones,
    /// perhaps some of these, it starts when that is done.
    fn start_request(&mut self, now: Time, mut items: Vec<Item<T>>, ledger: &mut Ledger<T>) {
        let cutoff = ledger.cutoff(now);
        for item in &mut items {
            ledger.expire(item.take_expired(cutoff));
            item.sent = now;
        }
        for empty in items.extract_if(.., |item| item.is_empty()) {
            self.release(now, empty.place.span());
        }
        if items.is_empty() {
            return;
        }
        if ledger.has_failed() {
            return self.parts.push_front(items);
        }
        let (items, records) = encode(items, &self.aggregate);
        self.window
            .started(records.iter().map(KinesisRecord::size).sum());
        for item in &items {
            ledger.meter.sent(item.len(), item.first_buffered());
        }
        let user_records = items.iter().map(Item::len).sum();
        ledger.meter.request(items.len(), user_records);
        self.in_flight.insert(self.next_request, items);
        self.started.push((self.next_request, records));
        self.next_request += 1;
    }

    /// Takes what a request carried that was answered, or never was.
    pub(super) fn answered(&mut self, now: Time, id: u64, is_lost: bool) -> Vec<Item<T>> {
        let items = self.in_flight.remove(&id).unwrap_or_default();
        let Some(sent) = items.first().map(|item| item.sent) else {
            return items;
        };
        let sizes = items.iter().map(|item| item.size(&self.aggregate));
        self.window.ended(sizes.sum());
        if is_lost {
            self.window.timed_out(sent, now);
            self.admission.came_back(now, 0);
        } else {
            let room = items.iter().map(|item| item.room).sum();
            self.admission.went(now, room);
            self.window.answered(now.saturating_sub(sent));
        }
        let size = self.window.request_size(self.collection_max_size);
        self.collector.limit(size);
        for item in &items {
            self.release(now, item.place.span());
        }
        items
    }

    /// Lets no request start before.
    pub(super) fn pause(&mut self, until: Time) {
        self.paused = self.paused.max(until);
    }

    /// Lets nothing go from the place of a Kinesis record before, if no limiter does that: it was
    /// too much.
    pub(super) fn hold(&mut self, now: Time, item: &Item<T>, until: Time) {
        self.lanes.change(now, item.place, |lane| {
            lane.came_back(now, item.room);
            if item.place == Place::Anywhere {
                lane.hold(until);
            }
        });
    }

    /// Whether more waits than can go in time: in a lane, or of all `room` that is taken.
    pub(super) fn is_over(&self, now: Time, room: usize) -> bool {
        self.lanes.are_over() || room > self.admission.most(now)
    }

    /// Takes back a request of several Kinesis records that was refused as a whole, and sends each
    /// half again, until it is found which one is at fault.
    pub(super) fn split(&mut self, mut items: Vec<Item<T>>) {
        for item in &items {
            self.claim(item.place.span());
        }
        let half = items.split_off(items.len() / 2);
        self.parts.extend([items, half]);
    }

    /// Keeps back what has these hash keys, where order is wanted.
    pub(super) fn claim(&mut self, span: Option<Span>) {
        if let (Some(spans), Some(span)) = (&mut self.spans, span) {
            spans.claim(span);
        }
    }

    /// Keeps it back no longer.
    pub(super) fn release(&mut self, now: Time, span: Option<Span>) {
        if let (Some(spans), Some(span)) = (&mut self.spans, span) {
            for place in spans.release(span) {
                self.lanes.rouse(now, place);
            }
        }
    }

    /// Takes the user records that were accepted before `cutoff` and wait in the next request. The lanes
    /// look for themselves.
    pub(super) fn take_expired(&mut self, cutoff: Time) -> Vec<Pending<T>> {
        let items = self.collected_mut();
        items.flat_map(|item| item.take_expired(cutoff)).collect()
    }

    /// Takes out some of the user records that are not under way.
    pub(super) fn take_if(&mut self, is_wanted: &impl Fn(&Pending<T>) -> bool) -> Vec<Pending<T>> {
        let mut taken = self.lanes.take_if(is_wanted);
        let items = self.collected_mut();
        taken.extend(items.flat_map(|item| item.take_if(is_wanted)));
        taken
    }

    fn collected_mut(&mut self) -> impl Iterator<Item = &mut Item<T>> {
        let parts = self.parts.iter_mut().flatten();
        self.collector.items_mut().chain(parts)
    }

    /// Takes all that is not under way, the open aggregates apart.
    pub(super) fn take_unsent(&mut self, now: Time) -> (Vec<Item<T>>, Vec<Item<T>>) {
        let (open, mut closed) = self.lanes.take_all();
        let collected = self.collector.take();
        for item in &collected {
            self.release(now, item.place.span());
        }
        closed.extend(collected);
        (open, closed)
    }

    /// Takes the requests under way: nothing more is heard of them.
    pub(super) fn take_under_way(&mut self) -> Vec<Item<T>> {
        let requests = std::mem::take(&mut self.in_flight).into_values();
        let parts = std::mem::take(&mut self.parts);
        requests.chain(parts).flatten().collect()
    }

    /// Forgets the lanes that the map in force does not have.
    pub(super) fn forget(&mut self, stream: &Stream) {
        self.lanes.forget(|place| stream.is_current(place));
    }

    /// The next request waits for no more.
    pub(super) fn hurry_closed(&mut self, now: Time) {
        self.collector.hurry(now);
    }

    /// What is here waits for company no longer.
    pub(super) fn hurry(&mut self, now: Time) {
        self.lanes.hurry(now, |_| true);
        self.collector.hurry(now);
    }

    /// The same, but for open aggregates that would wait behind others of their lane.
    pub(super) fn hurry_first(&mut self, now: Time) {
        self.lanes.hurry(now, |lane| !lane.has_closed());
        self.collector.hurry(now);
    }

    /// When [`send`](Self::send) has something to do, if nothing else happens before: what is kept
    /// back by what is under way goes on with its answer.
    pub(super) fn wake(&self, now: Time) -> Option<Time> {
        let paused = (self.paused > now).then_some(self.paused);
        let due = self.collector.due().filter(|_| self.has_connection(now));
        [self.lanes.wake(), due, paused].into_iter().flatten().min()
    }

    /// Of what waits in the next request, the earliest acceptance.
    pub(super) fn oldest_collected(&self) -> Time {
        let oldest = self.collected().map(|item| item.oldest);
        oldest.min().unwrap_or(Time::MAX)
    }

    /// Every Kinesis record here.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item<T>> {
        let in_flight = self.in_flight.values().flatten();
        self.lanes.items().chain(self.collected()).chain(in_flight)
    }

    fn collected(&self) -> impl Iterator<Item = &Item<T>> {
        let parts = self.parts.iter().flatten();
        self.collector.items().iter().chain(parts)
    }

    /// How many lanes there are, empty ones too.
    pub(super) fn count_lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Whether a throttled stream keeps something from going.
    pub(super) fn is_paused(&self, now: Time) -> bool {
        self.paused > now || self.lanes.is_held(now, Place::Anywhere)
    }

    /// Whether a lane that may send has no turns. Where order is wanted, it may wait for another.
    pub(super) fn is_lane_forgotten(&self, now: Time) -> bool {
        self.spans.is_none() && self.lanes.is_any_forgotten(now)
    }

    /// Whether no hash key is kept back.
    pub(super) fn is_unclaimed(&self) -> bool {
        self.spans.as_ref().is_none_or(Spans::is_empty)
    }
}
