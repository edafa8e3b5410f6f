//! JSONTOCSV, ours: fields of a JSON line become the columns of a CSV line.

use bytes::Bytes;

use super::json_fields::{Fields, JsonPointer};

#[derive(Clone, Debug)]
pub(super) struct JsonToCsv {
    pub(super) fields: Vec<JsonPointer>,
    pub(super) delimiter: char,
}

impl JsonToCsv {
    /// As RFC 4180 has it, but for the newline at the end, which is the other converters'. A column
    /// without a value is empty. What is not a JSON object stays as it is.
    pub(super) fn convert(&self, record: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&record) else {
            return record;
        };
        if Fields::of(text).is_none() {
            return record;
        }
        let mut line = String::with_capacity(text.len());
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                line.push(self.delimiter);
            }
            self.column(&mut line, &field.text(text).unwrap_or_default());
        }
        line.push('\n');
        line.into()
    }

    fn column(&self, line: &mut String, text: &str) {
        if text.contains(['"', '\r', '\n', self.delimiter]) {
            line.push('"');
            line.push_str(&text.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(text);
        }
    }
}
