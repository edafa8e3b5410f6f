//! What a terminal needs: nothing that steers it, and lines that fit.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether a character commands a terminal (C0, DEL, C1), or turns the direction of writing, so
/// that what is read is not what is there.
pub(crate) fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// `text` with what steers a terminal escaped as Rust does it; line breaks stay.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c != '\n' && is_steering(c);
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            // Writing to a String does not fail.
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Escapes, in the JSON from `start` on, what steers a terminal and JSON itself leaves as it is: DEL,
/// C1 and bidi marks, which can only be in strings. It is the same JSON after it.
pub(crate) fn make_json_safe(json: &mut Vec<u8>, start: usize) {
    let steers = |c: char| c >= '\u{7F}' && is_steering(c);
    let part = json.get(start..).unwrap_or_default();
    // Each of them starts with one of these bytes in UTF-8, and none has more than three bytes.
    let starts =
        memchr::memchr3_iter(0x7F, 0xC2, 0xE2, part).chain(memchr::memchr_iter(0xD8, part));
    let char_at = |at: usize| {
        let bytes = part.get(at..part.len().min(at + 3))?;
        bytes.utf8_chunks().next()?.valid().chars().next()
    };
    // Nearly all lines are done here.
    if !starts.filter_map(char_at).any(steers) {
        return;
    }
    let Ok(text) = str::from_utf8(part) else {
        return;
    };
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    json.truncate(start);
    json.extend_from_slice(safe.as_bytes());
}

/// The columns of standard output, if it is a terminal.
pub(crate) fn width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(columns))
}

/// The columns of standard error, if it is a terminal.
#[cfg(feature = "aws")]
pub(crate) fn message_width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stderr())?;
    Some(usize::from(columns))
}

/// The columns that `text` takes, which has nothing in it that steers a terminal.
pub(crate) fn columns(text: &str) -> usize {
    match text.is_ascii() {
        true => text.len(),
        false => text.width(),
    }
}

/// `text`, or as much of its start as fits into so many columns, and `…`.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut cut = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        cut.push(c);
    }
    cut.push('…');
    Cow::Owned(cut)
}

/// `text`, or `…` and as much of its end as fits into so many columns.
pub(crate) fn cut_start(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut left = width.saturating_sub(1);
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        (left, start) = (rest, at);
    }
    Cow::Owned(format!("…{}", text.get(start..).unwrap_or_default()))
}

/// `text` in lines of so many columns, broken between words. A longer word has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_escaped_and_the_rest_stays() {
        assert_eq!(escaped("plain é\n名"), "plain é\n名");
        assert_eq!(
            escaped("\u{1b}[2J\u{9b}\u{7f}\u{202e}\t"),
            "\\u{1b}[2J\\u{9b}\\u{7f}\\u{202e}\\t"
        );
    }

    #[test]
    fn json_is_the_same_and_safe() {
        for text in [
            "a\u{7f}b",
            "\u{9b}31m",
            "\u{61c}\u{202e}x\u{2069}",
            "é名\u{d7ff}’",
        ] {
            let mut json = serde_json::to_vec(text).unwrap();
            make_json_safe(&mut json, 0);
            assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
            let json = String::from_utf8(json).unwrap();
            assert!(!json.contains(is_steering), "{json}");
            // From the middle, the same after what was there.
            let mut more = [b"[".to_vec(), serde_json::to_vec(text).unwrap()].concat();
            make_json_safe(&mut more, 1);
            assert_eq!(String::from_utf8(more).unwrap(), format!("[{json}"));
        }
    }

    #[test]
    fn text_is_cut_and_wrapped_by_columns() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        // Two columns each.
        assert_eq!(cut("名名名", 4), "名…");
        assert_eq!(cut_start("名名名", 4), "…名");
        assert_eq!(cut_start("shard-06", 4), "…-06");
        assert_eq!(cut_start("06", 4), "06");
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible", 4), ["incomprehensible"]);
    }
}
