//! The queues in front of the limiter, one for each predicted shard.

use std::collections::{BTreeMap, VecDeque};

use super::item::{Item, Lane};
use super::limiter::Limiter;
use super::outcome::Time;

pub(super) struct Queue<T> {
    /// The aggregate that user records join.
    pub(super) open: Option<Item<T>>,
    pub(super) ready: VecDeque<Item<T>>,
    /// How many user records the last aggregate held: the next one will hold about as many.
    pub(super) usual: usize,
    /// To be sent again, later; where order is wanted they wait in `ready` instead.
    pub(super) delayed: Vec<Item<T>>,
    pub(super) limiter: Limiter,
    /// The limiter lets nothing pass before.
    pub(super) limited: Time,
}

pub(super) struct Lanes<T> {
    pub(super) queues: BTreeMap<Lane, Queue<T>>,
    rate_limit: Option<u32>,
    /// Where the next round starts, so that no shard starves another.
    cursor: Option<Lane>,
}

impl<T> Lanes<T> {
    pub(super) fn new(rate_limit: Option<u32>) -> Self {
        Self {
            queues: BTreeMap::new(),
            rate_limit,
            cursor: None,
        }
    }

    pub(super) fn queue(&mut self, lane: Lane, now: Time) -> &mut Queue<T> {
        let rate_limit = match lane {
            Lane::Shard(_) => self.rate_limit,
            _ => None,
        };
        self.queues.entry(lane).or_insert_with(|| Queue {
            open: None,
            ready: VecDeque::new(),
            usual: 0,
            delayed: Vec::new(),
            limiter: Limiter::new(rate_limit, now),
            limited: Time::ZERO,
        })
    }

    /// Lets those whose pause is over be sent again, in front of what was never sent.
    pub(super) fn resume_delayed(&mut self, now: Time) {
        for queue in self.queues.values_mut() {
            let mut at = 0;
            while let Some(item) = queue.delayed.get(at) {
                if item.not_before <= now {
                    let item = queue.delayed.swap_remove(at);
                    queue.ready.push_front(item);
                } else {
                    at += 1;
                }
            }
        }
    }

    /// The lanes with something to send, from where the last round ended.
    pub(super) fn round(&mut self) -> Vec<Lane> {
        let ready = |(lane, queue): (&Lane, &Queue<T>)| (!queue.ready.is_empty()).then_some(*lane);
        let mut lanes: Vec<_> = self.queues.iter().filter_map(ready).collect();
        if let Some(cursor) = self.cursor {
            let start = lanes.partition_point(|lane| *lane <= cursor);
            lanes.rotate_left(start);
        }
        lanes
    }

    pub(super) fn ended_at(&mut self, lane: Lane) {
        self.cursor = Some(lane);
    }

    /// Everything in them, the open ones apart; the limiters stay where they are.
    pub(super) fn take_all(&mut self) -> (Vec<Item<T>>, Vec<Item<T>>) {
        let mut open = Vec::new();
        let mut closed = Vec::new();
        for queue in self.queues.values_mut() {
            open.extend(queue.open.take());
            closed.extend(queue.ready.drain(..));
            closed.append(&mut queue.delayed);
        }
        (open, closed)
    }

    /// Forgets the lanes that `is_current` denies, and those that only a record opened.
    pub(super) fn forget(&mut self, is_current: impl Fn(Lane) -> bool) {
        self.queues.retain(|lane, queue| {
            let empty = queue.open.is_none() && queue.ready.is_empty() && queue.delayed.is_empty();
            !empty || is_current(*lane)
        });
    }

    /// Every Kinesis record in them.
    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Item<T>> {
        self.queues.values_mut().flat_map(|queue| {
            queue
                .open
                .iter_mut()
                .chain(&mut queue.ready)
                .chain(&mut queue.delayed)
        })
    }

    /// Every Kinesis record in them.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item<T>> {
        let queues = self.queues.values();
        queues.flat_map(|queue| queue.open.iter().chain(&queue.ready).chain(&queue.delayed))
    }

    /// Drops the empty ones.
    pub(super) fn sweep(&mut self) {
        for queue in self.queues.values_mut() {
            if queue.open.as_ref().is_some_and(Item::is_empty) {
                queue.open = None;
            }
            queue.ready.retain(|item| !item.is_empty());
            queue.delayed.retain(|item| !item.is_empty());
        }
    }
}
