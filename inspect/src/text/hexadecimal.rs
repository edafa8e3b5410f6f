//! Hexadecimal: `f3899ac2`, `0xf3899ac2`, `\xf3899ac2` (PostgreSQL), `x'f3899ac2'` (SQL),
//! `f3 89 9a c2`, `f3:89:9a:c2`, `{0xf3, 0x89, 0x9a, 0xc2}`, `<Buffer f3 89 9a c2>` (Node).

/// Whether `text` is, as hexadecimal, the start of an aggregate.
pub(super) fn opens_an_aggregate(text: &[u8]) -> bool {
    let bare = without_prefix(text);
    let start = bare.get(..8).unwrap_or_default();
    start.eq_ignore_ascii_case(b"f3899ac2")
}

fn without_prefix(text: &[u8]) -> &[u8] {
    match text {
        [b'0', b'x' | b'X', rest @ ..]
        | [b'\\', b'\\', b'x', rest @ ..]
        | [b'\\', b'x', rest @ ..] => rest,
        [b'x' | b'X', b'\'', rest @ .., b'\''] => rest,
        _ => text,
    }
}

fn without_brackets(text: &[u8]) -> &[u8] {
    let text = match text {
        [b'[', inner @ .., b']'] | [b'{', inner @ .., b'}'] | [b'(', inner @ .., b')'] => inner,
        [b'<', inner @ .., b'>'] => inner.strip_prefix(b"Buffer").unwrap_or(inner),
        _ => text,
    };
    text.trim_ascii()
}

/// The digits of `text`, and nothing else.
pub(super) fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let text = without_prefix(without_brackets(text));
    if text.iter().all(u8::is_ascii_hexdigit) {
        return Some(text.to_vec());
    }
    let mut digits = Vec::with_capacity(text.len());
    for token in text.split(|&byte| matches!(byte, b' ' | b'\t' | b',' | b':' | b'-' | b';')) {
        let prefixed = token.starts_with(b"0x") || token.starts_with(b"0X");
        let token = if prefixed { token.get(2..)? } else { token };
        if !token.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        match token.len() {
            1 => digits.extend([b'0', *token.first()?]),
            len if len % 2 == 0 => digits.extend(token),
            _ => return None,
        }
    }
    Some(digits)
}

pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    hex::decode(digits(text)?).ok()
}
