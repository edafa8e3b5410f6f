//! Prepares a record on its way from its file to its destination.

use std::sync::Arc;

use bytes::Bytes;
use kinesis_aggregation::ByteString;

use crate::config::{Flow, PartitionKeyFrom};
use crate::convert::{Converted, InstanceMetadata, add_texts, convert_all};
use crate::deliver::{Outgoing, RecordId, md5_key};
use crate::record::cut;

/// The most characters of a partition key.
const MAX_KEY: usize = 256;

/// Facts about its surroundings that may be added to a record.
pub(super) struct Surroundings {
    /// The path of its file.
    pub(super) path: String,
    pub(super) host: Arc<str>,
    pub(super) instance: Option<Arc<InstanceMetadata>>,
    /// In milliseconds since 1970.
    pub(super) now: u64,
}

/// Converts a record, adds fields, cuts what is too long, and compresses it. `None` if a converter
/// leaves it out.
pub(super) fn prepare(
    flow: &Flow,
    id: RecordId,
    record: Bytes,
    around: &Surroundings,
) -> Option<Outgoing> {
    let instance = around.instance.as_deref();
    let Converted::Record(mut data) = convert_all(flow.converters(), record, around.now, instance)
    else {
        return None;
    };
    let added = [
        flow.file_field().map(|field| (field, around.path.as_str())),
        flow.host_field().map(|field| (field, &*around.host)),
    ];
    let added: Vec<(&str, &str)> = added.into_iter().flatten().collect();
    if !added.is_empty() {
        data = add_texts(data, &added);
    }
    let rules = &flow.rules().records;
    if data.len() > rules.max_record {
        data = cut(&data, rules.max_record, &rules.terminator);
    }
    let key = flow
        .partition_key_from()
        .and_then(|from| partition_key(from, &data, &around.path));
    if let Some(compression) = flow.compression() {
        data = compression.compress(&data);
    }
    Some(Outgoing { id, data, key })
}

/// `None` for a record without the value, or with one that can be no key.
fn partition_key(from: &PartitionKeyFrom, data: &[u8], path: &str) -> Option<ByteString> {
    match from {
        PartitionKeyFrom::File if path.chars().count() <= MAX_KEY => Some(path.into()),
        PartitionKeyFrom::File => Some(md5_key(path.as_bytes())),
        PartitionKeyFrom::Value(pointer) => {
            let text = std::str::from_utf8(data).ok()?;
            let key = pointer.text(text)?;
            (1..=MAX_KEY)
                .contains(&key.chars().count())
                .then(|| key.into_owned().into())
        }
    }
}
