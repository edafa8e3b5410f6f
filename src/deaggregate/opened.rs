//! The contents of a batch that was read, which all its iterators share.
//!
//! It holds positions in the Kinesis records' data, never the data, and so has no lifetime.

use std::ops::Range;

use super::keys::{KeyId, Keys, KeysOf};
use super::outcome::Outcome;
use crate::error::Loss;
use crate::wire::Span;

/// The aggregates of a batch, one after another in each list.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) entries: Vec<Entry>,
    pub(super) keys: Keys,
    pub(super) losses: Vec<Loss>,
}

/// A user record of an aggregate: a position in the Kinesis record's data, and its keys.
///
/// 16 bytes, as the [`IndexedRecord`](crate::wire::IndexedRecord) that it was made of; there the
/// numbers are indices in the tables, here they name [`Keys`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) data: Span,
    pub(super) partition_key: KeyId,
    explicit_hash_key: OptionalKeyId,
}

impl Entry {
    #[inline(always)]
    pub(super) fn new(data: Span, partition_key: KeyId, explicit_hash_key: Option<KeyId>) -> Self {
        Self {
            data,
            partition_key,
            explicit_hash_key: OptionalKeyId(explicit_hash_key.unwrap_or(KeyId::END)),
        }
    }

    #[inline(always)]
    pub(super) fn explicit_hash_key(&self) -> Option<KeyId> {
        let OptionalKeyId(id) = self.explicit_hash_key;
        (id != KeyId::END).then_some(id)
    }
}

/// [`KeyId::END`] for none, so that an [`Entry`] stays small.
#[derive(Clone, Copy, Debug)]
struct OptionalKeyId(KeyId);

impl Default for OptionalKeyId {
    fn default() -> Self {
        Self(KeyId::END)
    }
}

/// One Kinesis record: which of its user records come out, and what is lost. By default, nothing:
/// it is skipped.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// The sub-sequence numbers that come out. Where salvage found a bad user record, its loss
    /// comes out in its place, or before it if nothing is lost. Any other loss comes after them
    /// all; there is at most one.
    pub(super) delivered: Range<usize>,
    /// Where its parts are in the lists of [`Opened`].
    pub(super) entries: Range<usize>,
    pub(super) keys: Range<usize>,
    pub(super) losses: Range<usize>,
}

impl Judged {
    pub(super) fn is_damaged(&self) -> bool {
        matches!(self.outcome, Outcome::Damaged(_))
    }
}

impl Opened {
    pub(super) fn entries(&self, judged: &Judged) -> &[Entry] {
        self.entries.get(judged.entries.clone()).unwrap_or_default()
    }

    pub(super) fn keys(&self, judged: &Judged) -> KeysOf<'_> {
        self.keys.of(judged.keys.clone())
    }

    pub(super) fn losses(&self, judged: &Judged) -> &[Loss] {
        self.losses.get(judged.losses.clone()).unwrap_or_default()
    }
}

/// A sub-sequence number.
#[inline(always)]
pub(super) fn to_u64(position: usize) -> u64 {
    u64::try_from(position).unwrap_or(u64::MAX)
}
