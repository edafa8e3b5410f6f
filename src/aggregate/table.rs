//! A table of an aggregate: its entries in first-use order, without duplicates.
//!
//! Looking a key up is most of the work of adding a user record. Most aggregates have a handful of
//! keys, so up to [`SMALL`] entries are looked through by their prints, one word each; beyond that
//! a hash map takes over.

use std::collections::HashMap;
use std::hash::Hash;

use bytestring::ByteString;

use crate::hash_key::HashKey;

/// Up to this many entries, looking through all is cheaper than hashing, and most aggregates
/// have no more.
const SMALL: usize = 16;

#[derive(Clone)]
pub(super) struct Table<K> {
    entries: Vec<K>,
    /// The [print](Entry::print) of each entry, while there are few.
    prints: Vec<u64>,
    /// The position of each entry, once there are more than [`SMALL`]; empty until then.
    positions: HashMap<K, u32>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            prints: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

/// The entries of a table.
pub(super) trait Entry: Clone + Eq + Hash {
    /// A number that tells most entries apart, quicker than comparing them.
    fn print(&self) -> u64;
}

impl Entry for ByteString {
    fn print(&self) -> u64 {
        print(self)
    }
}

impl Entry for HashKey {
    fn print(&self) -> u64 {
        // The low half: hash keys that differ little, differ there.
        self.get() as u64
    }
}

/// The print of a key: made of its length and its first and last 8 bytes, so that keys with a
/// common head (`customer-000017`) or tail have different ones. Equal keys have equal prints; it
/// need not be true the other way round.
#[inline]
pub(super) fn print(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let ends = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(head), Some(tail)) => {
            u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(29)
        }
        _ => bytes
            .iter()
            .fold(0, |all, &byte| all << 8 | u64::from(byte)),
    };
    (ends ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<K: Entry> Table<K> {
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
            let print = key.print();
            let known = self.prints.iter().zip(&self.entries);
            known
                .zip(0..)
                .find(|((known, entry), _)| **known == print && *entry == key)
                .map(|(_, position)| position)
        } else {
            self.positions.get(key).copied()
        };
        known.ok_or_else(|| self.next())
    }

    pub(super) fn push(&mut self, key: K) {
        if self.entries.len() < SMALL {
            self.prints.push(key.print());
        }
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
