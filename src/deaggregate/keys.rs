//! The table entries that user records use: decoded, parsed and hashed once each, on first use.

use crate::error::ParseHashKeyError;
use crate::hash_key::{HashKey, parse_big_integer};
use crate::wire::{Span, decode_utf8};

/// The used entries of the tables of many aggregates.
#[derive(Default)]
pub(super) struct Keys {
    text: String,
    keys: Vec<Key>,
}

struct Key {
    start: usize,
    end: usize,
    /// Where it came from in its message.
    source: Span,
    number: Number,
}

/// The number that an entry stands for.
#[derive(Clone, Copy)]
enum Number {
    /// A partition key that nothing made us hash.
    Unhashed,
    Known(HashKey),
    /// An explicit hash key that is none.
    Bad(ParseHashKeyError),
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn text(&self, id: usize) -> &str {
        let key = self.keys.get(id);
        key.and_then(|key| self.text.get(key.start..key.end))
            .unwrap_or_default()
    }

    pub(super) fn source(&self, id: usize) -> Span {
        self.keys.get(id).map(|key| key.source).unwrap_or_default()
    }

    /// The hash key, if it is known.
    pub(super) fn known(&self, id: usize) -> Option<HashKey> {
        match self.keys.get(id)?.number {
            Number::Known(hash_key) => Some(hash_key),
            _ => None,
        }
    }

    /// The hash key of the partition key `id`, computed at most once.
    pub(super) fn hash(&mut self, id: usize) -> HashKey {
        if let Some(hash_key) = self.known(id) {
            return hash_key;
        }
        let hash_key = HashKey::of_partition_key(self.text(id));
        if let Some(key) = self.keys.get_mut(id) {
            key.number = Number::Known(hash_key);
        }
        hash_key
    }

    /// The explicit hash key `id` as a number, or why it is none.
    pub(super) fn parsed(&self, id: usize) -> Result<HashKey, ParseHashKeyError> {
        match self.keys.get(id).map(|key| key.number) {
            Some(Number::Known(hash_key)) => Ok(hash_key),
            Some(Number::Bad(error)) => Err(error),
            _ => Err(ParseHashKeyError::NotANumber),
        }
    }

    pub(super) fn add_partition_key(&mut self, message: &[u8], source: Span) {
        self.add(message, source);
    }

    pub(super) fn add_explicit_hash_key(&mut self, message: &[u8], source: Span) {
        let id = self.len();
        self.add(message, source);
        let number = match parse_big_integer(self.text(id)) {
            Ok(hash_key) => Number::Known(hash_key),
            Err(error) => Number::Bad(error),
        };
        if let Some(key) = self.keys.get_mut(id) {
            key.number = number;
        }
    }

    fn add(&mut self, message: &[u8], source: Span) {
        let start = self.text.len();
        decode_utf8(source.of(message), &mut self.text);
        self.keys.push(Key {
            start,
            end: self.text.len(),
            source,
            number: Number::Unhashed,
        });
    }
}
