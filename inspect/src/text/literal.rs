//! The escapes of byte literals: `b'\xf3\x89\n'` in Python, `"\xf3\x89"` in C and Go.

/// Undoes the escapes of a literal's inside. `None` if there is one that is not known.
pub(crate) fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (escape, after) = rest.split_first()?;
        rest = after;
        bytes.push(match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'v' => 11,
            b'f' => 12,
            b'\\' | b'\'' | b'"' => *escape,
            b'x' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?
            }
            b'0'..=b'7' => {
                let more = rest
                    .iter()
                    .take(2)
                    .take_while(|byte| matches!(byte, b'0'..=b'7'));
                let (digits, after) = rest.split_at(more.count());
                rest = after;
                let value = digits
                    .iter()
                    .fold(u32::from(escape - b'0'), |value, digit| {
                        value * 8 + u32::from(digit - b'0')
                    });
                u8::try_from(value).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}
