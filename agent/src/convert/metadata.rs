//! ADDMETADATA: fixed metadata around the record.

use bytes::Bytes;

use super::json_text::write_string;

/// Puts fixed metadata around the record.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// `"metadata":{…},"data":`, ready to be written.
    pub(super) text: String,
    pub(super) timestamp: bool,
}

impl Metadata {
    pub(super) fn convert(&self, record: &[u8], now: u64) -> Bytes {
        let text = String::from_utf8_lossy(record);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut json = String::with_capacity(line.len() + self.text.len() + 40);
        json.push('{');
        if self.timestamp {
            json.push_str("\"ts\":");
            json.push_str(&now.to_string());
            json.push(',');
        }
        json.push_str(&self.text);
        write_string(&mut json, line);
        json.push_str("}\n");
        json.into()
    }
}
