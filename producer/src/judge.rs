//! Whether what the stream stored is delivered: the KCL drops an aggregate that holds a user record
//! from outside the range of the shard where it landed.

use std::sync::Arc;

use super::attempt_error::AttemptError;
use super::client::Stored;
use super::item::{Body, Form, Item, Pending};
use super::outcome::{Attempt, Delivered, Landed, Time};
use super::pipeline::Pipeline;
use super::retrier::attempt;
use super::shards::Evidence;
use kinesis_aggregation::{HashKey, HashKeyRange};

/// An aggregate that landed on a shard whose range is not known yet.
pub(super) struct Held<T> {
    /// With their places in the aggregate.
    pub(super) members: Vec<(u64, Pending<T>)>,
    pub(super) cover: HashKeyRange,
    pub(super) landed: Landed,
    pub(super) span: Option<HashKeyRange>,
}

impl<T> Pipeline<T> {
    /// The stream stored a Kinesis record.
    pub(super) fn landed(&mut self, now: Time, item: Item<T>, stored: Stored) {
        let bare = item.is_bare();
        let form = item.form;
        let landed = Landed {
            stored,
            attempt: attempt(&item, now, None),
        };
        self.learn(now, &item, landed.stored.shard_id());
        if let Body::Sealed(record, _) = &item.body {
            let shard_id = landed.stored.shard_id();
            self.metrics.stored(shard_id, &item, record.data().len());
        }
        let (cover, span) = (item.cover, item.span);
        let members = item.into_members();
        let fits = match cover {
            Some(cover) if form == Form::Framed && !bare => self.fits(cover, &landed),
            _ => Some(true),
        };
        match (fits, cover) {
            (Some(true), _) => self.deliver((0..).zip(members), landed),
            (Some(false), _) => self.put_again(now, members, &landed),
            (None, Some(cover)) => self.held.push(Held {
                members: (0..).zip(members).collect(),
                cover,
                landed,
                span,
            }),
            // Only what has hash keys is judged.
            (None, None) => {}
        }
    }

    /// What the place where a Kinesis record landed says about shards and strategy.
    fn learn(&mut self, now: Time, item: &Item<T>, shard_id: &str) {
        let Body::Sealed(record, _) = &item.body else {
            return;
        };
        if item.form == Form::Mixed {
            return;
        }
        if let Some(hash_key) = record.explicit_hash_key() {
            if self.shards.landed(shard_id, hash_key) == Evidence::NotByKey {
                self.reroute |= self.strategy.landed_outside(now, item.sent);
            }
            return;
        }
        // It travelled without its explicit hash key, if it had one.
        let hash_key = record.partition_key().map(HashKey::of_partition_key);
        let several = |map: &kinesis_aggregation::ShardMap| map.open_shards().len() > 1;
        if let Some(hash_key) = hash_key {
            match self.shards.landed(shard_id, hash_key) {
                Evidence::NotByKey => {
                    self.strategy.landed_outside(now, item.sent);
                }
                Evidence::None if self.shards.last().is_some_and(several) => {
                    self.reroute |= self.strategy.landed_by_key(now, item.sent);
                }
                Evidence::None | Evidence::StaleMap => {}
            }
        }
    }

    /// Whether all user records belong to the shard where their aggregate landed, as the KCL
    /// sees it; unknown until the shard's range is known.
    fn fits(&self, cover: HashKeyRange, landed: &Landed) -> Option<bool> {
        let range = self.shards.range(landed.stored.shard_id())?;
        Some(range.contains(cover.start()) && range.contains(cover.end()))
    }

    /// The KCL drops the aggregate, so every user record of it is sent again.
    fn put_again(
        &mut self,
        now: Time,
        members: impl IntoIterator<Item = Pending<T>>,
        landed: &Landed,
    ) {
        let error = AttemptError::named("WrongShard");
        self.metrics.error(error.code());
        let attempt = Attempt {
            error: Some(error),
            ..landed.attempt.clone()
        };
        for mut pending in members {
            // Readers that do not filter have it.
            pending.failed(&attempt, true);
            self.return_or_expire(now, pending);
        }
    }

    /// The shard map has grown.
    pub(super) fn judge_held(&mut self, now: Time) {
        for held in std::mem::take(&mut self.held) {
            match self.fits(held.cover, &held.landed) {
                Some(true) => self.deliver(held.members, held.landed),
                Some(false) => {
                    let members = held.members.into_iter().map(|(_, pending)| pending);
                    self.put_again(now, members, &held.landed);
                }
                None => self.held.push(held),
            }
        }
    }

    fn deliver(&mut self, members: impl IntoIterator<Item = (u64, Pending<T>)>, landed: Landed) {
        let landed = Arc::new(landed);
        let members = members.into_iter();
        self.finished.reserve(members.size_hint().0);
        for (sub_sequence_number, mut pending) in members {
            let delivered = Delivered {
                landed: Arc::clone(&landed),
                sub_sequence_number,
                accepted: pending.accepted,
                earlier: std::mem::take(&mut pending.attempts),
            };
            self.succeed(pending, delivered);
        }
    }
}
