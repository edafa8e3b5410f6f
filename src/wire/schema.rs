//! The fields of the schema (`proto/kpl.proto`), as their tags appear on the wire.
//!
//! A tag is the field's number and its wire type in one varint, `number << 3 | type`. All of ours
//! take one byte: field 3 with a length is `3 << 3 | 2` = `1A`.

use super::cursor::{LENGTH, Tag, VARINT};

/// `AggregatedRecord`.
pub(super) mod aggregated_record {
    use super::{LENGTH, Tag};

    /// `0A`
    pub(in crate::wire) const PARTITION_KEY_TABLE: Tag = Tag::new(1, LENGTH);
    /// `12`
    pub(in crate::wire) const EXPLICIT_HASH_KEY_TABLE: Tag = Tag::new(2, LENGTH);
    /// `1A`
    pub(in crate::wire) const RECORDS: Tag = Tag::new(3, LENGTH);
}

/// `Record`.
pub(super) mod record {
    use super::{LENGTH, Tag, VARINT};

    /// `08`
    pub(in crate::wire) const PARTITION_KEY_INDEX: Tag = Tag::new(1, VARINT);
    /// `10`
    pub(in crate::wire) const EXPLICIT_HASH_KEY_INDEX: Tag = Tag::new(2, VARINT);
    /// `1A`
    pub(in crate::wire) const DATA: Tag = Tag::new(3, LENGTH);
    /// `22`
    pub(in crate::wire) const TAGS: Tag = Tag::new(4, LENGTH);
}

/// `Tag`, the message: nobody ever wrote one, but a reader must check it.
pub(super) mod tag {
    use super::{LENGTH, Tag};

    /// `0A`
    pub(in crate::wire) const KEY: Tag = Tag::new(1, LENGTH);
}
