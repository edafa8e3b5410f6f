//! The state of each table entry while an aggregate is judged.

use super::keys::KeyId;
use crate::wire::TableIndex;

/// One of the two tables: a slot for each entry.
#[derive(Default)]
pub(super) struct Table(Vec<Slot>);

impl Table {
    /// Starts with a table of `len` entries, all unused.
    pub(super) fn begin(&mut self, len: usize) {
        self.0.clear();
        self.0.resize(len, Slot::UNUSED);
    }

    /// None if the table has no such entry.
    #[inline(always)]
    pub(super) fn get(&self, index: TableIndex) -> Option<Slot> {
        self.0.get(index.get()).copied()
    }

    pub(super) fn get_mut(&mut self, index: TableIndex) -> Option<&mut Slot> {
        self.0.get_mut(index.get())
    }
}

/// Which key an entry is, once a user record has used it, and whether its hash key is known to be
/// in range. A [`KeyId`] is below 2^31, so that there is a bit for that:
///
/// ```text
/// FFFF FFFF   unused
/// 8000 0003   key 3, used: not judged yet, or out of range, or no number
/// 0000 0003   key 3, used, and its hash key is in range
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    const UNUSED: Self = Self(u32::MAX);
    const NOT_KNOWN_INSIDE: u32 = 1 << 31;

    #[inline(always)]
    pub(super) fn used(self) -> Option<KeyId> {
        (self != Self::UNUSED).then_some(KeyId::new(self.0 & !Self::NOT_KNOWN_INSIDE))
    }

    /// The key, if its hash key is known to be in range.
    #[inline(always)]
    pub(super) fn inside(self) -> Option<KeyId> {
        (self.0 & Self::NOT_KNOWN_INSIDE == 0).then_some(KeyId::new(self.0))
    }

    pub(super) fn set_used(&mut self, id: KeyId) {
        self.0 = id.get() | Self::NOT_KNOWN_INSIDE;
    }

    pub(super) fn set_inside(&mut self, id: KeyId) {
        self.0 = id.get();
    }
}
