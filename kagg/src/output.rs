//! Standard output.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde_json::ser::Formatter;

pub(crate) use crate::complaint::complain;
use crate::exit::{Failure, Result};

/// Standard output, buffered: flush it before waiting for anything.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.out.write_all(bytes);
        written.map_err(|error| Failure::of_output(&error))
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        let flushed = self.out.flush();
        flushed.map_err(|error| Failure::of_output(&error))
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn put_json_str(out: &mut Vec<u8>, text: &str) {
    // Writing to a Vec does not fail, and neither does serialising a str.
    let _ = serde_json::to_writer(out, text);
}

/// Appends `text` as a JSON string, or null.
pub(crate) fn put_json_option(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_json_str(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends `text` as a JSON string of ASCII characters: AWS CLI reads files in the encoding of
/// its surroundings, which need not be UTF-8.
pub(crate) fn put_ascii_json_str(out: &mut Vec<u8>, text: &str) {
    use serde::Serialize as _;
    let _ = text.serialize(&mut serde_json::Serializer::with_formatter(out, Ascii));
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() {
                write!(writer, "{c}")?;
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

/// Returns a JSON error's text without the value that it quotes, which may be record data or a key.
pub(crate) fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    kind_only(&text).unwrap_or(text)
}

/// Turns serde's "invalid type: integer `7`, expected a string" into "invalid type: an integer,
/// expected a string". `None` if it quotes no value.
fn kind_only(text: &str) -> Option<String> {
    let start = ["invalid type: ", "invalid value: "]
        .into_iter()
        .find_map(|what| text.find(what).map(|at| at + what.len()))?;
    let end = text.rfind(", expected ")?;
    let (kind, _) = text.get(start..end)?.split_once(['`', '"'])?;
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let (before, after) = (text.get(..start)?, text.get(end..)?);
    Some(format!("{before}{article} {}{after}", kind.trim_end()))
}
