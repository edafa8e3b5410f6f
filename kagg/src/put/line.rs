//! A line of the input as a user record.

use std::borrow::Cow;

use bytes::Bytes;
use kinesis_aggregation::{HashKey, UserRecord};
use serde::Deserialize;
use serde_json::Value;

use crate::output::without_values;

/// What a line is.
pub(super) enum Form {
    /// The data; the user record has no partition key, or this one.
    Data(Option<String>),
    /// The data, in JSON; the partition key stands where this JSON pointer leads.
    DataWithKey(Pointer),
    /// What `kagg deaggregate` prints.
    JsonLine,
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug)]
pub(super) struct Pointer(String);

impl std::str::FromStr for Pointer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.starts_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err("not a JSON pointer, such as /order/id")
        }
    }
}

/// A line that `kagg deaggregate` prints, as far as it can be put again.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonLine<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    explicit_hash_key: Option<Cow<'a, str>>,
}

impl Form {
    /// The user record of `line`, which comes without its newline; None for a blank line between
    /// JSON lines; or why it is none.
    pub(super) fn user_record(&self, line: Vec<u8>) -> Result<Option<UserRecord>, String> {
        match self {
            Self::Data(None) => Ok(Some(UserRecord::without_partition_key(line))),
            Self::Data(Some(key)) => Ok(Some(UserRecord::new(key.as_str(), line))),
            Self::DataWithKey(pointer) => {
                let key = partition_key(&line, pointer)?;
                Ok(Some(UserRecord::new(key, line)))
            }
            Self::JsonLine if line.trim_ascii().is_empty() => Ok(None),
            Self::JsonLine => json_line(&line).map(Some),
        }
    }
}

fn partition_key(line: &[u8], Pointer(pointer): &Pointer) -> Result<String, String> {
    let json: Value = serde_json::from_slice(line).map_err(|error| not_json(&error))?;
    match json.pointer(pointer) {
        Some(Value::String(key)) => Ok(key.clone()),
        // Other numbers may be written in several ways, and then be several keys.
        Some(Value::Number(key)) if key.is_i64() || key.is_u64() => Ok(key.to_string()),
        Some(_) => Err(format!(
            "what stands at {pointer} is no string and no integer"
        )),
        None => Err(format!("nothing stands at {pointer}")),
    }
}

fn json_line(line: &[u8]) -> Result<UserRecord, String> {
    let line: JsonLine<'_> = serde_json::from_slice(line).map_err(|error| not_json(&error))?;
    let data: Bytes = base64_simd::STANDARD
        .decode_to_vec(line.data.as_bytes())
        .map_err(|_| "its data is not base64")?
        .into();
    let mut record = match line.partition_key {
        Some(key) => UserRecord::new(key.into_owned(), data),
        None => UserRecord::without_partition_key(data),
    };
    if let Some(text) = line.explicit_hash_key {
        let hash_key: HashKey = text
            .parse()
            .map_err(|error| format!("its explicitHashKey is {error}"))?;
        record = record.with_explicit_hash_key(hash_key);
    }
    Ok(record)
}

/// What is wrong with a line. The place is one in the line, not in the file.
fn not_json(error: &serde_json::Error) -> String {
    let text = without_values(error);
    match text.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &Form, line: &str) -> Result<Option<UserRecord>, String> {
        form.user_record(line.into())
    }

    fn at(pointer: &str) -> Form {
        Form::DataWithKey(pointer.parse().unwrap())
    }

    #[test]
    fn a_line_is_data_to_the_byte() {
        for line in ["data", "", " data\r"] {
            let record = read(&Form::Data(None), line).unwrap();
            assert_eq!(
                record,
                Some(UserRecord::without_partition_key(line.to_owned()))
            );
            let record = read(&Form::Data(Some("key".into())), line).unwrap();
            assert_eq!(record, Some(UserRecord::new("key", line.to_owned())));
        }
    }

    #[test]
    fn a_pointer_leads_to_the_key() {
        let line = r#"{"order":{"id":"a/b"},"count":7,"ids":["x"]}"#;
        for (pointer, key) in [("/order/id", "a/b"), ("/count", "7"), ("/ids/0", "x")] {
            let expected = UserRecord::new(key.to_owned(), line.to_owned());
            assert_eq!(read(&at(pointer), line), Ok(Some(expected)));
        }
        assert_eq!(
            read(&at(""), "\"key\"").unwrap().unwrap().partition_key(),
            Some("key")
        );
        assert!(read(&at("/nothing"), line).is_err());
        assert!(read(&at("/order"), line).is_err());
        assert!(read(&at("/id"), r#"{"id":1.0}"#).is_err());
        assert!(read(&at("/id"), "{").is_err());
        assert!("id".parse::<Pointer>().is_err());
    }

    #[test]
    fn what_deaggregate_prints_can_be_put() {
        let line = r#"{"record":0,"sequenceNumber":"1","partitionKey":"key","explicitHashKey":"٣","data":"AAE="}"#;
        let expected = UserRecord::new("key", vec![0, 1]).with_explicit_hash_key(HashKey::new(3));
        assert_eq!(read(&Form::JsonLine, line), Ok(Some(expected)));
        let bare = UserRecord::without_partition_key("");
        for line in [
            r#"{"data":""}"#,
            r#" {"data":"","partitionKey":null,"explicitHashKey":null} "#,
        ] {
            assert_eq!(read(&Form::JsonLine, line), Ok(Some(bare.clone())));
        }
        assert_eq!(read(&Form::JsonLine, " \r"), Ok(None));
    }

    #[test]
    fn no_refusal_shows_data() {
        for line in [
            r#"{"partitionKey":"secret"}"#,
            r#"{"data":"secret!"}"#,
            r#"{"data":["secret"]}"#,
            r#""secret""#,
            r#"{"data":"","explicitHashKey":"secret"}"#,
            "secret",
            r#"{"data":4111}"#,
            r#"{"data":"","partitionKey":4111}"#,
            r#"{"data":"","partitionKey":4111.5}"#,
        ] {
            let why = read(&Form::JsonLine, line).unwrap_err();
            assert!(!why.contains("secret") && !why.contains("4111"), "{why}");
        }
    }
}
