//! The table entries that user records use, each decoded, parsed and hashed once: all of a table
//! together, or each on its first use.

use std::ops::Range;

use super::rules::Rules;
use crate::error::ParseHashKeyError;
use crate::hash_key::{HashKey, parse_big_integer};
use crate::wire::{Span, TableIndex, decode_utf8};

/// A key's place among those of its aggregate: in order of first use, and not its index in a table
/// (which may hold many more, and there are two) nor a user record's position. Only where a
/// partition key table is taken whole is it the index there.
///
/// There are less than 2^31 table entries in an aggregate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyId(u32);

impl KeyId {
    /// Above all that there are.
    pub(super) const END: Self = Self(1 << 31);

    #[inline(always)]
    pub(super) fn new(id: u32) -> Self {
        Self(id)
    }

    /// The key that is the entry at `index` of a table, all of whose entries are keys.
    #[inline(always)]
    pub(super) fn of_entry(index: TableIndex) -> Self {
        Self(u32::try_from(index.get()).unwrap_or(u32::MAX))
    }

    #[inline(always)]
    pub(super) fn get(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(super) fn place(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Bytes an entry of a table takes at most, on average, if its entries follow each other: a key has
/// up to 256 characters.
const DENSE: usize = 512;

/// The used entries of the tables of many aggregates.
#[derive(Default)]
pub(super) struct Keys {
    text: String,
    keys: Vec<Key>,
    /// Where those of the aggregate at hand start.
    base: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    start: usize,
    end: usize,
    /// Where it came from in its Kinesis record's data.
    source: Span,
    number: Number,
}

/// The number that an entry stands for.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// A partition key that nothing made us hash.
    Unhashed,
    Known(HashKey),
    /// An explicit hash key that is not a hash key.
    Bad(ParseHashKeyError),
}

/// The keys of one aggregate.
#[derive(Clone, Copy)]
pub(super) struct KeysOf<'b> {
    text: &'b str,
    keys: &'b [Key],
}

impl<'b> KeysOf<'b> {
    /// The text of a key, and the hash key that it stands for if that is known.
    #[inline(always)]
    pub(super) fn get(self, id: KeyId) -> (&'b str, Option<&'b HashKey>) {
        let Some(key) = self.keys.get(id.place()) else {
            debug_assert!(false, "{id:?} is none of the aggregate's keys");
            return ("", None);
        };
        let text = self.text.get(key.start..key.end).unwrap_or_default();
        match &key.number {
            Number::Known(hash_key) => (text, Some(hash_key)),
            _ => (text, None),
        }
    }

    /// Where the key came from in its Kinesis record's data.
    pub(super) fn source(self, id: KeyId) -> Span {
        let key = self.keys.get(id.place());
        debug_assert!(key.is_some(), "{id:?} is none of the aggregate's keys");
        key.map(|key| key.source).unwrap_or_default()
    }
}

/// While an aggregate is judged, its keys are the last ones.
impl Keys {
    /// Starts with the keys of another aggregate.
    pub(super) fn begin(&mut self) {
        self.base = self.keys.len();
    }

    /// Where the keys are that were added since [`begin`](Self::begin).
    pub(super) fn added(&self) -> Range<usize> {
        self.base..self.keys.len()
    }

    /// The keys of one aggregate.
    pub(super) fn of(&self, added: Range<usize>) -> KeysOf<'_> {
        KeysOf {
            text: &self.text,
            keys: self.keys.get(added).unwrap_or_default(),
        }
    }

    pub(super) fn text(&self, id: KeyId) -> &str {
        self.of(self.added()).get(id).0
    }

    /// The hash key of a partition key, if it was computed.
    pub(super) fn hash(&self, id: KeyId) -> Option<HashKey> {
        self.of(self.added()).get(id).1.copied()
    }

    pub(super) fn set_hash(&mut self, id: KeyId, hash_key: HashKey) {
        let place = self.base.saturating_add(id.place());
        if let Some(key) = self.keys.get_mut(place) {
            key.number = Number::Known(hash_key);
        }
    }

    /// An explicit hash key as a number, or why it is not one.
    pub(super) fn number(&self, id: KeyId) -> Result<HashKey, ParseHashKeyError> {
        let place = self.base.saturating_add(id.place());
        match self.keys.get(place).map(|key| key.number) {
            Some(Number::Known(hash_key)) => Ok(hash_key),
            Some(Number::Bad(error)) => Err(error),
            Some(Number::Unhashed) | None => Err(ParseHashKeyError::NotANumber),
        }
    }

    pub(super) fn add_partition_key(&mut self, data: &[u8], source: Span) -> KeyId {
        self.add(data, source, |_| Number::Unhashed)
    }

    pub(super) fn add_explicit_hash_key(&mut self, data: &[u8], source: Span) -> KeyId {
        self.add(data, source, |text| match parse_big_integer(text) {
            Ok(hash_key) => Number::Known(hash_key),
            Err(error) => Number::Bad(error),
        })
    }

    /// Adds every entry of a partition key table, so that a key's place is its index there.
    ///
    /// Keys are mostly ASCII: then all of them are decoded by one copy of the bytes from the first
    /// to the last, tags and lengths between them included.
    ///
    /// ```text
    /// data  F3 89 9A C2 0A 03 61 62 63 0A 01 78 1A …
    /// text                    a  b  c \n 01  x         keys at 0..3 and 5..6
    /// ```
    pub(super) fn add_partition_key_table(&mut self, data: &[u8], table: &[Span]) {
        let start = table.first().map_or(0, |key| key.range().start);
        let end = table.last().map_or(0, |key| key.range().end);
        let base = self.text.len();
        // Where user records lie between the entries, those are not copied along.
        let dense = end.saturating_sub(start) <= table.len().saturating_mul(DENSE);
        let region = data
            .get(start..end)
            .filter(|region| dense && region.is_ascii());
        let Some(Ok(text)) = region.map(str::from_utf8) else {
            for key in table {
                self.add_partition_key(data, *key);
            }
            return;
        };
        self.text.push_str(text);
        self.keys.extend(table.iter().map(|source| {
            let range = source.range();
            let place = |at: usize| base.saturating_add(at.saturating_sub(start));
            Key {
                start: place(range.start),
                end: place(range.end),
                source: *source,
                number: Number::Unhashed,
            }
        }));
    }

    /// Hashes all keys that were added since [`begin`](Self::begin), which are partition keys.
    pub(super) fn hash_all(&mut self, rules: &Rules) -> impl Iterator<Item = HashKey> {
        let keys = self.keys.get_mut(self.base..).unwrap_or_default();
        let text = |key: &Key| self.text.as_bytes().get(key.start..key.end);
        let texts: Vec<_> = keys
            .iter()
            .map(|key| text(key).unwrap_or_default())
            .collect();
        keys.iter_mut()
            .zip(rules.digests(&texts))
            .map(|(key, digest)| {
                let hash_key = HashKey::from_digest(digest);
                key.number = Number::Known(hash_key);
                hash_key
            })
    }

    fn add(&mut self, data: &[u8], source: Span, number: impl FnOnce(&str) -> Number) -> KeyId {
        let id = self.keys.len().saturating_sub(self.base);
        let start = self.text.len();
        decode_utf8(source.of(data), &mut self.text);
        let number = number(self.text.get(start..).unwrap_or_default());
        self.keys.push(Key {
            start,
            end: self.text.len(),
            source,
            number,
        });
        KeyId::new(u32::try_from(id).unwrap_or(u32::MAX))
    }
}
