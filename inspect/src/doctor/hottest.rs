//! The most frequent partition keys, in bounded memory.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

/// Keys that are counted at once. A key with more than one in so many user records is among them.
const CAPACITY: usize = 1024;
/// The service takes no longer partition key, in characters.
const LONGEST_KEY: usize = 256;

/// A partition key that many user records have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HotKey {
    /// The key; of one that is longer than the service takes, its first 256 characters.
    pub partition_key: String,
    /// The most user records that it can have in the sample.
    pub user_records: u64,
    /// The fewest.
    pub at_least: u64,
    /// In percent of all user records with a key, by `at_least`.
    pub percent: u64,
}

/// Counts keys by the space-saving algorithm (Metwally, Agrawal and El Abbadi, 2005): a new key
/// takes the place of the rarest one and inherits its count, which is then the error of the new
/// one's. So a count is never too low, and too high by no more than `total / CAPACITY`.
#[derive(Debug, Default)]
pub(super) struct Hottest {
    slots: Vec<Slot>,
    by_key: HashMap<String, usize>,
    /// `(count, slot)`: the first is the rarest.
    by_count: BTreeSet<(u64, usize)>,
    total: u64,
}

#[derive(Debug)]
struct Slot {
    key: String,
    count: u64,
    error: u64,
}

impl Hottest {
    pub(super) fn add(&mut self, key: &str) {
        let key = match key.char_indices().nth(LONGEST_KEY) {
            Some((end, _)) => key.get(..end).unwrap_or(key),
            None => key,
        };
        self.total += 1;
        let known = self.by_key.get(key).copied();
        let slot = known.unwrap_or_else(|| self.slot_for(key));
        if let Some(Slot { count, .. }) = self.slots.get_mut(slot) {
            self.by_count.remove(&(*count, slot));
            *count += 1;
            self.by_count.insert((*count, slot));
        }
    }

    /// A place for a key that has none.
    fn slot_for(&mut self, key: &str) -> usize {
        let rarest = self.by_count.first().copied();
        let slot = match rarest {
            Some((count, slot)) if self.slots.len() >= CAPACITY => {
                if let Some(taken) = self.slots.get_mut(slot) {
                    self.by_key.remove(&taken.key);
                    taken.key = key.to_owned();
                    taken.error = count;
                }
                slot
            }
            _ => {
                let key = key.to_owned();
                self.slots.push(Slot {
                    key,
                    count: 0,
                    error: 0,
                });
                self.slots.len() - 1
            }
        };
        self.by_key.insert(key.to_owned(), slot);
        slot
    }

    /// The `most` keys that have the most user records for certain.
    pub(super) fn top(self, most: usize) -> Vec<HotKey> {
        let total = self.total.max(1);
        let slots = self.slots.into_iter();
        let mut keys: Vec<_> = slots
            .map(|slot| {
                let at_least = slot.count - slot.error;
                HotKey {
                    partition_key: slot.key,
                    user_records: slot.count,
                    at_least,
                    percent: at_least.saturating_mul(100) / total,
                }
            })
            .collect();
        keys.sort_by(|a, b| {
            let order = b.at_least.cmp(&a.at_least);
            order.then_with(|| a.partition_key.cmp(&b.partition_key))
        });
        keys.truncate(most);
        keys
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut hottest = Hottest::default();
        for number in 0..100 {
            hottest.add(["often", "rare"][usize::from(number % 10 == 0)]);
        }
        let top = hottest.top(10);
        let counts: Vec<_> = top
            .iter()
            .map(|key| {
                (
                    &*key.partition_key,
                    key.user_records,
                    key.at_least,
                    key.percent,
                )
            })
            .collect();
        assert_eq!(counts, [("often", 90, 90, 90), ("rare", 10, 10, 10)]);
    }

    /// A hot key among ten times as many others as there are slots, wherever it begins.
    #[test]
    fn a_hot_key_is_found_among_many_in_bounded_memory() {
        for start in [0, 5_000] {
            let mut hottest = Hottest::default();
            let mut hot = 0;
            for number in 0..10 * CAPACITY {
                hottest.add(&format!("cold-{number}"));
                if number >= start && number % 4 == 0 {
                    hottest.add("hot");
                    hot += 1;
                }
            }
            assert!(hottest.slots.len() <= CAPACITY && hottest.by_key.len() <= CAPACITY);
            let error = hottest.total / CAPACITY as u64;
            let top = hottest.top(1);
            assert_eq!(top[0].partition_key, "hot");
            assert!(
                (hot..=hot + error).contains(&top[0].user_records),
                "{top:?}"
            );
            assert!((hot - error..=hot).contains(&top[0].at_least), "{top:?}");
        }
    }

    #[test]
    fn a_key_of_a_megabyte_takes_a_kilobyte() {
        let mut hottest = Hottest::default();
        hottest.add(&"é".repeat(1 << 20));
        assert_eq!(hottest.top(1)[0].partition_key.len(), 2 * LONGEST_KEY);
    }
}
