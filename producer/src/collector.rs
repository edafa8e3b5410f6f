//! Kinesis records on their way into one request.

use std::collections::BTreeMap;

use super::item::{Item, Lane};
use super::outcome::Time;
use super::settings::COLLECTION_MAX_SIZE_PER_SHARD;

pub(super) struct Collector<T> {
    max_count: usize,
    max_size: usize,
    items: Vec<Item<T>>,
    size: usize,
    by_shard: BTreeMap<Lane, usize>,
    due: Time,
}

impl<T> Collector<T> {
    pub(super) fn new(max_count: usize, max_size: usize) -> Self {
        Self {
            max_count,
            max_size,
            items: Vec::new(),
            size: 0,
            by_shard: BTreeMap::new(),
            due: Time::MAX,
        }
    }

    /// Whether a Kinesis record of `size` bytes may join; one that is too large goes alone.
    pub(super) fn fits(&self, size: usize) -> bool {
        self.items.is_empty()
            || (self.items.len() < self.max_count
                && self.size.saturating_add(size) <= self.max_size)
    }

    /// Adds a Kinesis record that [`fits`](Self::fits).
    pub(super) fn add(&mut self, item: Item<T>, size: usize) {
        self.size = self.size.saturating_add(size);
        self.due = self.due.min(item.due);
        if let Lane::Shard(_) = item.lane {
            let of_shard = self.by_shard.entry(item.lane).or_default();
            *of_shard = of_shard.saturating_add(size);
        }
        self.items.push(item);
    }

    /// Whether the request is to start, due or not: it holds all that it may, or as much for one
    /// shard as the KPL lets it.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.max_count
            || self.size >= self.max_size
            || self
                .by_shard
                .values()
                .any(|&size| size >= COLLECTION_MAX_SIZE_PER_SHARD)
    }

    pub(super) fn items(&self) -> &[Item<T>] {
        &self.items
    }

    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Item<T>> {
        self.items.iter_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// When the request is to start.
    pub(super) fn due(&self) -> Option<Time> {
        (!self.is_empty()).then_some(self.due)
    }

    /// What it holds is to start now. If it holds nothing, what comes next takes its time.
    pub(super) fn hurry(&mut self, now: Time) {
        if !self.is_empty() {
            self.due = self.due.min(now);
        }
    }

    /// Starts anew and gives what there was.
    pub(super) fn take(&mut self) -> Vec<Item<T>> {
        let empty = Self::new(self.max_count, self.max_size);
        std::mem::replace(self, empty).items
    }
}
