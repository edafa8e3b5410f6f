//! How to read: what `Deaggregator` sets.

use std::cmp::Ordering;

use crate::hash_key::HashKeyRange;
use crate::md5::{self, Digest, Level};
use crate::sequence::ExtendedSequenceNumber;

#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// `None` reads the records of any shard, and takes every hash key.
    pub(super) hash_key_range: Option<HashKeyRange>,
    pub(super) salvage: bool,
    pub(super) salvage_damaged: bool,
    pub(super) after: Option<ExtendedSequenceNumber>,
    /// None takes the best one.
    pub(super) level: Option<Level>,
}

impl Rules {
    pub(super) fn digests(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let forced = self
            .level
            .and_then(|level| md5::digest_many_at(level, messages));
        forced.unwrap_or_else(|| md5::digest_many(messages))
    }

    pub(super) fn digest(&self, message: &[u8]) -> Digest {
        let forced = self
            .level
            .and_then(|level| md5::digest_many_at(level, &[message])?.pop());
        forced.unwrap_or_else(|| md5::digest(message))
    }

    /// The range that the hash keys of partition keys must be in. None if any will do: every MD5 is
    /// in the full range, and need not be known.
    pub(super) fn range_of_partition_keys(&self) -> Option<HashKeyRange> {
        self.hash_key_range
            .filter(|range| *range != HashKeyRange::FULL)
    }

    /// The first user record above the position to resume after; none if the whole Kinesis record
    /// is at or below it.
    pub(super) fn first(&self, sequence_number: Option<&str>) -> Option<usize> {
        let Some(after) = &self.after else {
            return Some(0);
        };
        match sequence_number.and_then(|text| after.cmp_sequence_number(text)) {
            Some(Ordering::Less) => None,
            Some(Ordering::Equal) => {
                let first = after.sub_sequence_number().checked_add(1)?;
                Some(usize::try_from(first).unwrap_or(usize::MAX))
            }
            Some(Ordering::Greater) | None => Some(0),
        }
    }
}
