//! What goes into a request, and when it starts.

use super::item::{Body, Form, Item, Lane, Pending};
use super::outcome::Time;
use super::pipeline::{Action, Pipeline, random_key};

use kinesis_aggregation::HashKeyRange;
use kinesis_aggregation::KinesisRecord;
use kinesis_aggregation::packing::Closed;

/// How many Kinesis records of one lane go before those of the next.
const TURN: usize = 16;

impl<T> Pipeline<T> {
    fn has_connection(&self) -> bool {
        self.in_flight.len() < self.config.settings.max_connections.min(self.connections)
    }

    /// Starts all requests that are due or full.
    pub(super) fn send(&mut self, now: Time) {
        // Without a shard map, ordered user records have a lane for each hash key: there is no end
        // of those, and an empty one has nothing to remember.
        self.lanes.forget(|lane| !matches!(lane, Lane::Hash(_)));
        self.close_due(now);
        self.lanes.resume_delayed(now);
        // Where order is wanted, what is under way keeps others back.
        let mut busy = if self.config.settings.ordered {
            self.busy()
        } else {
            Vec::new()
        };
        loop {
            let mut progress = false;
            for lane in self.lanes.round() {
                if !self.has_connection() {
                    return;
                }
                progress |= self.take_turn(now, lane, &mut busy);
            }
            if !progress {
                break;
            }
        }
        if self.has_connection() && self.collector.due().is_some_and(|due| due <= now) {
            self.start_request(now);
        }
    }

    /// Closes the aggregates that may not wait for more.
    fn close_due(&mut self, now: Time) {
        let mut due = Vec::new();
        for queue in self.lanes.queues.values_mut() {
            due.extend(queue.open.take_if(|open| open.due <= now));
        }
        for item in due {
            self.enqueue(now, item);
        }
    }

    /// Moves some of what a lane holds into the request to be. Whether it was any.
    fn take_turn(&mut self, now: Time, lane: Lane, busy: &mut Vec<HashKeyRange>) -> bool {
        let ordered = self.config.settings.ordered;
        let mut progress = false;
        for _ in 0..TURN {
            let span = if ordered { self.span(lane) } else { None };
            let Some(queue) = self.lanes.queues.get_mut(&lane) else {
                break;
            };
            let Some(front) = queue.ready.front() else {
                break;
            };
            if front.not_before > now {
                break;
            }
            if span.is_some_and(|span| busy.iter().any(|busy| overlap(*busy, span))) {
                break;
            }
            let size = front.size(&self.config.aggregate);
            if !self.collector.fits(size) {
                self.start_request(now);
                if !self.has_connection() {
                    break;
                }
                continue;
            }
            if let Err(at) = queue.limiter.pass(now, size) {
                queue.limited = at;
                break;
            }
            if let Some(mut item) = queue.ready.pop_front() {
                item.span = span;
                progress = true;
                self.collector.add(item, size);
                self.lanes.ended_at(lane);
                busy.extend(span);
            }
            if self.collector.is_full() {
                self.start_request(now);
                if !self.has_connection() {
                    break;
                }
            }
        }
        progress
    }

    /// The hash keys that no other Kinesis record may carry while one of this lane is under way.
    fn span(&self, lane: Lane) -> Option<HashKeyRange> {
        match lane {
            Lane::Shard(start) => {
                let map = self.shards.last()?;
                Some(map.predict(start).hash_key_range())
            }
            Lane::Hash(hash_key) => HashKeyRange::new(hash_key, hash_key).ok(),
            Lane::Keyless | Lane::Anywhere => None,
        }
    }

    fn busy(&self) -> Vec<HashKeyRange> {
        let collected = self.collector.items().iter();
        let in_flight = self.in_flight.values().flatten();
        let items = collected.chain(in_flight).filter_map(|item| item.span);
        items
            .chain(self.held.iter().filter_map(|held| held.span))
            .collect()
    }

    /// Encodes what was collected and hands it out.
    fn start_request(&mut self, now: Time) {
        let cutoff = self.cutoff(now);
        let mut items = Vec::new();
        for mut item in self.collector.take() {
            let random = &mut self.random;
            for pending in item.take_expired(cutoff, || random_key(random)) {
                self.expire(pending);
            }
            if !item.is_empty() {
                item.sent = now;
                items.push(item);
            }
        }
        if items.is_empty() {
            return;
        }
        let items = self.encode(items);
        let records: Vec<_> = items
            .iter()
            .filter_map(|item| match &item.body {
                Body::Sealed(record, _) => Some(record.clone()),
                _ => None,
            })
            .collect();
        self.metrics.request(now, &items);
        let id = self.next_request;
        self.next_request += 1;
        self.in_flight.insert(id, items);
        self.actions.push(Action::PutRecords { id, records });
    }

    /// Computes the digests of all that has none yet together.
    fn encode(&self, items: Vec<Item<T>>) -> Vec<Item<T>> {
        let mut all_closed: Vec<Closed<Pending<T>>> = Vec::new();
        let mut encoded = Vec::with_capacity(items.len());
        for mut item in items {
            item.body = match item.body {
                Body::Open(mut buffer) => match buffer.close(&self.config.aggregate) {
                    Some(closed) => {
                        if item.form != Form::Mixed {
                            item.form = if closed.is_framed() {
                                Form::Framed
                            } else {
                                Form::Raw
                            };
                        }
                        all_closed.push(closed);
                        // Its place is taken below.
                        Body::Open(buffer)
                    }
                    // Empty ones were left out.
                    None => continue,
                },
                Body::Bare(pending) => bare(*pending),
                sealed @ Body::Sealed(..) => sealed,
            };
            encoded.push(item);
        }
        let mut sealed = Closed::seal_all(all_closed).into_iter();
        for item in &mut encoded {
            if matches!(item.body, Body::Open(_))
                && let Some((record, members)) = sealed.next()
            {
                item.body = Body::Sealed(record, members);
            }
        }
        encoded
    }

    /// When [`send`](Self::send) has something to do.
    pub(super) fn send_wake(&self) -> Option<Time> {
        let can_send = self.has_connection();
        let mut wake = self.collector.due().filter(|_| can_send);
        let mut at = |time: Time| wake = Some(wake.map_or(time, |wake: Time| wake.min(time)));
        for queue in self.lanes.queues.values() {
            if let Some(open) = &queue.open {
                at(open.due);
            }
            // What is ready, but kept back by what is under way, goes on with its answer.
            if let Some(front) = queue.ready.front().filter(|_| can_send) {
                let time = front.not_before.max(queue.limited);
                if time > self.driven {
                    at(time);
                }
            }
            for item in &queue.delayed {
                at(item.not_before);
            }
        }
        wake
    }
}

fn bare<T>(pending: Pending<T>) -> Body<T> {
    let (key, _, data) = pending.record.clone().into_parts();
    let record = match key {
        Some(key) => KinesisRecord::new(key, data),
        None => KinesisRecord::without_partition_key(data),
    };
    Body::Sealed(record, vec![pending])
}

fn overlap(a: HashKeyRange, b: HashKeyRange) -> bool {
    a.start() <= b.end() && b.start() <= a.end()
}
