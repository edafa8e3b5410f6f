//! The rows of hex dumps.
//!
//! ```text
//! 00000000: f389 9ac2 0a0a 6375 7374 6f6d 6572 2d34  ......customer-4      xxd
//! 00000000  f3 89 9a c2 0a 0a 63 75  73 74 6f 6d 65 72 2d 34  |......|  hexdump -C
//! 0000000 89f3 c29a 0a0a 7563                                           hexdump: swapped pairs
//! ```

/// The offset of a row, and its bytes.
pub(crate) struct DumpRow {
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// No dump has more in a row: what is longer is text.
const MOST_BYTES: usize = 64;

impl DumpRow {
    /// Reads a row. `None` if the line is not one.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (offset, rest) = line.split_at(digits);
        if !(7..=16).contains(&digits) {
            return None;
        }
        let offset = u64::from_str_radix(str::from_utf8(offset).ok()?, 16).ok()?;
        let (colon, rest) = match rest {
            [b':', rest @ ..] => (true, rest),
            // The last row of hexdump has its offset alone.
            [] => {
                return Some(Self {
                    offset,
                    bytes: Vec::new(),
                });
            }
            [b' ', ..] => (false, rest),
            _ => return None,
        };
        let (bytes, pairs) = bytes_of(rest, colon)?;
        let bytes = if pairs && !colon {
            swapped(bytes)
        } else {
            bytes
        };
        (!bytes.is_empty()).then_some(Self { offset, bytes })
    }
}

/// The bytes before the text column, which two blanks or a bar set off, and whether they came in
/// groups of two.
fn bytes_of(mut rest: &[u8], colon: bool) -> Option<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let mut pairs = false;
    loop {
        let blanks = rest.iter().take_while(|&&byte| byte == b' ').count();
        // hexdump -C has two blanks after eight bytes, too.
        if blanks >= 2 && colon && !bytes.is_empty() {
            return Some((bytes, pairs));
        }
        rest = rest.get(blanks..)?;
        let len = rest.iter().take_while(|&&byte| byte != b' ').count();
        let (group, after) = rest.split_at(len);
        match group {
            [] | [b'|', ..] | [b'>', ..] => return Some((bytes, pairs)),
            _ => {}
        }
        let Ok(decoded) = hex::decode(group) else {
            return colon.then_some((bytes, pairs));
        };
        pairs |= decoded.len() == 2;
        bytes.extend(decoded);
        if bytes.len() > MOST_BYTES {
            return None;
        }
        rest = after;
    }
}

fn swapped(mut bytes: Vec<u8>) -> Vec<u8> {
    for pair in bytes.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    bytes
}
