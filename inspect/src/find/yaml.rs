//! The output of `aws kinesis get-records --output yaml`: one key and its value a line.

use bytes::Bytes;

use super::sink::Sink;
use crate::fields::{Fields, Role};
use crate::record::Place;
use crate::text::decode_value;

/// The record at hand.
#[derive(Default)]
pub(super) struct Yaml {
    fields: Fields,
    place: Place,
    /// The value of a key that goes on in the lines that are indented deeper.
    block: Option<Block>,
}

struct Block {
    indent: usize,
    text: Vec<u8>,
}

/// Whether `line` is one of `get-records --output yaml`.
pub(super) fn is_get_records(line: &[u8]) -> bool {
    let Some((key, _)) = key_and_value(line.trim_ascii()) else {
        return false;
    };
    let others: [&[u8]; 3] = [b"MillisBehindLatest", b"NextShardIterator", b"ChildShards"];
    others.contains(&key) || !matches!(Role::of(key), Role::Other | Role::Number)
}

fn key_and_value(mut line: &[u8]) -> Option<(&[u8], &[u8])> {
    while let Some(item) = line.strip_prefix(b"- ") {
        line = item.trim_ascii_start();
    }
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (key, value) = line.split_at(colon);
    let value = value.get(1..)?;
    let is_value = value.is_empty() || value.starts_with(b" ");
    let is_key = !key.is_empty() && key.iter().all(u8::is_ascii_alphanumeric);
    (is_key && is_value).then_some((key, value.trim_ascii()))
}

impl Yaml {
    pub(super) fn line(&mut self, line: &[u8], place: Place, sink: &mut Sink) {
        let text = line.trim_ascii();
        // Of the key: `- ` before it is part of that.
        let is_before = |byte: &&u8| matches!(byte, b' ' | b'-');
        let indent = line.iter().take_while(is_before).count();
        if let Some(block) = &mut self.block {
            if indent > block.indent && !text.is_empty() {
                block.text.extend_from_slice(text);
                return;
            }
            self.end_block();
        }
        if text.starts_with(b"- ") {
            self.end(sink);
        }
        let Some((key, value)) = key_and_value(text) else {
            return;
        };
        let role = Role::of(key);
        if let (Role::Data { .. }, b"|" | b"|-" | b">" | b">-" | b"!!binary |") = (role, value) {
            self.block = Some(Block {
                indent,
                text: Vec::new(),
            });
            return;
        }
        self.place = place;
        self.set(role, value);
    }

    fn end_block(&mut self) {
        if let Some(block) = self.block.take() {
            self.set(Role::Data { capital: true }, &block.text);
        }
    }

    fn set(&mut self, role: Role, value: &[u8]) {
        let bare = match value {
            [b'\'', inside @ .., b'\''] | [b'"', inside @ .., b'"'] => inside,
            _ => value,
        };
        let text = String::from_utf8_lossy(bare).into_owned();
        let fields = &mut self.fields;
        match role {
            Role::Data { .. } => {
                let value = value.strip_prefix(b"!!binary ").unwrap_or(bare);
                let data = decode_value(value).map(Bytes::from);
                fields.data = Some(data.ok_or("its data is not base64"));
            }
            Role::PartitionKey => fields.partition_key = Some(text),
            Role::SequenceNumber => fields.sequence_number = Some(text),
            Role::Arrival => {
                fields.arrival = match text.parse::<f64>() {
                    Ok(_) => Some(text),
                    Err(_) => serde_json::to_string(&text).ok(),
                };
            }
            _ => {}
        }
    }

    /// The end of a record, or of the input.
    pub(super) fn end(&mut self, sink: &mut Sink) {
        self.end_block();
        let mut fields = std::mem::take(&mut self.fields);
        match fields.data.take() {
            Some(data) => sink.found(fields, data, self.place),
            None if fields.is_of_a_record() => sink.refuse(self.place, "it has no data"),
            None => {}
        }
    }
}
