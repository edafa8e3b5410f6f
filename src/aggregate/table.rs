//! A table of an aggregate: its entries in first-use order, without duplicates.
//!
//! Looking a key up is much of the work of adding a user record. Most aggregates have a handful of
//! keys. Up to [`SMALL`] entries, a key's [print](Entry::print) says where it is likely to be; if
//! it is not there, all are looked through by their prints, one word each. Beyond that a hash
//! table takes over.
//!
//! ```text
//! entries   0 "a"     1 "b"     2 "jo"
//! prints    0 54CD…   1 2F74…   2 5605…     the six high bits are the place among the guesses
//! guesses   at 21: 2   at 11: 1             54 and 56 both start with 010101, which is 21: the
//!                                           guess for "a" is wrong, so its print is looked for
//! ```

use std::hash::{BuildHasher, Hash};

use bytestring::ByteString;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::hash_key::HashKey;

/// Up to this many entries, looking through all is cheaper than hashing, and most aggregates
/// have no more.
const SMALL: usize = 16;

/// The places for guesses, a power of two: so many that few of [`SMALL`] entries share one.
const GUESSES: usize = 64;

#[derive(Clone)]
pub(super) struct Table<K> {
    entries: Vec<K>,
    /// The [print](Entry::print) of each entry, while there are few.
    prints: Vec<u64>,
    /// The position of the last entry whose print belongs at each place, while there are few. A
    /// place that no entry had says 0, which is as good a guess as any.
    guesses: [u8; GUESSES],
    /// The place of each entry, once there are more than [`SMALL`]; empty until then.
    places: HashTable<Place>,
    hasher: DefaultHashBuilder,
}

/// Where an entry is. With a part of its hash, few other entries need a look at their bytes, which
/// may be anywhere in memory, and the hash table grows without hashing them anew.
#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    position: u32,
}

impl Place {
    /// The hash as the hash table wants it, with all its high bits in use.
    fn spread(&self) -> u64 {
        mix(self.hash.into())
    }
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            prints: Vec::new(),
            guesses: [0; GUESSES],
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

/// The entries of a table.
pub(super) trait Entry: Eq + Hash {
    /// A number that tells most entries apart, quicker than comparing them. Its high bits do so
    /// best: they are the place among the guesses.
    fn print(&self) -> u64;
}

impl Entry for ByteString {
    fn print(&self) -> u64 {
        print(self)
    }
}

impl Entry for HashKey {
    fn print(&self) -> u64 {
        // Small numbers differ in the low half, the starts of shards in the high one.
        let number = self.get();
        mix((number >> 64) as u64 ^ number as u64)
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
    mix(ends ^ bytes.len() as u64)
}

/// Carries every bit into the high ones: multiplied by 2^64 divided by the golden ratio, numbers that
/// follow each other end up far apart.
#[inline]
fn mix(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
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
            self.position_of_few(key)
        } else {
            self.position_of_many(key)
        };
        known.ok_or_else(|| self.next())
    }

    fn position_of_many(&self, key: &K) -> Option<u32> {
        let wanted = self.place(key, 0);
        let is_of_key = |place: &Place| {
            place.hash == wanted.hash && self.entries.get(place.position as usize) == Some(key)
        };
        let place = self.places.find(wanted.spread(), is_of_key)?;
        Some(place.position)
    }

    fn place(&self, key: &K, position: u32) -> Place {
        Place {
            hash: self.hasher.hash_one(key) as u32,
            position,
        }
    }

    #[inline]
    fn position_of_few(&self, key: &K) -> Option<u32> {
        let print = key.print();
        let is_at = |position: u8| {
            let position = usize::from(position);
            self.prints.get(position) == Some(&print) && self.entries.get(position) == Some(key)
        };
        let guess = self.guesses[guess_place(print)];
        let position = if is_at(guess) {
            Some(guess)
        } else {
            (0..)
                .take(self.prints.len())
                .find(|position| is_at(*position))
        };
        position.map(u32::from)
    }

    pub(super) fn push(&mut self, key: K) {
        if self.prints.len() < SMALL {
            let print = key.print();
            self.guesses[guess_place(print)] = self.prints.len() as u8;
            self.prints.push(print);
        }
        self.entries.push(key);
        let len = self.entries.len();
        if len > SMALL {
            // The first time, those before it too.
            let first = self.places.len();
            for (position, entry) in self.entries.iter().enumerate().skip(first) {
                let place = self.place(entry, to_u32(position));
                self.places
                    .insert_unique(place.spread(), place, Place::spread);
            }
        }
    }
}

/// The place among the guesses: as many high bits of a print as it takes to number them.
fn guess_place(print: u64) -> usize {
    (print >> (u64::BITS - GUESSES.ilog2())) as usize
}

/// An aggregate of at most 10 MiB has fewer than 2^32 entries.
fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The entries of full small tables, of which each would be found at the first look.
    #[test]
    fn hash_keys_have_guesses_of_their_own() {
        // Small numbers, the starts of 16 shards, and those with one low half.
        let kinds: [fn(u128) -> u128; 3] = [|n| n, |n| n << 124, |n| n << 64 | 15];
        for hash_key in kinds {
            let prints = (0..SMALL as u128).map(|n| HashKey::new(hash_key(n)).print());
            let places: HashSet<_> = prints.map(guess_place).collect();
            assert_eq!(places.len(), SMALL);
        }
    }

    #[test]
    fn the_prints_of_the_example() {
        let prints = ["a", "b", "jo"].map(print);
        assert_eq!(prints.map(|print| print >> 48), [0x54CD, 0x2F74, 0x5605]);
        assert_eq!(prints.map(guess_place), [21, 11, 21]);
    }

    #[derive(PartialEq, Eq)]
    struct Alike(u32);

    impl Hash for Alike {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }

    impl Entry for Alike {
        fn print(&self) -> u64 {
            0
        }
    }

    /// Few or many, their keys tell them apart.
    #[test]
    fn entries_of_one_hash_have_places_of_their_own() {
        let mut table = Table::default();
        for number in 0..3 * SMALL as u32 {
            assert_eq!(table.position(&Alike(number)), Err(number));
            table.push(Alike(number));
            for known in 0..=number {
                assert_eq!(table.position(&Alike(known)), Ok(known));
            }
        }
    }

    proptest! {
        /// Many have one print: their ends are the same. Many have one guess.
        #[test]
        fn a_key_is_where_it_was_pushed(
            keys in vec(prop_oneof!["[a-c]{0,2}", "same head [a-z] same tail", "key [0-9]{2}"], 0..60),
        ) {
            let mut table = Table::default();
            let mut plainly: Vec<ByteString> = Vec::new();
            for key in keys.into_iter().map(ByteString::from) {
                let known = plainly.iter().position(|other| *other == key);
                let known = known.map(|position| position as u32);
                prop_assert_eq!(table.position(&key), known.ok_or(plainly.len() as u32));
                if known.is_none() {
                    table.push(key.clone());
                    plainly.push(key);
                }
                prop_assert_eq!(table.entries(), &plainly);
            }
        }
    }
}
