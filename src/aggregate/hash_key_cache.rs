//! The hash keys of partition keys seen lately.

use super::table::print;
use crate::hash_key::HashKey;
use crate::record::UserRecord;

/// A power of two, so that `first ^ 1` is a slot too.
const SLOTS: usize = 512;

/// Longer keys are hashed each time: remembering them would take too much room.
const LONGEST: usize = 256;

/// Remembers the hash keys of partition keys seen lately: an MD5 takes longer than all the rest of
/// adding a user record. It holds 512 keys of up to 256 bytes.
///
/// ```
/// use kinesis_aggregation::packing::HashKeyCache;
/// use kinesis_aggregation::UserRecord;
///
/// let mut cache = HashKeyCache::default();
/// let record = UserRecord::new("key", "data");
/// assert_eq!(cache.hash_key(&record), record.hash_key());
/// ```
#[derive(Default)]
pub struct HashKeyCache {
    /// Empty until the first key comes. A key may be in two of them: where its print says, and
    /// beside that. A new key takes the first and pushes what was there to the second, so that of
    /// three keys that meet, the one not seen for longest goes.
    slots: Vec<Slot>,
}

#[derive(Clone, Default)]
struct Slot {
    /// A copy: a shared key would keep all of its buffer in memory. Empty if the slot is free.
    partition_key: String,
    hash_key: HashKey,
}

impl HashKeyCache {
    /// Returns the effective hash key of `record`, as [`UserRecord::hash_key`] does.
    #[inline]
    pub fn hash_key(&mut self, record: &UserRecord) -> Option<HashKey> {
        record.explicit_hash_key().or_else(|| {
            let key = record.partition_key()?;
            Some(self.of_partition_key(key))
        })
    }

    fn of_partition_key(&mut self, key: &str) -> HashKey {
        if key.is_empty() || key.len() > LONGEST {
            return HashKey::of_partition_key(key);
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        let first = slot(key);
        let second = first ^ 1;
        for at in [first, second] {
            if self.slots[at].partition_key == key {
                return self.slots[at].hash_key;
            }
        }
        self.slots.swap(first, second);
        let slot = &mut self.slots[first];
        slot.partition_key.clear();
        slot.partition_key.push_str(key);
        slot.hash_key = HashKey::of_partition_key(key);
        slot.hash_key
    }
}

/// Keys that share their slots are hashed more often, no more than that.
fn slot(key: &str) -> usize {
    (print(key) >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_remembered_is_right(
            keys in vec(prop_oneof!["[a-c]{0,3}", "same head [a-z] same tail", "x{250,260}"], 0..300),
        ) {
            let mut hashes = HashKeyCache::default();
            for key in keys {
                let record = UserRecord::new(key, "");
                prop_assert_eq!(hashes.hash_key(&record), record.hash_key());
            }
        }
    }
}
