//! Where a user record goes, by what is known of the stream now.

use super::item::{Form, Item, Pending, Place};
use super::stream::Stream;
use crate::outcome::FailureKind;
use crate::settings::Config;
use kinesis_aggregation::wire::is_framed;
use kinesis_aggregation::{HashKey, ShardMap, UserRecord};

/// What to do with a user record.
pub(super) enum Route {
    /// It joins the open aggregate of this place.
    Join(Place, Form),
    /// It travels alone, without explicit hash key.
    Bare,
    /// It waits for the shard map.
    Wait,
    /// On this stream it cannot be sent as it should.
    Refuse(FailureKind),
}

pub(super) struct Routes<'a> {
    stream: &'a Stream,
    ordered: bool,
    aggregates: bool,
    /// Whether aggregates are made although the stream picks their shards.
    mixes: bool,
}

impl<'a> Routes<'a> {
    pub(super) fn new(stream: &'a Stream, config: &Config) -> Self {
        let settings = &config.settings;
        let aggregates = settings.aggregation_enabled;
        Self {
            stream,
            ordered: settings.ordered,
            aggregates,
            mixes: aggregates && settings.aggregate_on_service_managed_streams,
        }
    }

    /// Where a user record goes.
    pub(super) fn of(&self, record: &UserRecord, hash_key: Option<HashKey>) -> Route {
        if self.stream.is_service_managed() {
            return self.of_service_managed(record);
        }
        let Some(hash_key) = hash_key else {
            return Route::Join(Place::Keyless, Form::Framed);
        };
        match self.predict(hash_key) {
            Some(place) => Route::Join(place, Form::Framed),
            // Alone, it needs no map.
            None if !self.aggregates => Route::Join(self.of_hash_key(hash_key), Form::Framed),
            None => Route::Wait,
        }
    }

    fn of_service_managed(&self, record: &UserRecord) -> Route {
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

    /// The shard where `hash_key` belongs, if that is known: only user records of one shard may
    /// share an aggregate.
    fn predict(&self, hash_key: HashKey) -> Option<Place> {
        let range = self.stream.predict(hash_key)?;
        // Where order is wanted, two maps must not send one key from two lanes.
        let in_force = !self.ordered || self.stream.valid_map().is_some();
        in_force.then(|| Place::shard(range))
    }

    /// The map that tells which lane to send from. Where order is wanted, one in doubt does not: two
    /// maps must not send one key from two lanes.
    fn map(&self) -> Option<&ShardMap> {
        if self.ordered {
            self.stream.valid_map()
        } else {
            self.stream.last_map()
        }
    }

    /// From where to send what travels alone and belongs to `hash_key`.
    pub(super) fn of_hash_key(&self, hash_key: HashKey) -> Place {
        match self.map() {
            Some(map) => Place::shard(map.predict(hash_key).hash_key_range()),
            None if self.ordered => Place::Hash(hash_key),
            None => Place::Anywhere,
        }
    }

    /// From where to send a Kinesis record of user records without a partition key.
    pub(super) fn of_keyless<T>(&self, item: &Item<T>) -> Place {
        match item.cover {
            Some(cover) if !self.stream.is_service_managed() => self.of_hash_key(cover.start()),
            _ => Place::Anywhere,
        }
    }

    /// From where a Kinesis record may be sent without being built anew; none if it may not.
    pub(super) fn as_it_is<T>(&self, item: &Item<T>) -> Option<Place> {
        if self.stream.is_service_managed() {
            let right = if self.mixes {
                item.form == Form::Mixed
            } else {
                item.is_bare()
            };
            return right.then_some(Place::Anywhere);
        }
        if item.form == Form::Mixed || item.is_bare() {
            return None;
        }
        let cover = item.cover?;
        match self.map() {
            Some(map) => {
                let range = map.predict(cover.start()).hash_key_range();
                range.contains(cover.end()).then(|| Place::shard(range))
            }
            None => (cover.start() == cover.end()).then(|| self.of_hash_key(cover.start())),
        }
    }

    /// Whether a Kinesis record went alone for want of a map, was not sent yet, and need not go
    /// alone any more.
    pub(super) fn has_company<T>(&self, item: &Item<T>) -> bool {
        let cover = item.cover.filter(|_| item.is_released && item.tries == 0);
        cover.is_some_and(|cover| self.predict(cover.start()).is_some())
    }

    /// Whether a place is one that the map in force has.
    pub(super) fn is_current(&self, place: Place) -> bool {
        match (place, self.stream.last_map()) {
            (Place::Shard { start, .. }, Some(map)) => {
                Place::shard(map.predict(start).hash_key_range()) == place
            }
            _ => false,
        }
    }

    /// An item that carries one user record alone, for want of a map.
    pub(super) fn alone<T>(&self, pending: Pending<T>, hash_key: HashKey) -> Item<T> {
        let place = self.of_hash_key(hash_key);
        let mut item = Item::open(place, Form::Framed, None);
        item.is_released = true;
        item.push(pending);
        item
    }

    /// Whether a random partition key serves two Kinesis records.
    pub(super) fn tests_keys(&self) -> bool {
        self.stream.tests_keys()
    }
}
