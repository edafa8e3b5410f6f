//! Which shape an input has, by its content.

use std::io;

use kinesis_aggregation::wire::MAGIC;

use super::lines::{Encoding, LONGEST_LINE, read_some};
use super::{Source, json, without_bom};

/// How an input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// JSON, whose own shape is known by name or by its keys.
    Json(Option<json::Document>),
    Raw,
    Lines(Encoding),
}

/// Reads from `source` into `head` until the shape is clear.
///
/// # Errors
///
/// The source's, and one of kind [`io::ErrorKind::InvalidData`] if the shape is none of ours.
pub(super) fn detect(source: &mut Source, head: &mut Vec<u8>) -> io::Result<Shape> {
    let mut looked_at = 0;
    loop {
        let read = read_some(source, head)?;
        let at_end = read == 0;
        let new = head.len().saturating_sub(read);
        let ends_line = head.get(new..).unwrap_or_default().contains(&b'\n');
        // A first line may be of many megabytes: it is not looked through again for each piece.
        if at_end || ends_line || head.len() >= 2 * looked_at {
            looked_at = head.len();
            if let Some(shape) = by_content(head, at_end) {
                return Ok(shape);
            }
        }
        if at_end || head.len() > LONGEST_LINE {
            let what = if head.is_empty() {
                "the input is empty"
            } else {
                "cannot tell the input's shape: name it with --input"
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
    }
}

/// The shape of an input that starts with `head`; none if that does not tell (yet).
fn by_content(head: &[u8], at_end: bool) -> Option<Shape> {
    if head.starts_with(&MAGIC) {
        return Some(Shape::Raw);
    }
    let text = without_bom(head).trim_ascii_start();
    match text.first()? {
        b'{' | b'[' => return Some(Shape::Json(None)),
        _ => {}
    }
    let line = match text.iter().position(|&byte| byte == b'\n') {
        Some(end) => text.get(..end)?,
        None if at_end => text,
        None => return None,
    };
    let line = line.trim_ascii();
    if line.len().is_multiple_of(2) && line.iter().all(u8::is_ascii_hexdigit) {
        return Some(Shape::Lines(Encoding::Hex));
    }
    let base64 = base64_simd::STANDARD.check(line).is_ok();
    base64.then_some(Shape::Lines(Encoding::Base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells() {
        for (head, shape) in [
            (&b" \n{"[..], Some(Shape::Json(None))),
            (b"\xEF\xBB\xBF[", Some(Shape::Json(None))),
            (b"\xF3\x89\x9A\xC2", Some(Shape::Raw)),
            (b"\n\nf3899aC2\r\nx", Some(Shape::Lines(Encoding::Hex))),
            (b"abc=\n", Some(Shape::Lines(Encoding::Base64))),
            (b"abc", None),
            (b"{not json", Some(Shape::Json(None))),
            (b"hello, world\n", None),
            (b"", None),
            (b" \n ", None),
        ] {
            assert_eq!(by_content(head, true), shape, "{head:?}");
        }
    }

    #[test]
    fn a_line_without_an_end_does_not_tell_yet() {
        assert_eq!(by_content(b"f3899ac2", false), None);
        assert_eq!(
            by_content(b"f3899ac2", true),
            Some(Shape::Lines(Encoding::Hex))
        );
    }
}
