//! Where a user record goes, by what is known of the stream now.

use super::Stream;
use crate::outcome::FailureKind;
use crate::pipeline::item::{Form, Item, Pending, Place};
use kinesis_aggregation::packing::Buffer;
use kinesis_aggregation::wire::is_framed;
use kinesis_aggregation::{HashKey, ShardMap, UserRecord};

/// What to do with a user record.
pub(in crate::pipeline) enum Route {
    /// It joins the open aggregate of this place.
    Join(Place, Form),
    /// It travels alone, without explicit hash key.
    Bare,
    /// It waits for the shard map.
    Wait,
    /// On this stream it cannot be sent as it should.
    Refuse(FailureKind),
}

impl Stream {
    /// Returns where a user record goes.
    pub(in crate::pipeline) fn route(
        &self,
        record: &UserRecord,
        hash_key: Option<HashKey>,
    ) -> Route {
        if self.is_service_managed() {
            return self.route_service_managed(record);
        }
        let Some(hash_key) = hash_key else {
            return Route::Join(Place::Keyless, Form::Framed);
        };
        match self.predict(hash_key) {
            Some(place) => Route::Join(place, Form::Framed),
            // Alone, it needs no map.
            None if !self.aggregates => Route::Join(self.place_of(hash_key), Form::Framed),
            None => Route::Wait,
        }
    }

    fn route_service_managed(&self, record: &UserRecord) -> Route {
        if self.ordered {
            Route::Refuse(FailureKind::NoOrder)
        } else if self.mixes {
            Route::Join(Place::Anywhere, Form::Mixed)
        } else if is_framed(record.data()) {
            Route::Refuse(FailureKind::LooksLikeAggregate)
        } else {
            Route::Bare
        }
    }

    /// Returns the shard where `hash_key` belongs, if that is known: only user records of one shard may
    /// share an aggregate.
    fn predict(&self, hash_key: HashKey) -> Option<Place> {
        // Where order is wanted, two maps must not send one key from two lanes.
        let in_force = !self.ordered || self.shards.valid().is_some();
        if self.strategy.is_unknown() || !in_force {
            return None;
        }
        self.shards.predict(hash_key).map(Place::Shard)
    }

    /// Returns the map that tells which lane to send from. Where order is wanted, one in doubt does
    /// not: two maps must not send one key from two lanes.
    fn map(&self) -> Option<&ShardMap> {
        if self.ordered {
            self.shards.valid()
        } else {
            self.shards.last()
        }
    }

    /// Returns from where to send what travels alone and belongs to `hash_key`.
    fn place_of(&self, hash_key: HashKey) -> Place {
        match self.map() {
            Some(map) => place_in(map, hash_key),
            None if self.ordered => Place::Hash(hash_key),
            None => Place::Anywhere,
        }
    }

    /// Returns from where to send a Kinesis record of user records without a partition key.
    pub(in crate::pipeline) fn place_of_keyless<T>(&self, item: &Item<T>) -> Place {
        let hash_key = item.cover.map(|cover| cover.start());
        hash_key.map_or(Place::Anywhere, |hash_key| self.place_of(hash_key))
    }

    /// Returns from where a Kinesis record may be sent without being built anew; `None` if it may not.
    pub(in crate::pipeline) fn as_it_is<T>(&self, item: &Item<T>) -> Option<Place> {
        if self.is_service_managed() {
            let is_right = if self.mixes {
                item.form == Form::Mixed
            } else {
                item.is_bare()
            };
            return is_right.then_some(Place::Anywhere);
        }
        if item.form == Form::Mixed || item.is_bare() {
            return None;
        }
        let cover = item.cover?;
        match self.map() {
            Some(map) => {
                let range = map.predict(cover.start()).hash_key_range();
                range.contains(cover.end()).then_some(Place::Shard(range))
            }
            None => (cover.start() == cover.end()).then(|| self.place_of(cover.start())),
        }
    }

    /// Returns whether a Kinesis record went alone for want of a map, was not sent yet, and need not go
    /// alone any more.
    pub(in crate::pipeline) fn has_company<T>(&self, item: &Item<T>) -> bool {
        let cover = item.cover.filter(|_| item.is_released && item.tries == 0);
        cover.is_some_and(|cover| self.predict(cover.start()).is_some())
    }

    /// Returns whether a place is one that the map in force has.
    pub(in crate::pipeline) fn is_current(&self, place: Place) -> bool {
        match (place, self.shards.last()) {
            (Place::Shard(range), Some(map)) => place_in(map, range.start()) == place,
            _ => false,
        }
    }

    /// Returns an item that carries one user record alone, for want of a map.
    pub(in crate::pipeline) fn alone<T>(&self, pending: Pending<T>, hash_key: HashKey) -> Item<T> {
        let place = self.place_of(hash_key);
        let mut item = Item::open(place, Form::Framed, Buffer::default());
        item.is_released = true;
        item.push(pending);
        item
    }
}

fn place_in(map: &ShardMap, hash_key: HashKey) -> Place {
    Place::Shard(map.predict(hash_key).hash_key_range())
}
