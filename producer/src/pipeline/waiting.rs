//! User records that wait for a shard map, to share an aggregate.

use std::collections::{BTreeSet, HashSet};

use super::item::Pending;
use crate::outcome::Time;
use kinesis_aggregation::HashKey;

pub(super) struct Waiting<T> {
    records: Vec<Pending<T>>,
    /// The earliest time at which one of them goes without a map.
    due: Time,
    oldest: Time,
    /// So many, from the front, were hurried already: to hurry them again changes nothing.
    hurried: usize,
    /// Where order is wanted, none goes before an earlier one of its hash key.
    ordered: bool,
    /// Where order is wanted, the hash keys of those here.
    hash_keys: HashSet<HashKey>,
}

impl<T> Waiting<T> {
    pub(super) fn new(ordered: bool) -> Self {
        Self {
            records: Vec::new(),
            due: Time::MAX,
            oldest: Time::MAX,
            hurried: 0,
            ordered,
            hash_keys: HashSet::new(),
        }
    }

    pub(super) fn push(&mut self, pending: Pending<T>) {
        self.due = self.due.min(pending.due);
        self.keep(pending);
    }

    fn keep(&mut self, pending: Pending<T>) {
        self.oldest = self.oldest.min(pending.accepted);
        if self.ordered {
            self.hash_keys.extend(pending.hash_key);
        }
        self.records.push(pending);
    }

    /// Whether one with this hash key waits here, and what is put later must stay after it.
    #[inline]
    pub(super) fn precedes(&self, hash_key: Option<HashKey>) -> bool {
        hash_key.is_some_and(|hash_key| self.hash_keys.contains(&hash_key))
    }

    /// When the next one goes without a map.
    pub(super) fn wake(&self) -> Option<Time> {
        (!self.records.is_empty()).then_some(self.due)
    }

    /// Takes those that waited as long as they could, in the order of acceptance.
    pub(super) fn take_due(&mut self, now: Time) -> Vec<Pending<T>> {
        if self.due > now {
            return Vec::new();
        }
        let mut kept_back = BTreeSet::new();
        let mut due = Vec::new();
        for pending in self.take_all() {
            let keeps = |key| kept_back.contains(&key);
            if pending.due > now {
                if self.ordered {
                    kept_back.extend(pending.hash_key);
                }
                self.push(pending);
            } else if self.ordered && pending.hash_key.is_some_and(keeps) {
                // Its time has come, but it goes with the one before it.
                self.keep(pending);
            } else {
                due.push(pending);
            }
        }
        due
    }

    /// None waits longer than this.
    pub(super) fn hurry(&mut self, until: Time) {
        for pending in self.records.iter_mut().skip(self.hurried) {
            pending.due = pending.due.min(until);
            self.due = self.due.min(pending.due);
        }
        self.hurried = self.records.len();
    }

    /// Takes those that were accepted before `cutoff`.
    pub(super) fn take_expired(&mut self, cutoff: Time) -> Vec<Pending<T>> {
        if self.oldest >= cutoff {
            return Vec::new();
        }
        let expired = self.take_if(|pending| pending.is_from_before(cutoff));
        let left = self.records.iter().map(|pending| pending.accepted);
        self.oldest = left.min().unwrap_or(Time::MAX);
        expired
    }

    /// Takes some of them.
    pub(super) fn take_if(&mut self, is_wanted: impl Fn(&Pending<T>) -> bool) -> Vec<Pending<T>> {
        self.hurried = 0;
        let taken = self.records.extract_if(.., |pending| is_wanted(pending));
        let taken = taken.collect();
        if self.ordered {
            let left = self.records.iter();
            self.hash_keys = left.filter_map(|pending| pending.hash_key).collect();
        }
        taken
    }

    /// Nothing here was accepted before.
    pub(super) fn oldest(&self) -> Time {
        self.oldest
    }

    pub(super) fn take_all(&mut self) -> Vec<Pending<T>> {
        self.due = Time::MAX;
        self.oldest = Time::MAX;
        self.hurried = 0;
        self.hash_keys.clear();
        std::mem::take(&mut self.records)
    }

    pub(super) fn records(&self) -> &[Pending<T>] {
        &self.records
    }
}
