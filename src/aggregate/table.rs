//! A table of an aggregate: its entries in first-use order, without duplicates.

use std::collections::HashMap;
use std::hash::Hash;

/// Up to this many entries, looking through all is cheaper than hashing, and most aggregates
/// have no more.
const SMALL: usize = 16;

#[derive(Clone)]
pub(super) struct Table<K> {
    entries: Vec<K>,
    /// Where each entry is, once there are more than [`SMALL`].
    positions: HashMap<K, u32>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> Table<K> {
    pub(super) fn entries(&self) -> &[K] {
        &self.entries
    }

    /// The position that a new entry would have.
    pub(super) fn next(&self) -> u32 {
        to_u32(self.entries.len())
    }

    /// The position of `key`.
    ///
    /// # Errors
    ///
    /// The [next](Self::next) position, if it is new.
    pub(super) fn position(&self, key: &K) -> Result<u32, u32> {
        let known = if self.entries.len() <= SMALL {
            self.entries
                .iter()
                .position(|entry| entry == key)
                .map(to_u32)
        } else {
            self.positions.get(key).copied()
        };
        known.ok_or_else(|| self.next())
    }

    pub(super) fn push(&mut self, key: K) {
        self.entries.push(key);
        let len = self.entries.len();
        if len > SMALL {
            let first = if self.positions.is_empty() {
                0
            } else {
                len - 1
            };
            for (position, entry) in self.entries.iter().enumerate().skip(first) {
                self.positions.insert(entry.clone(), to_u32(position));
            }
        }
    }
}

/// An aggregate of at most 10 MiB has fewer than 2^32 entries.
fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
