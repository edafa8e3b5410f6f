//! The index's entries: positions in a Kinesis record's data.

use std::ops::Range;

/// A part of a Kinesis record's data: where it starts, and its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    #[inline(always)]
    pub(super) fn new(start: u32, len: u32) -> Self {
        Self { start, len }
    }

    /// The bytes of this part of `data`.
    #[inline(always)]
    pub(crate) fn of(self, data: &[u8]) -> &[u8] {
        data.get(self.range()).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn range(self) -> Range<usize> {
        let start = to_usize(self.start);
        start..start.saturating_add(to_usize(self.len))
    }
}

/// An index into one of the two tables, as a user record has it: nothing says yet that the table
/// is that long.
///
/// One of 2^32 and more saturates. It is out of range in any case, because a message is shorter
/// than 2^31 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableIndex(u32);

impl TableIndex {
    #[inline(always)]
    pub(super) fn new(index: u64) -> Self {
        Self(u32::try_from(index).map_or(Self::HIGHEST, |index| index.min(Self::HIGHEST)))
    }

    /// The highest one; one more stands for none in [`OptionalIndex`].
    const HIGHEST: u32 = u32::MAX - 1;

    #[inline(always)]
    pub(crate) fn get(self) -> usize {
        to_usize(self.0)
    }
}

/// A [`TableIndex`] or none, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OptionalIndex(u32);

impl OptionalIndex {
    pub(super) const NONE: Self = Self(u32::MAX);

    #[inline(always)]
    pub(super) fn get(self) -> Option<TableIndex> {
        (self != Self::NONE).then_some(TableIndex(self.0))
    }
}

impl From<TableIndex> for OptionalIndex {
    #[inline(always)]
    fn from(TableIndex(index): TableIndex) -> Self {
        Self(index)
    }
}

/// One user record of a message: where its data are, and which table entries it names.
///
/// The indices are as written: the pass over the message does not compare them to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedRecord {
    pub(super) data: Span,
    pub(super) partition_key: TableIndex,
    pub(super) explicit_hash_key: OptionalIndex,
}

impl IndexedRecord {
    /// Where the data are in the Kinesis record's data.
    pub fn data(&self) -> Range<usize> {
        self.data.range()
    }

    /// The index in the partition key table. One of 2^32 - 1 and more is 2^32 - 2.
    pub fn partition_key_index(&self) -> u32 {
        self.partition_key.0
    }

    /// The index in the explicit hash key table, if the user record has one. One of 2^32 - 1 and
    /// more is 2^32 - 2.
    pub fn explicit_hash_key_index(&self) -> Option<u32> {
        self.explicit_hash_key.get().map(|index| index.0)
    }

    #[inline(always)]
    pub(crate) fn span(&self) -> Span {
        self.data
    }

    #[inline(always)]
    pub(crate) fn partition_key(&self) -> TableIndex {
        self.partition_key
    }

    #[inline(always)]
    pub(crate) fn explicit_hash_key(&self) -> Option<TableIndex> {
        self.explicit_hash_key.get()
    }
}

/// A position in a Kinesis record's data, whose message has less than 2^31 bytes.
#[inline(always)]
pub(super) fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[inline(always)]
fn to_usize(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
