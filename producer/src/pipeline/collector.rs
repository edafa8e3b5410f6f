//! Kinesis records on their way into one request: the KPL's collector.

use std::collections::BTreeMap;

use super::item::{Body, Form, Item, Pending, Place};
use crate::outcome::Time;
use crate::settings::COLLECTION_MAX_SIZE_PER_SHARD;
use kinesis_aggregation::KinesisRecord;
use kinesis_aggregation::packing::{Buffer, Closed, Settings as AggregateSettings};

pub(super) struct Collector<T> {
    max_count: usize,
    max_size: usize,
    items: Vec<Item<T>>,
    size: usize,
    by_shard: BTreeMap<Place, usize>,
    /// It holds as much for one shard as the KPL lets it.
    shard_is_full: bool,
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
            shard_is_full: false,
            due: Time::MAX,
        }
    }

    /// Whether a Kinesis record of `size` bytes may join; one that is too large goes alone. By their
    /// number one more always may: a request that is [full](Self::is_full) starts at once.
    pub(super) fn fits(&self, size: usize) -> bool {
        self.items.is_empty() || self.size.saturating_add(size) <= self.max_size
    }

    /// Sets how many bytes a request holds at most.
    pub(super) fn limit(&mut self, max_size: usize) {
        self.max_size = max_size;
    }

    /// The bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds a Kinesis record that [`fits`](Self::fits). The request is to start when it is `due`.
    pub(super) fn add(&mut self, item: Item<T>, size: usize, due: Time) {
        self.size = self.size.saturating_add(size);
        self.due = self.due.min(due);
        if let Place::Shard(_) = item.place {
            let of_shard = self.by_shard.entry(item.place).or_default();
            *of_shard = of_shard.saturating_add(size);
            self.shard_is_full |= *of_shard >= COLLECTION_MAX_SIZE_PER_SHARD;
        }
        self.items.push(item);
    }

    /// Whether the request is to start, due or not.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.max_count || self.size >= self.max_size || self.shard_is_full
    }

    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Item<T>> {
        self.items.iter_mut()
    }

    pub(super) fn items(&self) -> &[Item<T>] {
        &self.items
    }

    /// When the request is to start.
    pub(super) fn due(&self) -> Option<Time> {
        (!self.items.is_empty()).then_some(self.due)
    }

    /// What it holds is to start now. If it holds nothing, what comes next takes its time.
    pub(super) fn hurry(&mut self, now: Time) {
        if !self.items.is_empty() {
            self.due = self.due.min(now);
        }
    }

    /// Takes all that it holds, and starts anew.
    pub(super) fn take(&mut self) -> Vec<Item<T>> {
        let empty = Self::new(self.max_count, self.max_size);
        std::mem::replace(self, empty).items
    }
}

/// Makes Kinesis records of those that are none yet, and gives what is to be put. The digests of
/// all are computed together, which is several times faster. From now on the data is in memory
/// once: what the user records refer to is the frame's.
pub(super) fn encode<T>(
    items: Vec<Item<T>>,
    settings: &AggregateSettings,
) -> (Vec<Item<T>>, Vec<KinesisRecord>) {
    let mut all_closed: Vec<Closed<Pending<T>>> = Vec::new();
    let mut encoded = Vec::with_capacity(items.len());
    for mut item in items {
        if let Body::Lone(pending) = item.body {
            let mut buffer = Buffer::default();
            let hash_key = pending.hash_key;
            buffer.push(*pending, hash_key);
            item.body = Body::Open(Box::new(buffer));
        }
        item.body = match item.body {
            Body::Open(mut buffer) => match buffer.close(settings) {
                Some(closed) => {
                    item.form = match item.form {
                        Form::Mixed => Form::Mixed,
                        _ if closed.is_framed() => Form::Framed,
                        _ => Form::Raw,
                    };
                    all_closed.push(closed);
                    // Its place is taken below.
                    Body::Open(buffer)
                }
                // Empty ones were left out.
                None => continue,
            },
            Body::Bare(pending) => bare(*pending),
            other => other,
        };
        encoded.push(item);
    }
    let mut sealed = Closed::seal_all(all_closed).into_iter();
    let mut records = Vec::with_capacity(encoded.len());
    for item in &mut encoded {
        if matches!(item.body, Body::Open(_))
            && let Some((record, members)) = sealed.next()
        {
            item.body = Body::Sealed(record, members);
        }
        if let Body::Sealed(record, _) = &item.body {
            records.push(record.clone());
        }
    }
    (encoded, records)
}

fn bare<T>(pending: Pending<T>) -> Body<T> {
    let (key, _, data) = pending.record.clone().into_parts();
    let record = match key {
        Some(key) => KinesisRecord::new(key, data),
        None => KinesisRecord::without_partition_key(data),
    };
    Body::Sealed(record, vec![pending])
}
