//! Keys, decoded as Java decodes UTF-8.

use std::borrow::Cow;

/// The text of a table entry as the KCL reads and hashes it: malformed UTF-8 is replaced as in
/// `String::from_utf8_lossy`, except that an encoded surrogate becomes one U+FFFD.
///
/// ```
/// use kinesis_aggregation::wire::key_text;
///
/// assert_eq!(key_text(b"key"), "key");
/// assert_eq!(key_text(b"\xED\xA0\x80"), "\u{FFFD}");
/// ```
pub fn key_text(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut text = String::with_capacity(bytes.len());
            decode_utf8(bytes, &mut text);
            Cow::Owned(text)
        }
    }
}

/// Appends `bytes` to `text`, each malformed sequence replaced by U+FFFD as Java's decoder does:
/// like `String::from_utf8_lossy`, except that an encoded surrogate counts as one sequence.
pub(crate) fn decode_utf8(bytes: &[u8], text: &mut String) {
    let mut rest = bytes;
    loop {
        let error = match str::from_utf8(rest) {
            Ok(valid) => return text.push_str(valid),
            Err(error) => error,
        };
        let (valid, invalid) = rest
            .split_at_checked(error.valid_up_to())
            .unwrap_or_default();
        // Never fails: from_utf8 has just said so.
        text.push_str(str::from_utf8(valid).unwrap_or_default());
        text.push(char::REPLACEMENT_CHARACTER);
        let len = match invalid {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => 3,
            [0xED, 0xA0..=0xBF, ..] => 2,
            _ => error.error_len().unwrap_or(invalid.len()),
        };
        rest = invalid.get(len..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        let mut text = String::new();
        decode_utf8(bytes, &mut text);
        text
    }

    #[test]
    fn an_encoded_surrogate_is_one_replacement() {
        assert_eq!(decoded(b"\xED\xA0"), "\u{FFFD}");
        assert_eq!(decoded(b"\xED\xA0\x80"), "\u{FFFD}");
        assert_eq!(decoded(b"\xED\xA0\x80\xED\xB0\x80"), "\u{FFFD}\u{FFFD}");
        assert_eq!(decoded(b"\xED\xA0A"), "\u{FFFD}A");
    }

    #[test]
    fn everything_else_is_as_from_utf8_lossy() {
        for bytes in [
            &b""[..],
            b"plain",
            "\u{e9}\u{20ac}\u{1f600}".as_bytes(),
            b"\xC0\x80",
            b"\xE2\x82",
            b"\xF0\x9F\x98",
            b"a\xFFb\xFE",
            b"\xF4\x90\x80\x80",
            b"\xED",
            b"\xE0\x80\x80",
        ] {
            assert_eq!(decoded(bytes), String::from_utf8_lossy(bytes));
        }
    }
}
