//! The table entries that user records use: decoded, parsed and hashed once each, on first use.

use std::ops::Range;

use crate::error::ParseHashKeyError;
use crate::hash_key::{HashKey, parse_big_integer};
use crate::md5::Digest;
use crate::wire::{Span, decode_utf8};

/// A key's place among the used ones of its aggregate, in order of first use: neither its index in
/// a table (which may hold many more, and there are two) nor a user record's position.
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

    #[inline(always)]
    pub(super) fn get(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(super) fn place(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

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

    pub(super) fn set_hash(&mut self, id: KeyId, digest: Digest) {
        let place = self.base.saturating_add(id.place());
        if let Some(key) = self.keys.get_mut(place) {
            key.number = Number::Known(HashKey::from_digest(digest));
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
