//! The two tables of an aggregate.

use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;
use kinesis_aggregation::wire::key_text;
use serde::Serialize;

/// The tables of an aggregate, decoded as the KCL decodes them. A user record names their entries
/// by number.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tables {
    /// The partition keys, the unused ones too.
    pub partition_keys: Vec<ByteString>,
    /// The explicit hash keys, the unused ones too.
    pub explicit_hash_keys: Vec<ByteString>,
}

/// The text of each entry, a part of `data`. It shares the data's memory unless it had to be changed
/// to become UTF-8.
pub(super) fn texts(data: &Bytes, entries: impl Iterator<Item = Range<usize>>) -> Vec<ByteString> {
    let text = |entry: Range<usize>| {
        let bytes = data.get(entry).unwrap_or_default();
        ByteString::try_from(data.slice_ref(bytes))
            .unwrap_or_else(|_| ByteString::from(key_text(bytes).into_owned()))
    };
    entries.map(text).collect()
}
