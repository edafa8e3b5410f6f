//! The keeper of the shard map: what is known of the stream's shards, and when to ask again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytestring::ByteString;

use super::outcome::Time;
use kinesis_aggregation::{HashKey, HashKeyRange};
use kinesis_aggregation::{Shard, ShardMap};

/// The KPL's first pause between two requests for the shard map.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The pause after the first request that failed: the KPL's second is ten times as long as records
/// wait for a map, and all of them would go raw.
const QUICK_PAUSE: Duration = Duration::from_millis(100);
/// The KPL's longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The next pause after `pause`: the KPL's factor is 1.5.
pub(super) fn next_pause(pause: Duration) -> Duration {
    (pause * 3 / 2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
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
    /// No map that could be used.
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct Shards {
    /// Every shard ever listed. One that was closed once stays so, whatever a stale list says.
    known: BTreeMap<String, Shard>,
    map: Option<ShardMap>,
    /// Counts the maps, so that what was built by an older one can be told.
    generation: u64,
    /// What landed where the map does not explain it: the shard, and a hash key.
    unexplained: Vec<(ByteString, HashKey)>,
    /// The open shards, by their first hash keys, whose prediction that refutes.
    suspects: BTreeSet<HashKey>,
    /// A list is under way.
    listing: bool,
    pause: Duration,
    /// Not before.
    next: Time,
}

impl Shards {
    /// The map to predict by, unless it is missing or being refreshed.
    pub(super) fn valid(&self) -> Option<&ShardMap> {
        self.map.as_ref().filter(|_| self.unexplained.is_empty())
    }

    /// The shard where this hash key belongs, by its first hash key, if the map is to be trusted
    /// there: a shard that splits or merges is no reason to doubt the others. What the neighbour
    /// of a merged shard still sends by the old map belongs where it lands.
    pub(super) fn predict(&self, hash_key: HashKey) -> Option<HashKey> {
        let start = self
            .map
            .as_ref()?
            .predict(hash_key)
            .hash_key_range()
            .start();
        (!self.suspects.contains(&start)).then_some(start)
    }

    /// How many open shards are in doubt.
    pub(super) fn doubts(&self) -> usize {
        self.suspects.len()
    }

    /// The last map, even if it is being refreshed: good enough to spread load by.
    pub(super) fn last(&self) -> Option<&ShardMap> {
        self.map.as_ref()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The range of a shard that was ever listed.
    pub(super) fn range(&self, shard_id: &str) -> Option<HashKeyRange> {
        self.map.as_ref()?.hash_key_range(shard_id)
    }

    /// Whether to list the shards now; it is then under way.
    pub(super) fn start_listing(&mut self, now: Time) -> bool {
        let start = self.wants() && now >= self.next;
        self.listing |= start;
        start
    }

    fn wants(&self) -> bool {
        !self.listing && self.valid().is_none()
    }

    /// When to call [`start_listing`](Self::start_listing).
    pub(super) fn wake(&self) -> Option<Time> {
        self.wants().then_some(self.next)
    }

    /// Takes the answer to a listing; none if it failed.
    pub(super) fn listed(&mut self, now: Time, shards: Option<Vec<Shard>>) -> Listed {
        self.listing = false;
        let listed = shards.map_or(Listed::Nothing, |shards| self.learn(shards));
        if listed != Listed::Nothing {
            self.explain();
        }
        // A list that told something new was worth it; else the stream needs time.
        self.pause = if listed == Listed::NewMap || self.valid().is_some() {
            Duration::ZERO
        } else if self.pause.is_zero() {
            QUICK_PAUSE
        } else {
            next_pause(self.pause)
        };
        self.next = now + self.pause;
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
        let Ok(alone) = ShardMap::new(shards.clone()) else {
            return self.learn_together(shards, None);
        };
        self.learn_together(shards, Some(alone))
    }

    /// By all that was ever listed, so that a stale list cannot undo what is known; by the list
    /// alone if the two do not fit, as when shards were closed and forgotten between two lists.
    fn learn_together(&mut self, shards: Vec<Shard>, alone: Option<ShardMap>) -> Listed {
        let mut known = self.known.clone();
        for shard in &shards {
            match known.get(shard.id()) {
                Some(old) if old.is_closed() && !shard.is_closed() => {}
                _ => drop(known.insert(shard.id().to_owned(), shard.clone())),
            }
        }
        let map = match (ShardMap::new(known.values().cloned()), alone) {
            (Ok(together), _) => {
                self.known = known;
                together
            }
            (Err(_), Some(alone)) => {
                self.known = shards
                    .into_iter()
                    .map(|shard| (shard.id().to_owned(), shard))
                    .collect();
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
            return Listed::Confirmed;
        }
        self.generation += 1;
        Listed::NewMap
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

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u128, end: u128) -> HashKeyRange {
        HashKeyRange::new(HashKey::new(start), HashKey::new(end)).expect("a range")
    }

    const HALF: u128 = u128::MAX / 2;

    fn before() -> Vec<Shard> {
        vec![Shard::open("0", HashKeyRange::FULL)]
    }

    fn after() -> Vec<Shard> {
        vec![
            Shard::closed("0", HashKeyRange::FULL),
            Shard::open("1", range(0, HALF)),
            Shard::open("2", range(HALF + 1, u128::MAX)),
        ]
    }

    #[test]
    fn an_unknown_shard_makes_the_map_suspect_until_a_list_shows_it() {
        let mut shards = Shards::default();
        assert!(shards.start_listing(Time::ZERO));
        assert_eq!(shards.listed(Time::ZERO, Some(before())), Listed::NewMap);
        assert!(shards.valid().is_some());
        assert_eq!(shards.landed("1", HashKey::MIN), Evidence::StaleMap);
        assert!(shards.valid().is_none());
        assert!(shards.start_listing(Time::ZERO));
        assert_eq!(shards.listed(Time::ZERO, Some(before())), Listed::Confirmed);
        assert!(shards.valid().is_none(), "the list was stale");
        assert_eq!(shards.wake(), Some(QUICK_PAUSE));
        assert!(shards.start_listing(QUICK_PAUSE));
        assert_eq!(shards.listed(QUICK_PAUSE, Some(after())), Listed::NewMap);
        assert!(shards.valid().is_some());
        assert_eq!(shards.range("0"), Some(HashKeyRange::FULL));
    }

    #[test]
    fn evidence_that_a_list_explains_is_forgotten_although_it_came_later() {
        let mut shards = Shards::default();
        shards.listed(Time::ZERO, Some(before()));
        shards.landed("1", HashKey::MIN);
        assert!(shards.start_listing(Time::ZERO));
        // While the list is under way.
        assert_eq!(shards.landed("2", HashKey::MAX), Evidence::StaleMap);
        assert_eq!(shards.landed("1", HashKey::MIN), Evidence::StaleMap);
        shards.listed(Time::ZERO, Some(after()));
        assert!(shards.valid().is_some(), "it knows both");
        assert_eq!(shards.landed("1", HashKey::MIN), Evidence::None);
    }

    #[test]
    fn a_split_casts_no_doubt_on_other_shards() {
        let mut shards = Shards::default();
        shards.listed(Time::ZERO, Some(after()));
        assert_eq!(shards.landed("3", HashKey::MIN), Evidence::StaleMap);
        let predicted = [HashKey::MIN, HashKey::MAX].map(|hash_key| shards.predict(hash_key));
        assert_eq!(predicted, [None, Some(HashKey::new(HALF + 1))]);
        assert!(shards.valid().is_none());
        assert_eq!((shards.doubts(), shards.unexplained.len()), (1, 1));
        shards.landed("3", HashKey::new(7));
        assert_eq!((shards.doubts(), shards.unexplained.len()), (1, 1));
    }

    #[test]
    fn a_stale_list_undoes_nothing() {
        let mut shards = Shards::default();
        shards.listed(Time::ZERO, Some(after()));
        assert_eq!(shards.listed(Time::ZERO, Some(before())), Listed::Confirmed);
        let map = shards.valid().expect("still");
        assert_eq!(map.predict(HashKey::MIN).id(), "1");
    }

    #[test]
    fn shards_that_were_forgotten_do_not_block_a_new_list() {
        let mut shards = Shards::default();
        shards.listed(Time::ZERO, Some(before()));
        let forgotten = after().into_iter().skip(1).collect();
        assert_eq!(shards.listed(Time::ZERO, Some(forgotten)), Listed::NewMap);
        assert_eq!(shards.range("0"), Some(HashKeyRange::FULL));
        assert_eq!(shards.landed("0", HashKey::MIN), Evidence::None);
    }

    #[test]
    fn a_late_answer_of_a_closed_shard_is_no_evidence() {
        let mut shards = Shards::default();
        shards.listed(Time::ZERO, Some(after()));
        assert_eq!(shards.landed("0", HashKey::MIN), Evidence::None);
        assert_eq!(shards.landed("2", HashKey::MIN), Evidence::NotByKey);
    }

    #[test]
    fn pauses_grow_to_thirty_seconds() {
        let mut shards = Shards::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let now = shards.wake().unwrap_or_default();
            assert!(shards.start_listing(now));
            assert_eq!(shards.wake(), None, "one at a time");
            shards.listed(now, None);
            pauses.push(shards.pause.as_millis());
        }
        assert_eq!(pauses[..5], [100, 1000, 1500, 2250, 3375]);
        assert_eq!(pauses[11], 30_000);
    }
}
