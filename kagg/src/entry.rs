//! A user record as JSON: an entry of PutRecords, or a line that kagg prints.

use std::borrow::Cow;
use std::fmt;

use clap::ValueEnum;
use kinesis_aggregation::{HashKey, UserRecord};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::compact::put_compact;
use crate::output::without_values;

/// What a string in `Data` is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataForm {
    /// Base64, as in AWS CLI v2
    Base64,
    /// The text itself
    Text,
}

/// How entries are read.
#[derive(Clone, Copy)]
pub(crate) struct EntryForm {
    pub(crate) data: DataForm,
    /// Whether an entry without a partition key may go anywhere.
    pub(crate) random_keys: bool,
}

impl EntryForm {
    /// The user record that `json` stands for, or why it stands for none, without its values.
    pub(crate) fn user_record(self, json: &[u8]) -> Result<UserRecord, String> {
        let entry: Entry<'_> = serde_json::from_slice(json).map_err(|error| describe(&error))?;
        let data = self.data(entry.data)?;
        let mut record = match entry.partition_key {
            Some(key) => UserRecord::new(key.into_owned(), data),
            None if self.random_keys => UserRecord::without_partition_key(data),
            None => {
                return Err(
                    "it has no partition key (--random-keys puts it anywhere, in no order)"
                        .to_owned(),
                );
            }
        };
        if let Some(text) = entry.explicit_hash_key {
            let hash_key: HashKey = text
                .parse()
                .map_err(|error| format!("its explicit hash key is {error}"))?;
            record = record.with_explicit_hash_key(hash_key);
        }
        Ok(record)
    }

    fn data(self, json: Option<&RawValue>) -> Result<Vec<u8>, String> {
        let json = json.ok_or("it has no data")?.get();
        if let Ok(Buffer { data, .. }) = serde_json::from_str(json) {
            return Ok(data);
        }
        if json.starts_with('{') {
            let mut compact = Vec::with_capacity(json.len());
            put_compact(&mut compact, json);
            return Ok(compact);
        }
        if !json.starts_with('"') {
            return Err("its data is neither a string nor a JSON object".to_owned());
        }
        let text: String = serde_json::from_str(json).map_err(|error| describe(&error))?;
        match self.data {
            DataForm::Text => Ok(text.into_bytes()),
            DataForm::Base64 => base64_simd::STANDARD
                .decode_to_vec(&text)
                .map_err(|_| "its data is not base64".to_owned()),
        }
    }
}

/// Bytes as Node writes them.
#[derive(Deserialize)]
struct Buffer {
    #[serde(rename = "type")]
    _type: BufferType,
    data: Vec<u8>,
}

#[derive(Deserialize)]
enum BufferType {
    Buffer,
}

#[derive(Default)]
struct Entry<'a> {
    partition_key: Option<Cow<'a, str>>,
    explicit_hash_key: Option<Cow<'a, str>>,
    data: Option<&'a RawValue>,
}

/// A string that borrows where no escape forbids it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with PartitionKey and Data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entry = Entry::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "PartitionKey" | "partitionKey" => {
                    entry.partition_key = map.next_value::<Option<Text<'_>>>()?.map(|text| text.0);
                }
                "ExplicitHashKey" | "explicitHashKey" => {
                    entry.explicit_hash_key =
                        map.next_value::<Option<Text<'_>>>()?.map(|text| text.0);
                }
                "Data" | "data" => entry.data = Some(map.next_value()?),
                key => match misspelt(key) {
                    Some(right) => {
                        let what =
                            format_args!("it has a key that is probably meant to be {right}");
                        return Err(A::Error::custom(what));
                    }
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(entry)
    }
}

/// Guesses which key was meant: it ignores case, `_` and `-`.
fn misspelt(key: &str) -> Option<&'static str> {
    let letters: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Some(match letters.as_str() {
        "partitionkey" | "partitonkey" | "partionkey" | "partitionkeys" | "key" => "PartitionKey",
        "explicithashkey" | "hashkey" => "ExplicitHashKey",
        "data" => "Data",
        _ => return None,
    })
}

/// What is wrong with an entry. The place inside the entry would be taken for one in the file.
fn describe(error: &serde_json::Error) -> String {
    let text = without_values(error);
    match text.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, random_keys: bool) -> Result<UserRecord, String> {
        let data = DataForm::Base64;
        EntryForm { data, random_keys }.user_record(json.as_bytes())
    }

    #[test]
    fn both_spellings_are_read() {
        let expected = UserRecord::new("key", vec![0, 1]).with_explicit_hash_key(HashKey::new(3));
        for json in [
            r#"{"record":0,"sequenceNumber":"1","partitionKey":"key","explicitHashKey":"٣","data":"AAE="}"#,
            r#"{"PartitionKey":"key","ExplicitHashKey":"3","Data":"AAE="}"#,
            r#"{"PartitionKey":"key","ExplicitHashKey":"3","Data":{"type":"Buffer","data":[0,1]}}"#,
        ] {
            assert_eq!(read(json, false), Ok(expected.clone()));
        }
    }

    #[test]
    fn without_a_partition_key_it_is_refused() {
        let bare = UserRecord::without_partition_key("");
        for json in [r#"{"data":""}"#, r#"{"data":"","partitionKey":null}"#] {
            assert!(read(json, false).unwrap_err().contains("--random-keys"));
            assert_eq!(read(json, true), Ok(bare.clone()));
        }
    }

    #[test]
    fn a_misspelt_key_is_refused_in_any_case() {
        for key in [
            "partitionkey",
            "partition_key",
            "Partition-Key",
            "PARTITIONKEY",
            "PartitonKey",
        ] {
            for json in [
                format!(r#"{{"data":"","{key}":"k"}}"#),
                format!(r#"{{"data":"","{key}":"k","partitionKey":"k"}}"#),
            ] {
                let why = read(&json, true).unwrap_err();
                assert_eq!(
                    why,
                    "it has a key that is probably meant to be PartitionKey"
                );
            }
        }
    }

    #[test]
    fn no_refusal_shows_data() {
        for json in [
            r#"{"partitionKey":"secret"}"#,
            r#"{"data":"secret!","partitionKey":"k"}"#,
            r#"{"data":["secret"],"partitionKey":"k"}"#,
            r#""secret""#,
            r#"{"data":"","partitionKey":"k","explicitHashKey":"secret"}"#,
            "secret",
            r#"{"data":4111,"partitionKey":"k"}"#,
            r#"{"data":"","partitionKey":4111}"#,
            r#"{"data":"","partitionKey":4111.5}"#,
        ] {
            let why = read(json, true).unwrap_err();
            assert!(!why.contains("secret") && !why.contains("4111"), "{why}");
        }
    }
}
