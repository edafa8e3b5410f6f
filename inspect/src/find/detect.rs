//! Which form an input has, by its first bytes.

use kinesis_aggregation::wire::MAGIC;

use super::error::FindError;

/// How an input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Raw,
    /// Lines, the first of which will tell more.
    Text,
}

/// The form of an input that starts with `head`. `None` if that does not tell yet.
pub(super) fn detect(head: &[u8], ended: bool) -> Result<Option<Form>, FindError> {
    if head.len() < MAGIC.len() && !ended {
        return Ok(None);
    }
    if head.starts_with(&MAGIC) {
        return Ok(Some(Form::Raw));
    }
    match head {
        [0x1F, 0x8B, ..] => return Err(FindError::Compressed("gzip")),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => return Err(FindError::Compressed("zstd")),
        _ => {}
    }
    let text = head.trim_ascii_start();
    let form = match text {
        [] if ended => return Err(FindError::Empty),
        [] => return Ok(None),
        [b'{', inside @ ..] if matches!(inside.trim_ascii_start(), [b'0', b'x' | b'X', ..]) => {
            Form::Text
        }
        [b'[', inside @ ..] => match by_list(inside) {
            None if !ended => return Ok(None),
            form => form.unwrap_or(Form::Json),
        },
        [b'{', ..] | [b'b' | b'B', b'\'' | b'"', ..] => Form::Json,
        // A document in a string, or base64 in quotes.
        [b'"' | b'\'', inside @ ..] => match inside.trim_ascii_start().first() {
            None if !ended => return Ok(None),
            Some(b'{' | b'[') => Form::Json,
            _ => Form::Text,
        },
        [b'b' | b'B'] if !ended => return Ok(None),
        _ => Form::Text,
    };
    Ok(Some(form))
}

/// JSON, or `[243 137 154 194]` as Go prints bytes, or `[f3, 89]`.
fn by_list(inside: &[u8]) -> Option<Form> {
    let inside = inside.trim_ascii_start();
    let is_digit = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X' | b'-');
    let len = inside.iter().take_while(is_digit).count();
    let (word, after) = inside.split_at(len);
    if word.is_empty() {
        return (!after.is_empty()).then_some(Form::Json);
    }
    let is_hex = word
        .iter()
        .any(|byte| !byte.is_ascii_digit() && *byte != b'-');
    match after.first()? {
        _ if is_hex => Some(Form::Text),
        b' ' => match after.trim_ascii_start().first()? {
            b',' | b']' => Some(Form::Json),
            _ => Some(Form::Text),
        },
        _ => Some(Form::Json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (head, form) in [
            (&b" \n{"[..], Form::Json),
            (b"[1, 2]", Form::Json),
            (b"[-13,-119]", Form::Json),
            (b"[1 , 2]", Form::Json),
            (b"[1 ]", Form::Json),
            (b"[{", Form::Json),
            (b"[243 137 154]", Form::Text),
            (b"[f3, 89]", Form::Text),
            (b"[0xf3, 0x89]", Form::Text),
            (b"[0XF3, 0X89]", Form::Text),
            (b"{ 0xf3, 0x89}", Form::Text),
            (b"{0XF3, 0X89}", Form::Text),
            (b"\xF3\x89\x9A\xC2", Form::Raw),
            (b"\n\nf3899aC2\r\nx", Form::Text),
            (b"b'\\xf3'", Form::Json),
            (b"\"{", Form::Json),
            (b"\"84ma\"", Form::Text),
            (b"abcd", Form::Text),
        ] {
            assert_eq!(detect(head, true), Ok(Some(form)), "{head:?}");
        }
        assert_eq!(detect(b" \n ", true), Err(FindError::Empty));
        assert_eq!(detect(b" \n  ", false), Ok(None));
        assert_eq!(detect(b"\xF3\x89", false), Ok(None));
    }
}
