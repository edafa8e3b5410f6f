//! Lists of decimal numbers that are not JSON: `[243 137 154 194]` as Go prints bytes, `[-13 -119]`,
//! `<<243,137,154,194>>` in Erlang.

pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b".").unwrap_or(text).trim_ascii();
    let inside = match text {
        [b'<', b'<', inside @ .., b'>', b'>'] | [b'[', inside @ .., b']'] => inside,
        _ => return None,
    };
    let is_between = |byte: &u8| matches!(byte, b' ' | b',' | b'\t');
    let mut bytes = Vec::new();
    let mut is_decimal = false;
    for word in inside.split(is_between).filter(|word| !word.is_empty()) {
        let number: i16 = str::from_utf8(word).ok()?.parse().ok()?;
        // Of two digits each, they may be hexadecimal.
        is_decimal |= word.len() != 2;
        let unsigned = u8::try_from(number).ok();
        bytes.push(unsigned.or_else(|| Some(i8::try_from(number).ok()?.cast_unsigned()))?);
    }
    is_decimal.then_some(bytes)
}
