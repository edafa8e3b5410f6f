//! Strings, numbers and literals.

use std::borrow::Cow;

use crate::text::unescape;

pub(super) fn byte(number: i16) -> Option<u8> {
    let unsigned = u8::try_from(number).ok();
    unsigned.or_else(|| Some(i8::try_from(number).ok()?.cast_unsigned()))
}

pub(super) fn is_literal(word: &str) -> bool {
    matches!(
        word,
        "true" | "false" | "null" | "True" | "False" | "None" | "undefined" | "nil"
    )
}

pub(super) fn opens_an_aggregate(data: &[u8]) -> bool {
    data.starts_with(&kinesis_aggregation::wire::MAGIC)
}

pub(super) fn unescaped(raw: &[u8], is_json: bool) -> Cow<'_, [u8]> {
    if is_json {
        let quoted = [b"\"", raw, b"\""].concat();
        if let Ok(text) = serde_json::from_slice::<String>(&quoted) {
            return Cow::Owned(text.into_bytes());
        }
    }
    unescape(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
}

pub(super) fn json_string(text: &[u8]) -> String {
    // A string is always serialisable.
    serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default()
}

/// Whether a string may hold a document, as the `payload` of an on-failure object does, or the end
/// of a log line.
pub(super) fn may_hold_json(text: &[u8]) -> bool {
    json_starts(text).next().is_some()
}

/// Where documents may start in a text: at its start, or at the first objects in it.
pub(super) fn json_starts(text: &[u8]) -> impl Iterator<Item = usize> {
    let start = text.len() - text.trim_ascii_start().len();
    let at_start = matches!(
        text.get(start..),
        Some([b'{' | b'[', ..] | [b'"', b'{' | b'[', ..])
    );
    let objects = memchr::memmem::find_iter(text, b"{\"")
        .chain(memchr::memmem::find_iter(text, b"{ \"").take(1));
    let first = at_start.then_some(start);
    first
        .into_iter()
        .chain(objects.filter(move |&at| Some(at) != first))
        .take(4)
}
