//! Whether shards follow each other as on a stream that goes by keys, where nobody may list them.

use std::collections::{BTreeMap, VecDeque};

use bytestring::ByteString;

use crate::outcome::Time;
use kinesis_aggregation::HashKey;

/// So many hash keys are remembered, and so many closed shards: the oldest are forgotten, which only
/// puts the verdict off.
const MAX: usize = 256;

/// Where the last hash keys landed.
///
/// A stream that goes by keys numbers its shards in the order in which they are made, and a hash key
/// moves on only when its shard is split or merged: to a higher number, for ever. So if one hash key
/// has landed in shard 4 and in shard 7, shard 4 is closed, and what is sent after that cannot land
/// there:
///
/// ```text
/// key a -> 4    key a -> 7    (4 is closed)    key b -> 7    key c -> 4    (not by keys)
/// ```
///
/// A stream that picks the shards itself comes back to shard 4 soon.
#[derive(Debug, Default)]
pub(super) struct Succession {
    /// With the newest shard where each has landed.
    landed: VecDeque<(HashKey, ShardId)>,
    /// Since when each is known to be closed.
    closed: BTreeMap<ShardId, Time>,
}

/// Ordered by number: a longer one is higher.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ShardId(usize, ByteString);

impl Succession {
    /// Takes note of where something landed that was sent then. Returns whether that cannot be on a
    /// stream that goes by keys; all is forgotten then.
    pub(super) fn landed(
        &mut self,
        now: Time,
        sent: Time,
        shard_id: &str,
        hash_key: HashKey,
    ) -> bool {
        let shard = ShardId(shard_id.len(), shard_id.into());
        if self.closed.get(&shard).is_some_and(|since| sent > *since) {
            *self = Self::default();
            return true;
        }
        let before = self.landed.iter_mut().find(|(key, _)| *key == hash_key);
        match before {
            Some((_, newest)) if *newest != shard => {
                let newer = shard.clone().max(newest.clone());
                let older = std::mem::replace(newest, newer).min(shard);
                self.closed.entry(older).or_insert(now);
            }
            Some(_) => {}
            None => self.landed.push_back((hash_key, shard)),
        }
        if self.landed.len() > MAX {
            self.landed.pop_front();
        }
        if self.closed.len() > MAX {
            self.closed.pop_first();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one of these cannot be on a stream that goes by keys: when each was sent, its hash key,
    /// and its shard. Each is answered after one second.
    fn refutes(landings: &[(u64, u128, &str)]) -> bool {
        let mut succession = Succession::default();
        landings.iter().any(|&(sent, key, shard)| {
            let (sent, now) = (Time::from_secs(sent), Time::from_secs(sent + 1));
            succession.landed(now, sent, shard, HashKey::new(key))
        })
    }

    #[test]
    fn a_split_or_a_merge_moves_a_key_on_and_whatever_was_under_way_too() {
        assert!(!refutes(&[(0, 1, "s-4"), (1, 1, "s-7"), (2, 1, "s-7")]));
        // The answers came the other way round, and another key was under way.
        assert!(!refutes(&[(0, 1, "s-7"), (0, 1, "s-4"), (0, 2, "s-4")]));
        assert!(!refutes(&[(0, 1, "s-9"), (5, 1, "s-10"), (9, 1, "s-10")]));
        assert!(!refutes(&[(0, 1, "s-4"), (0, 2, "s-5"), (9, 1, "s-4")]));
    }

    #[test]
    fn nothing_lands_in_a_closed_shard_by_its_key() {
        assert!(refutes(&[(0, 1, "s-4"), (1, 1, "s-7"), (3, 1, "s-4")]));
        assert!(refutes(&[(0, 1, "s-7"), (0, 1, "s-4"), (2, 2, "s-4")]));
        assert!(refutes(&[(0, 1, "s-9"), (5, 1, "s-10"), (9, 1, "s-9")]));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut succession = Succession::default();
        for number in 0..2000_u64 {
            for shard in [number, number + 10_000] {
                let key = HashKey::new(number.into());
                let shard = format!("s-{shard:06}");
                succession.landed(Time::ZERO, Time::ZERO, &shard, key);
            }
        }
        assert!(succession.landed.len() <= MAX && succession.closed.len() <= MAX);
    }
}
