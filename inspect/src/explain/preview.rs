//! Bytes and keys, made safe for a terminal.

use std::fmt::Write as _;

/// As many bytes of data as a preview shows.
const PREVIEW: usize = 64;

/// The start of `data`: as text where it is text, else in hexadecimal.
pub(super) fn preview(data: &[u8]) -> String {
    let start = data.get(..PREVIEW).unwrap_or(data);
    let more = if data.len() > start.len() { "…" } else { "" };
    // Most data need no escape.
    if start
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~' if *byte != b'\\'))
    {
        // All ASCII.
        return [str::from_utf8(start).unwrap_or_default(), more].concat();
    }
    let text = match str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut may have split a character.
        Err(error) if error.error_len().is_none() && !more.is_empty() => {
            str::from_utf8(start.get(..error.valid_up_to()).unwrap_or_default()).ok()
        }
        Err(_) => None,
    };
    match text {
        Some(text) if text.chars().all(is_text) => {
            let mut preview = String::with_capacity(text.len());
            for c in text.chars() {
                match c {
                    // Most data are JSON.
                    '"' | '\'' => preview.push(c),
                    _ => preview.extend(c.escape_debug()),
                }
            }
            preview + more
        }
        _ => {
            let start = start.get(..PREVIEW / 2).unwrap_or(start);
            let more = if data.len() > start.len() { "…" } else { "" };
            format!("hex {}{more}", hex::encode(start))
        }
    }
}

fn is_text(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || !c.is_control()
}

/// A hex dump of the bytes around `at`, sixteen a line. The line under that of `at` points to it.
///
/// ```
/// use kinesis_aggregation_inspect::dump_around;
///
/// let dump = dump_around(b"abc", 1);
/// assert!(dump.starts_with("00000000  61 62 63 "));
/// assert!(dump.ends_with("^^ byte 1\n"));
/// ```
pub fn dump_around(data: &[u8], at: usize) -> String {
    const WIDTH: usize = 16;
    let row = at.min(data.len()) / WIDTH;
    let mut dump = String::new();
    for row_here in row.saturating_sub(1)..=row.saturating_add(1) {
        let start = row_here.saturating_mul(WIDTH);
        let end = start.saturating_add(WIDTH).min(data.len());
        let bytes = data.get(start..end).unwrap_or_default();
        if !bytes.is_empty() {
            dump_row(&mut dump, start, bytes);
        }
        if row_here == row {
            let column = at.min(data.len()).saturating_sub(start);
            let _ = writeln!(dump, "{:1$}^^ byte {at}", "", 10 + column * 3);
        }
    }
    dump
}

fn dump_row(dump: &mut String, start: usize, bytes: &[u8]) {
    let _ = write!(dump, "{start:08}  ");
    for byte in bytes {
        let _ = write!(dump, "{byte:02x} ");
    }
    let padding = 16_usize.saturating_sub(bytes.len()) * 3;
    let text: String = bytes
        .iter()
        .map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        })
        .collect();
    let _ = writeln!(dump, "{:padding$} {text}", "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_text_or_hexadecimal_and_never_a_terminal_code() {
        assert_eq!(preview(b"{\"a\":'\\'}\n"), "{\"a\":'\\\\'}\\n");
        assert_eq!(preview(b"\x1b[2J"), "hex 1b5b324a");
        assert_eq!(preview("\u{202e}é".as_bytes()), "\\u{202e}é");
        assert_eq!(
            preview(&[0xFF; 100]),
            format!("hex {}…", "ff".repeat(PREVIEW / 2))
        );
        // The cut goes through a character.
        let long = format!("x{}", "é".repeat(PREVIEW));
        assert_eq!(
            preview(long.as_bytes()),
            format!("x{}…", "é".repeat(PREVIEW / 2 - 1))
        );
    }

    #[test]
    fn a_dump_points_to_the_byte() {
        let data: Vec<u8> = (0..40).collect();
        let dump = dump_around(&data, 18);
        let lines: Vec<_> = dump.lines().collect();
        assert_eq!(lines.len(), 4);
        let column = lines[2].find('^').unwrap();
        assert_eq!(&lines[1][column..column + 2], "12");
        assert!(dump_around(&data, 40).contains("^^ byte 40"));
        assert!(dump_around(&[], 0).contains("^^ byte 0"));
    }
}
