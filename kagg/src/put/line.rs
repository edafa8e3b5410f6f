//! A line of the input as a user record.

use kinesis_aggregation::UserRecord;
use serde_json::Value;

use crate::entry::EntryForm;
use crate::output::without_values;

/// What a line is.
pub(super) enum Form {
    /// The data; the user record has no partition key, or this one.
    Data(Option<String>),
    /// The data, in JSON; the partition key is where this JSON pointer leads.
    DataWithKey(Pointer),
    /// The partition key, this delimiter, and the data.
    KeyAndData(u8),
    /// A user record as JSON.
    Entry(EntryForm),
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

impl Form {
    /// Whether its user records have partition keys, so that there is an order to keep.
    pub(super) fn has_keys(&self) -> bool {
        !matches!(self, Self::Data(None))
    }

    /// The user record of `line`, which comes without its newline; None for a blank line between
    /// JSON lines; or why it is not one.
    pub(super) fn user_record(&self, line: Vec<u8>) -> Result<Option<UserRecord>, String> {
        match self {
            Self::Data(None) => Ok(Some(UserRecord::without_partition_key(line))),
            Self::Data(Some(key)) => Ok(Some(UserRecord::new(key.as_str(), line))),
            Self::DataWithKey(pointer) => {
                let key = partition_key(&line, pointer)?;
                Ok(Some(UserRecord::new(key, line)))
            }
            Self::KeyAndData(delimiter) => {
                let at = line.iter().position(|byte| byte == delimiter);
                let at = at.ok_or("it has no delimiter after a key")?;
                let (key, data) = line.split_at(at);
                let key = str::from_utf8(key).map_err(|_| "its key is not UTF-8")?;
                let data = data.get(1..).unwrap_or_default().to_vec();
                Ok(Some(UserRecord::new(key.to_owned(), data)))
            }
            Self::Entry(_) if line.trim_ascii().is_empty() => Ok(None),
            Self::Entry(form) => form.user_record(&line).map(Some),
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
            "what is at {pointer} is neither a string nor an integer"
        )),
        None => Err(format!("nothing is at {pointer}")),
    }
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
    use crate::entry::DataForm;

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
    fn a_delimiter_ends_the_key() {
        let form = Form::KeyAndData(b'\t');
        let expected = UserRecord::new("k y", "a\tb");
        assert_eq!(read(&form, "k y\ta\tb"), Ok(Some(expected)));
        assert_eq!(read(&form, "k\t"), Ok(Some(UserRecord::new("k", ""))));
        assert!(read(&form, "no key").is_err());
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
    fn blank_lines_between_entries_are_left_out() {
        let form = Form::Entry(EntryForm {
            data: DataForm::Base64,
            random_keys: false,
        });
        assert_eq!(read(&form, " \r"), Ok(None));
        let line = r#"{"partitionKey":"k","data":"AAE="}"#;
        assert_eq!(
            read(&form, line),
            Ok(Some(UserRecord::new("k", vec![0, 1])))
        );
    }
}
