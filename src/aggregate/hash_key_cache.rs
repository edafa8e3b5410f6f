//! The hash keys of partition keys seen lately.

use super::table::print;
use crate::hash_key::HashKey;
use crate::md5;
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

#[derive(Clone)]
struct Slot {
    /// A copy: a shared key would keep all of its buffer in memory.
    partition_key: String,
    hash_key: HashKey,
}

impl Slot {
    /// The empty key takes no room.
    fn free() -> Self {
        Self {
            partition_key: String::new(),
            hash_key: HashKey::of_partition_key(""),
        }
    }
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

    /// Returns the effective hash key of each of `records`, in their order. Those that are not
    /// remembered are computed together, several times faster than one by one.
    ///
    /// ```
    /// # use kinesis_aggregation::packing::HashKeyCache;
    /// # use kinesis_aggregation::UserRecord;
    /// let records = ["one", "two", "one"].map(|key| UserRecord::new(key, "data"));
    /// let hash_keys = HashKeyCache::default().hash_keys(&records);
    /// assert_eq!(hash_keys, records.map(|record| record.hash_key()));
    /// ```
    pub fn hash_keys<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r UserRecord>,
    ) -> Vec<Option<HashKey>> {
        let mut new = Vec::new();
        let known = |(index, record): (usize, &'r UserRecord)| {
            record.explicit_hash_key().or_else(|| {
                let key = record.partition_key()?;
                let known = self.get(key);
                if known.is_none() {
                    new.push((index, key));
                }
                known
            })
        };
        let mut hash_keys: Vec<_> = records.into_iter().enumerate().map(known).collect();
        let keys: Vec<&[u8]> = new.iter().map(|(_, key)| key.as_bytes()).collect();
        for ((index, key), digest) in new.into_iter().zip(md5::digest_many(&keys)) {
            let hash_key = HashKey::from_digest(digest);
            self.remember(key, hash_key);
            hash_keys[index] = Some(hash_key);
        }
        hash_keys
    }

    fn of_partition_key(&mut self, key: &str) -> HashKey {
        self.get(key).unwrap_or_else(|| {
            let hash_key = HashKey::of_partition_key(key);
            self.remember(key, hash_key);
            hash_key
        })
    }

    /// The hash key of a partition key, if it is remembered.
    #[inline]
    fn get(&self, key: &str) -> Option<HashKey> {
        let first = slot(key);
        let slots = [first, first ^ 1].map(|at| self.slots.get(at));
        let mut slots = slots.into_iter().flatten();
        let slot = slots.find(|slot| slot.partition_key == key)?;
        Some(slot.hash_key)
    }

    fn remember(&mut self, key: &str, hash_key: HashKey) {
        if key.len() > LONGEST {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::free());
        }
        let first = slot(key);
        self.slots.swap(first, first ^ 1);
        let slot = &mut self.slots[first];
        slot.partition_key.clear();
        slot.partition_key.push_str(key);
        slot.hash_key = hash_key;
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
            let records: Vec<_> = keys.into_iter().map(|key| UserRecord::new(key, "")).collect();
            for records in records.chunks(7) {
                let expected: Vec<_> = records.iter().map(UserRecord::hash_key).collect();
                prop_assert_eq!(hashes.hash_keys(records), expected);
                for record in records {
                    prop_assert_eq!(hashes.hash_key(record), record.hash_key());
                }
            }
        }
    }

    #[test]
    fn of_keys_that_meet_the_last_two_are_remembered_and_long_ones_never() {
        let meet = |key: &String| slot(key) == slot("0");
        let mut numbers = (0..).map(|number: u32| number.to_string()).filter(meet);
        let [one, two, three] = [(); 3].map(|()| numbers.next().expect("endless"));
        let mut hashes = HashKeyCache::default();
        hashes.hash_key(&UserRecord::new(one.as_str(), ""));
        hashes.hash_keys(&[UserRecord::new(two.as_str(), "")]);
        let is_known = |hashes: &HashKeyCache, key: &str| hashes.get(key).is_some();
        assert!(is_known(&hashes, &one) && is_known(&hashes, &two));
        hashes.hash_key(&UserRecord::new(three.as_str(), ""));
        assert!(!is_known(&hashes, &one) && is_known(&hashes, &two) && is_known(&hashes, &three));
        for (len, is_remembered) in [(256, true), (257, false)] {
            let key = "x".repeat(len);
            hashes.hash_keys(&[UserRecord::new(key.as_str(), "")]);
            assert_eq!(is_known(&hashes, &key), is_remembered, "{len}");
        }
    }
}
