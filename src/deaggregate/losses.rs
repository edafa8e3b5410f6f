//! Losses: the cost of a bad user record, as a value.

use std::ops::Range;

use super::keys::KeyId;
use super::opened::{Opened, to_u64};
use crate::error::{Loss, LossKind};
use crate::wire::{Frame, Index, Locator};

/// The ways in which a user record is bad.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    PartitionKeyIndex,
    ExplicitHashKeyIndex,
    /// No integer.
    ExplicitHashKey(KeyId),
    /// A number, but not one of 0 to 2^128 - 1: no shard owns it.
    ExplicitHashKeyNumber(KeyId),
    OutOfRange,
    /// Nothing that can be seen, but the digest over all of them is wrong.
    Digest,
}

/// Reports the losses of one aggregate, in order.
pub(super) struct Losses<'a> {
    frame: &'a Frame<'a>,
    index: &'a Index,
    /// Of the Kinesis record in its batch.
    record_index: usize,
    /// Salvage may report each user record: a search from the start for each would be quadratic.
    locator: Locator,
}

impl<'a> Losses<'a> {
    pub(super) fn new(frame: &'a Frame<'a>, index: &'a Index, record_index: usize) -> Self {
        Self {
            frame,
            index,
            record_index,
            locator: Locator::default(),
        }
    }

    /// Notes that the user records `lost` do not come out because of the one at `position`.
    pub(super) fn note(
        &mut self,
        opened: &mut Opened,
        position: usize,
        fault: Fault,
        lost: Range<usize>,
    ) {
        let located = self.locator.find(self.frame, position).unwrap_or_default();
        let kind = match fault {
            Fault::PartitionKeyIndex => LossKind::PartitionKeyIndex {
                index: located.partition_key_index,
                table_len: self.index.partition_key_table().len(),
            },
            Fault::ExplicitHashKeyIndex => LossKind::ExplicitHashKeyIndex {
                index: located.explicit_hash_key_index.unwrap_or_default(),
                table_len: self.index.explicit_hash_key_table().len(),
            },
            Fault::ExplicitHashKey(id) => LossKind::ExplicitHashKey {
                len: opened.keys.text(id).len(),
            },
            Fault::ExplicitHashKeyNumber(id) => LossKind::ExplicitHashKeyNumber {
                len: opened.keys.text(id).len(),
            },
            Fault::OutOfRange => LossKind::OutOfRange,
            Fault::Digest => LossKind::DigestMismatch,
        };
        self.push(opened, position, kind, lost, located.offset);
    }

    /// Notes that nothing can be read from `offset` on, where the user record at `position` would be
    /// or what follows the last one. How many are lost is unknown; it counts as one.
    pub(super) fn note_malformed(&self, opened: &mut Opened, position: usize, offset: usize) {
        let lost = position..position.saturating_add(1);
        self.push(opened, position, LossKind::Malformed, lost, offset);
    }

    fn push(
        &self,
        opened: &mut Opened,
        position: usize,
        kind: LossKind,
        lost: Range<usize>,
        offset: usize,
    ) {
        opened.losses.push(Loss {
            record: self.record_index,
            user_record: to_u64(position),
            lost: to_u64(lost.start)..to_u64(lost.end),
            offset,
            kind,
        });
    }
}
