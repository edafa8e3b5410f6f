//! The keeper of the shard map: what is known of the stream's shards, and when to ask again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytestring::ByteString;

use super::random::Random;
use crate::client::ClientErrorKind;
use crate::outcome::Time;
use kinesis_aggregation::{HashKey, HashKeyRange};
use kinesis_aggregation::{Shard, ShardMap};

/// The pause after the first request for the shard map that failed. The KPL waits a second, ten
/// times as long as records wait for a map, and all of them go out as plain records until then.
const QUICK_PAUSE: Duration = Duration::from_millis(100);
/// The KPL's longest pause.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A stream is not deleted and created again within this time.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// Of a pause, so many percent more or less, so that producers do not come together.
const JITTER: u32 = 20;

/// The pause after `pause`, or the first one: the KPL's factor is 1.5.
pub(super) fn longer(pause: Duration, first: Duration) -> Duration {
    (pause * 3 / 2).clamp(first, LONGEST_PAUSE)
}

/// What the place where a Kinesis record landed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Nothing new.
    None,
    /// The shard map is out of date.
    StaleMap,
    /// The shard's range does not hold the hash key: the stream does not go by keys.
    NotByKey,
}

/// What a listing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// Records are to be routed anew.
    NewMap,
    /// The same open shards as before; the map is in force (again, or still).
    Confirmed,
    /// The shards of a stream that was made anew: nothing that was known before holds.
    Anew,
    /// No map that could be used.
    Nothing,
}

/// What is known of the shards, in one life of the stream: a stream that is deleted and created
/// again under its name counts its shards from 0 again, and an id has another range then.
#[derive(Debug, Default)]
pub(super) struct Shards {
    /// Every shard ever listed. One that was closed once stays so, whatever a stale list says.
    known: BTreeMap<String, Shard>,
    map: Option<ShardMap>,
    /// What landed where the map does not explain it: the shard, and a hash key.
    unexplained: Vec<(ByteString, HashKey)>,
    /// The open shards, by their first hash keys, whose prediction that refutes.
    suspects: BTreeSet<HashKey>,
    /// The map may be of another life of the stream. Only a list that was asked for after
    /// [`ask_after`](Self::ask_after) settles that.
    is_doubted: bool,
    /// A list is wanted that is asked for then or later.
    ask_after: Option<Time>,
    /// The last time at which the stream is known to have lived the life that the map is of.
    alive: Option<Time>,
    /// When the list under way was asked for.
    listing: Option<Time>,
    /// When the list was asked for that the map is from.
    listed: Time,
    /// Listing the shards is not permitted, by the last answer that tells. Until it is, the map that was
    /// there before only judges: nothing that is sent by it could be judged after a silence.
    is_denied: bool,
    pause: Duration,
    /// Not before.
    next: Time,
}

impl Shards {
    /// The map to predict by, unless it is missing or being refreshed.
    pub(super) fn valid(&self) -> Option<&ShardMap> {
        self.in_force().filter(|_| self.unexplained.is_empty())
    }

    fn in_force(&self) -> Option<&ShardMap> {
        self.last().filter(|_| !self.is_doubted)
    }

    /// The range of the open shard where this hash key belongs, if the map is to be trusted there:
    /// a shard that splits or merges is no reason to doubt the others. What the neighbour of a
    /// merged shard still sends by the old map belongs where it lands.
    pub(super) fn predict(&self, hash_key: HashKey) -> Option<HashKeyRange> {
        let range = self.in_force()?.predict(hash_key).hash_key_range();
        (!self.suspects.contains(&range.start())).then_some(range)
    }

    /// How many open shards are in doubt.
    pub(super) fn doubts(&self) -> usize {
        self.suspects.len()
    }

    /// The last map, even if it is being refreshed: good enough to spread load by.
    pub(super) fn last(&self) -> Option<&ShardMap> {
        self.map.as_ref().filter(|_| !self.is_denied)
    }

    /// The range of a shard that was ever listed in this life of the stream.
    pub(super) fn range(&self, shard_id: &str) -> Option<HashKeyRange> {
        self.map.as_ref()?.hash_key_range(shard_id)
    }

