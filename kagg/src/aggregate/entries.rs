//! The entries of the input.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A request of PutRecords, or what `get-records` prints.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// The elements of a JSON array, JSON values one after another, or the records of requests among
/// them.
pub(super) fn split(text: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    if text.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(text);
    }
    let mut entries = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let value = value?;
        match serde_json::from_str::<Request<'_>>(value.get()) {
            Ok(request) => entries.extend(request.records),
            Err(_) => entries.push(value),
        }
    }
    Ok(entries)
}
