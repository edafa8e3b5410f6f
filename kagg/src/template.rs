//! The form of a line that a person asks for: `%s %k %t %v\n`.

use std::fmt::Write as _;
use std::str::FromStr;

use kinesis_aggregation::UserRecordRef;
use kinesis_aggregation_inspect::FoundRecord;

use crate::arrival::iso;
use crate::terminal::is_steering;

/// What is printed for each user record.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Record,
    Position,
    PartitionKey,
    ExplicitHashKey,
    Shard,
    Time,
    Value,
    Size,
}

impl Template {
    /// What `--output text` prints.
    pub(crate) fn of_text() -> Self {
        let tab = || Part::Text(b"\t".to_vec());
        let end = Part::Text(b"\n".to_vec());
        Self(vec![
            Part::Time,
            tab(),
            Part::Position,
            tab(),
            Part::PartitionKey,
            tab(),
            Part::Value,
            end,
        ])
    }

    /// Appends a user record of `source`, whose data is `data`.
    pub(crate) fn put(
        &self,
        out: &mut Vec<u8>,
        index: usize,
        source: &FoundRecord,
        user_record: &UserRecordRef<'_>,
        data: &[u8],
    ) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Record => put_display(out, index),
                Part::Position => {
                    put_text(out, source.sequence_number().unwrap_or("-"));
                    put_display(out, format_args!(":{}", user_record.sub_sequence_number()));
                }
                Part::PartitionKey => put_text(out, user_record.partition_key().unwrap_or("-")),
                Part::ExplicitHashKey => {
                    put_text(out, user_record.explicit_hash_key().unwrap_or("-"));
                }
                Part::Shard => put_text(out, source.shard_id().unwrap_or("-")),
                Part::Time => match source.approximate_arrival_timestamp() {
                    Some(json) => put_text(out, &iso(json)),
                    None => out.push(b'-'),
                },
                Part::Value => put_value(out, data),
                Part::Size => put_display(out, data.len()),
            }
        }
    }
}

fn put_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// Text whose control characters cannot command a terminal or break the line.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => escaped.push(c),
            _ if is_steering(c) => {
                let _ = write!(escaped, "{}", c.escape_debug());
            }
            _ => escaped.push(c),
        }
    }
    out.extend_from_slice(escaped.as_bytes());
}

/// Text as it is, and what is no text in base64, marked.
fn put_value(out: &mut Vec<u8>, data: &[u8]) {
    match str::from_utf8(data) {
        Ok(text) => put_text(out, text),
        Err(_) => {
            out.extend_from_slice(b"base64:");
            base64_simd::STANDARD.encode_append(data, out);
        }
    }
}

/// Undoes `\n`, `\t`, `\r`, `\0` and `\\`.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('0') => '\0',
                Some('\\') => '\\',
                _ => return Err("a backslash is followed by n, t, r, 0 or another".to_owned()),
            },
            c => c,
        };
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(bytes)
}

/// Bytes between user records, as they are written on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Delimiter(pub(crate) Vec<u8>);

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unescaped(text).map(Self)
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            parts.push(Part::Text(unescaped(before)?));
            let mut codes = after.chars();
            parts.push(match codes.next() {
                Some('n') => Part::Record,
                Some('s') => Part::Position,
                Some('k') => Part::PartitionKey,
                Some('e') => Part::ExplicitHashKey,
                Some('p') => Part::Shard,
                Some('t') => Part::Time,
                Some('v') => Part::Value,
                Some('S') => Part::Size,
                Some('%') => Part::Text(b"%".to_vec()),
                Some(code) => {
                    return Err(format!("%{code} is not one of %n %s %k %e %p %t %v %S %%"));
                }
                None => return Err("a percent sign at the end is written %%".to_owned()),
            });
            rest = codes.as_str();
        }
        parts.push(Part::Text(unescaped(rest)?));
        Ok(Self(parts))
    }
}
