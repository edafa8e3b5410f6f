//! The table entries that user records use: decoded, parsed and hashed once each, on first use.

use std::ops::Range;

use super::judge::to_usize;
use crate::error::ParseHashKeyError;
use crate::hash_key::{HashKey, parse_big_integer};
use crate::md5::Digest;
use crate::wire::{Span, decode_utf8};

/// The used entries of the tables of many aggregates.
#[derive(Default)]
pub(super) struct Keys {
    text: String,
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    start: usize,
    end: usize,
    /// Where it came from in its message.
    source: Span,
    number: Number,
}

/// The keys of one aggregate.
#[derive(Clone, Copy, Default)]
pub(super) struct KeysOf<'b> {
    text: &'b str,
    keys: &'b [Key],
}

impl<'b> KeysOf<'b> {
    /// The text of the key at this place, and the hash key that it stands for if that is known.
    #[inline(always)]
    pub(super) fn get(self, place: u32) -> (&'b str, Option<&'b HashKey>) {
        let Some(key) = self.keys.get(to_usize(place)) else {
            return ("", None);
        };
        let text = self.text.get(key.start..key.end).unwrap_or_default();
        match &key.number {
            Number::Known(hash_key) => (text, Some(hash_key)),
            _ => (text, None),
        }
    }

    /// Where the key came from in its message.
    pub(super) fn source(self, place: u32) -> Span {
        let key = self.keys.get(to_usize(place));
        key.map(|key| key.source).unwrap_or_default()
    }
}

/// The number that an entry stands for.
#[derive(Clone, Copy, Debug)]
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

    /// Those of one aggregate.
    pub(super) fn of(&self, keys: Range<usize>) -> KeysOf<'_> {
        KeysOf {
            text: &self.text,
            keys: self.keys.get(keys).unwrap_or_default(),
        }
    }

    pub(super) fn text(&self, id: usize) -> &str {
        let key = self.keys.get(id);
        key.and_then(|key| self.text.get(key.start..key.end))
            .unwrap_or_default()
    }

    /// The hash key of the partition key `id`, if it was computed.
    pub(super) fn hash(&self, id: usize) -> Option<HashKey> {
        match self.keys.get(id)?.number {
            Number::Known(hash_key) => Some(hash_key),
            _ => None,
        }
    }

    pub(super) fn set_hash(&mut self, id: usize, digest: Digest) {
        if let Some(key) = self.keys.get_mut(id) {
            key.number = Number::Known(HashKey::from_digest(digest));
        }
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
