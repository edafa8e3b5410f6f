//! The hash keys of partition keys seen lately: an MD5 would take longer than all the rest of
//! adding a user record.

use super::table::print;
use crate::hash_key::HashKey;
use crate::record::UserRecord;

/// A power of two.
const SLOTS: usize = 512;

/// Longer keys are hashed each time: remembering them would take too much room.
const LONGEST: usize = 256;

/// A key has two slots that it may be in.
#[derive(Default)]
pub struct KeyHashes {
    /// Empty until the first key comes.
    slots: Vec<Slot>,
}

/// The key is copied: sharing it would keep all of its buffer in memory.
#[derive(Clone, Default)]
struct Slot {
    /// Empty if the slot is; no partition key is.
    partition_key: String,
    hash_key: HashKey,
}

impl KeyHashes {
    /// The effective hash key of `record`, as [`UserRecord::hash_key`] computes it.
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

/// Keys that fall together are only hashed more often.
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
            let mut hashes = KeyHashes::default();
            for key in keys {
                let record = UserRecord::new(key, "");
                prop_assert_eq!(hashes.hash_key(&record), record.hash_key());
            }
        }
    }
}
