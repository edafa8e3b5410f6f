//! Bytes as people write them down: base64 and hexadecimal in all their spellings, and the byte
//! literals of programming languages.

mod base64;
mod decimal;
mod dump;
mod hexadecimal;
mod literal;

pub(crate) use dump::DumpRow;
pub(crate) use literal::unescape;

/// How the bytes of a record are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Hex,
    Base64,
}

impl Encoding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hex => "hexadecimal",
            Self::Base64 => "base64",
        }
    }

    /// Decodes `text` with all its prefixes, quotes and separators.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        let text = bare(text);
        match self {
            Self::Hex => decimal::decode(text).or_else(|| hexadecimal::decode(text)),
            Self::Base64 => base64::decode(text),
        }
    }

    /// The digits of a line that may be one of many of a single record, without blanks and
    /// padding, in the standard alphabet. `None` if there is anything else in it.
    pub(crate) fn digits(self, line: &[u8]) -> Option<Vec<u8>> {
        let line = bare(line);
        match self {
            Self::Hex => hexadecimal::digits(line),
            Self::Base64 => base64::digits(line),
        }
    }

    /// How many digits make a whole number of bytes.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Hex => 2,
            Self::Base64 => 4,
        }
    }

    /// Says why a line, without the white space around it, cannot be decoded.
    pub(crate) fn complaint(self, line: &[u8]) -> String {
        let name = self.name();
        let belongs = |byte: u8| match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        };
        let blanks = line.len() - line.trim_ascii_start().len();
        let text = line.trim_ascii();
        match (text.iter().position(|&byte| !belongs(byte)), self) {
            (Some(at), _) => format!("is not {name} at its byte {}", blanks + at + 1),
            (None, Self::Hex) => format!("is not {name}: {} digits are not pairs", text.len()),
            (None, Self::Base64) => format!(
                "is not {name}: of its {} characters some are missing, or the last are wrong",
                text.len()
            ),
        }
    }
}

/// Decodes text whose encoding is to be found out. Hexadecimal comes first: its digits are base64
/// digits too.
pub(crate) fn decode(text: &[u8]) -> Option<(Encoding, Vec<u8>)> {
    let with = |encoding: Encoding| Some((encoding, encoding.decode(text)?));
    with(Encoding::Hex).or_else(|| with(Encoding::Base64))
}

/// Decodes a value that should be base64, as in JSON; what is not base64 may be anything that
/// [`decode`] takes. Hexadecimal digits are base64 digits too: `f3899ac2…` is an aggregate.
pub(crate) fn decode_value(text: &[u8]) -> Option<Vec<u8>> {
    let decoded = base64_simd::STANDARD.decode_to_vec(text);
    match decoded {
        Ok(_) if hexadecimal::opens_an_aggregate(text) => Encoding::Hex.decode(text),
        Ok(data) => Some(data),
        Err(_) => decode(text).map(|(_, data)| data),
    }
}

/// `text` without the white space, the quotes and the commas around it.
fn bare(text: &[u8]) -> &[u8] {
    let is_around =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b',' | b';');
    // `x'f3899ac2'` keeps its quotes.
    if matches!(text, [b'x' | b'X', b'\'', ..]) {
        return text;
    }
    let start = text.iter().take_while(|byte| is_around(byte)).count();
    let text = text.get(start..).unwrap_or_default();
    let end = text.iter().rev().take_while(|byte| is_around(byte)).count();
    text.get(..text.len() - end).unwrap_or_default()
}