    /// Whether what landed, by an answer that came then, landed in the life that the map is of. A
    /// stream takes longer to be deleted and created again than [`SILENCE`], so as long as no
    /// longer silence lies between, it is the same stream.
    pub(super) fn is_of_this_life(&self, answered: Time) -> bool {
        !self.is_doubted && self.alive.is_some_and(|alive| answered <= alive + SILENCE)
    }

    /// The stream stored something that was sent and answered then.
    pub(super) fn seen(&mut self, sent: Time, answered: Time) {
        if self.is_of_this_life(answered) {
            self.alive = self.alive.max(Some(sent));
        }
    }

    /// A list is wanted that is asked for then or later. Where one is wanted already, that one
    /// comes first: else landings that follow each other would put it off for ever.
    pub(super) fn confirm(&mut self, after: Time) {
        self.ask_after.get_or_insert(after);
    }

    /// Something landed that the map of this life of the stream does not allow.
    pub(super) fn doubt_all(&mut self, now: Time) {
        if !self.is_doubted {
            self.is_doubted = true;
            self.ask_after = self.ask_after.max(Some(now));
        }
    }

    /// Whether the map may be of another life of the stream.
    pub(super) fn is_doubted(&self) -> bool {
        self.is_doubted
    }

    /// The stream is another one, or none: nothing of what was known holds.
    pub(super) fn forget(&mut self, now: Time) {
        self.known.clear();
        self.map = None;
        self.unexplained.clear();
        self.suspects.clear();
        self.alive = None;
        self.pause = Duration::ZERO;
        self.next = now;
        self.is_doubted = true;
        self.ask_after = Some(now);
    }

    /// The stream is there again: no need to wait any longer.
    pub(super) fn ask(&mut self, now: Time) {
        self.next = self.next.min(now);
    }

    /// When the list under way was asked for.
    pub(super) fn asked_at(&self) -> Option<Time> {
        self.listing
    }

    /// When the list was asked for that the map is from.
    pub(super) fn listed_at(&self) -> Time {
        self.listed
    }

    /// Whether to list the shards now; it is then under way.
    pub(super) fn start_listing(&mut self, now: Time) -> bool {
        let start = self.wants() && now >= self.next;
        if start {
            self.listing = Some(now);
        }
        start
    }

    fn wants(&self) -> bool {
        self.listing.is_none() && (self.valid().is_none() || self.ask_after.is_some())
    }

    /// When to call [`start_listing`](Self::start_listing).
    pub(super) fn wake(&self) -> Option<Time> {
        self.wants().then_some(self.next)
    }

    /// Whether no list will tell anything.
    pub(super) fn is_denied(&self) -> bool {
        self.is_denied
    }

    /// Takes the answer to a listing.
    pub(super) fn listed(
        &mut self,
        now: Time,
        answer: Result<Vec<Shard>, ClientErrorKind>,
        random: &mut Random,
    ) -> Listed {
        let asked = self.listing.take().unwrap_or(now);
        self.is_denied = match answer {
            Ok(_) => false,
            Err(kind) => kind == ClientErrorKind::Fatal || self.is_denied,
        };
        let listed = answer.map_or(Listed::Nothing, |shards| self.learn(shards));
        if listed != Listed::Nothing {
            self.explain();
            self.listed = asked;
            self.alive = self.alive.max(Some(asked));
            if self.ask_after.is_some_and(|after| after <= asked) {
                self.ask_after = None;
                self.is_doubted = false;
            }
        }
        // A list that told something new was worth it; else the stream needs time.
        let told = matches!(listed, Listed::NewMap | Listed::Anew);
        self.pause = if told || (listed != Listed::Nothing && self.unexplained.is_empty()) {
            Duration::ZERO
        } else {
            longer(self.pause, QUICK_PAUSE)
        };
        self.next = now + random.around(self.pause, JITTER);
        listed
    }

