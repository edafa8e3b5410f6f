//! The entries of a put-records file.

use std::borrow::Cow;

use clap::ValueEnum;
use kinesis_aggregation::{HashKey, UserRecord};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::compact::put_compact;

/// What a string in `Data` is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DataForm {
    /// Base64, as in AWS CLI v2
    Base64,
    /// The text itself
    Text,
}

/// As AWS CLI has it; like AWS CLI, it knows no other keys, so that none is misspelt in silence.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry<'a> {
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    explicit_hash_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The elements of a JSON array, or JSON values one after another.
pub(super) fn split(text: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    if text.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(text)
    } else {
        serde_json::Deserializer::from_slice(text)
            .into_iter()
            .collect()
    }
}

/// The user record that an entry stands for, or why it stands for none.
pub(super) fn user_record(json: &RawValue, form: DataForm) -> Result<UserRecord, String> {
    let entry: Entry<'_> = serde_json::from_str(json.get()).map_err(|error| describe(&error))?;
    let data = data(entry.data, form)?;
    let mut record = match entry.partition_key {
        Some(key) => UserRecord::new(key.into_owned(), data),
        None => UserRecord::without_partition_key(data),
    };
    if let Some(text) = entry.explicit_hash_key {
        let hash_key: HashKey = text
            .parse()
            .map_err(|error| format!("its ExplicitHashKey is {error}"))?;
        record = record.with_explicit_hash_key(hash_key);
    }
    Ok(record)
}

fn data(json: Option<&RawValue>, form: DataForm) -> Result<Vec<u8>, String> {
    let json = json.ok_or("it has no Data")?.get();
    if json.starts_with('{') {
        let mut compact = Vec::with_capacity(json.len());
        put_compact(&mut compact, json);
        return Ok(compact);
    }
    if !json.starts_with('"') {
        return Err("its Data is neither a string nor a JSON object".to_owned());
    }
    let text: String = serde_json::from_str(json).map_err(|error| describe(&error))?;
    match form {
        DataForm::Text => Ok(text.into_bytes()),
        DataForm::Base64 => base64_simd::STANDARD
            .decode_to_vec(&text)
            .map_err(|_| "its Data is not base64 (for text, use --data text)".to_owned()),
    }
}

/// What is wrong with an entry. The place inside the entry would be taken for one in the file.
fn describe(error: &serde_json::Error) -> String {
    let text = crate::output::without_values(error);
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("it is no entry of put-records: {what}"),
        None => text,
    }
}