    /// Keeps the evidence that the map does not explain, however old the list was.
    fn explain(&mut self) {
        self.suspects.clear();
        for (shard_id, hash_key) in std::mem::take(&mut self.unexplained) {
            if self.contradicts(&shard_id, hash_key) {
                self.doubt(shard_id, hash_key);
            }
        }
    }

    fn learn(&mut self, shards: Vec<Shard>) -> Listed {
        let alone = ShardMap::new(shards.clone()).ok();
        let is_another = |shard: &Shard| {
            let known = self.known.get(shard.id());
            known.is_some_and(|known| is_of_another_life(known, shard))
        };
        if shards.iter().any(is_another) {
            let Some(alone) = alone else {
                return Listed::Nothing;
            };
            self.known = by_id(shards);
            self.map = Some(alone);
            self.unexplained.clear();
            return Listed::Anew;
        }
        self.learn_together(shards, alone)
    }

    /// By all that was ever listed, so that a stale list cannot undo what is known; by the list
    /// alone if the two do not fit, as when shards were closed and forgotten between two lists.
    fn learn_together(&mut self, shards: Vec<Shard>, alone: Option<ShardMap>) -> Listed {
        let mut known = self.known.clone();
        for shard in &shards {
            match known.get(shard.id()) {
                Some(old) if old.is_closed() => {}
                _ => drop(known.insert(shard.id().to_owned(), shard.clone())),
            }
        }
        let map = match (ShardMap::new(known.values().cloned()), alone) {
            (Ok(together), _) => {
                self.known = known;
                together
            }
            (Err(_), Some(alone)) => {
                self.known = by_id(shards);
                alone
            }
            (Err(_), None) => return Listed::Nothing,
        };
        let old = self.map.take();
        let same = old
            .as_ref()
            .is_some_and(|old| old.open_shards() == map.open_shards());
        self.map = Some(match &old {
            Some(old) => map.remembering(old),
            None => map,
        });
        if same {
            Listed::Confirmed
        } else {
            Listed::NewMap
        }
    }

    /// Takes note of where a Kinesis record with this hash key landed.
    pub(super) fn landed(&mut self, shard_id: &str, hash_key: HashKey) -> Evidence {
        let range = self.range(shard_id);
        if range.is_some_and(|range| !range.contains(hash_key)) {
            return Evidence::NotByKey;
        }
        if !self.contradicts(shard_id, hash_key) {
            return Evidence::None;
        }
        self.doubt(shard_id.into(), hash_key);
        Evidence::StaleMap
    }

    /// Whether the map does not explain that a record with this hash key landed there.
    fn contradicts(&self, shard_id: &str, hash_key: HashKey) -> bool {
        let Some(map) = &self.map else {
            return true;
        };
        if map.hash_key_range(shard_id).is_none() {
            return true;
        }
        // A closed shard's answer is only late, and so is one's that is not even listed any more.
        let closed = self.known.get(shard_id).is_none_or(Shard::is_closed);
        !closed && map.predict(hash_key).id() != shard_id
    }

    fn doubt(&mut self, shard_id: ByteString, hash_key: HashKey) {
        let predicted = self.map.as_ref().map(|map| map.predict(hash_key));
        let predicted = predicted.map(|shard| shard.hash_key_range().start());
        let doubted = predicted.is_some_and(|start| self.suspects.insert(start));
        // One of a kind is enough.
        if doubted || self.unexplained.iter().all(|(id, _)| *id != shard_id) {
            self.unexplained.push((shard_id, hash_key));
        }
    }
}

/// Whether these are two shards that have the same id. In one life of the stream, a shard's range
/// and its first sequence number never change.
fn is_of_another_life(one: &Shard, other: &Shard) -> bool {
    let numbers = one
        .starting_sequence_number()
        .zip(other.starting_sequence_number());
    one.hash_key_range() != other.hash_key_range()
        || numbers.is_some_and(|(one, other)| one != other)
}

fn by_id(shards: Vec<Shard>) -> BTreeMap<String, Shard> {
    let named = |shard: Shard| (shard.id().to_owned(), shard);
    shards.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests;
