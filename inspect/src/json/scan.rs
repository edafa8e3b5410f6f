//! The tokens of JSON, piece by piece, and of what Python, Node and others print in its place:
//! `'text'`, `b'\xf3'`, `None`, `datetime.datetime(2026, 1, 1)`, `Uint8Array(2) [ 1, 2 ]`,
//! `<Buffer f3 89>`.

use std::ops::Range;

use crate::find::FindError;
use crate::record::{LONGEST, Place};
use crate::text::{Encoding, unescape};

/// A token. Its text is in the scanner's buffer until the next one is asked for.
pub(super) enum Token {
    OpenObject,
    CloseObject,
    OpenArray,
    CloseArray,
    Comma,
    Colon,
    Text(Text),
    /// A number, `true`, `null`, a key without quotes, or a call as Python prints it.
    Word(Range<usize>),
    /// A byte literal, decoded.
    Bytes(Vec<u8>),
}

/// A string: the part of the buffer between its quotes.
pub(super) struct Text {
    pub(super) inside: Range<usize>,
    pub(super) is_escaped: bool,
    /// Quoted as JSON wants it.
    pub(super) is_json: bool,
}

/// Reads tokens from pieces of text.
#[derive(Default)]
pub(super) struct Scanner {
    buffer: Vec<u8>,
    /// Where the next token starts, or white space before it.
    at: usize,
    /// Bytes that were dropped before the buffer.
    gone: u64,
    /// Newlines before `at`.
    newlines: u64,
    ended: bool,
    /// A string that is not complete has been searched this far: it is not searched again from
    /// its start for each piece.
    searched: usize,
    searched_escape: bool,
}

type Scanned<T> = Result<Option<T>, FindError>;

impl Scanner {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.at);
        self.gone += self.at as u64;
        self.searched = self.searched.saturating_sub(self.at);
        self.at = 0;
        self.buffer.extend_from_slice(piece);
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Where the next token starts, or the last one ended.
    pub(super) fn place(&self) -> Place {
        Place {
            line: self.newlines + 1,
            offset: self.gone + self.at as u64,
        }
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    pub(super) fn broken(&self, what: &'static str) -> FindError {
        FindError::Json {
            what,
            place: self.place(),
        }
    }

    /// The next token. `None` if it needs more input, or if there is none.
    pub(super) fn next(&mut self) -> Scanned<Token> {
        self.skip_blanks();
        let Some(&first) = self.buffer.get(self.at) else {
            return Ok(None);
        };
        let punctuation = match first {
            b'{' => Token::OpenObject,
            b'}' => Token::CloseObject,
            b'[' => Token::OpenArray,
            b']' => Token::CloseArray,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' | b'\'' => return Ok(self.text(self.at)?.map(Token::Text)),
            b'<' => return self.angled(),
            _ => return self.word(),
        };
        self.at += 1;
        Ok(Some(punctuation))
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.buffer.get(self.at) {
            match byte {
                b'\n' => self.newlines += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => return,
            }
            self.at += 1;
        }
    }

    /// More is to come; or it never will.
    fn more<T>(&self, what: &'static str) -> Scanned<T> {
        if self.ended {
            return Err(self.broken(what));
        }
        if self.buffer.len().saturating_sub(self.at) > LONGEST {
            return Err(FindError::TooLong {
                place: self.place(),
            });
        }
        Ok(None)
    }

    /// The string whose opening quote is at `quote`.
    fn text(&mut self, quote: usize) -> Scanned<Text> {
        let Some(&mark) = self.buffer.get(quote) else {
            return self.more("it ends inside a string");
        };
        let inside = quote + 1;
        let mut from = self.searched.max(inside);
        let mut is_escaped = self.searched > inside && self.searched_escape;
        loop {
            let rest = self.buffer.get(from..).unwrap_or_default();
            let found = memchr::memchr2(mark, b'\\', rest).map(|at| from + at);
            match found {
                Some(end) if self.buffer.get(end) == Some(&mark) => {
                    self.at = end + 1;
                    self.searched = 0;
                    return Ok(Some(Text {
                        inside: inside..end,
                        is_escaped,
                        is_json: mark == b'"' && quote + 1 == inside,
                    }));
                }
                Some(escape) if escape + 1 < self.buffer.len() => {
                    is_escaped = true;
                    from = escape + 2;
                }
                _ => {
                    self.searched = found.unwrap_or(self.buffer.len());
                    self.searched_escape = is_escaped;
                    return self.more("it ends inside a string");
                }
            }
        }
    }

    /// `<Buffer f3 89>`.
    fn angled(&mut self) -> Scanned<Token> {
        let rest = self.bytes(self.at..self.buffer.len());
        let Some(end) = memchr::memchr(b'>', rest) else {
            return self.more("it ends inside a buffer");
        };
        let inside = rest.get(..=end).unwrap_or_default();
        match Encoding::Hex.decode(inside) {
            Some(bytes) => {
                self.at += end + 1;
                Ok(Some(Token::Bytes(bytes)))
            }
            None if memchr::memmem::find(inside, b"more bytes").is_some() => {
                Err(self.broken("Node printed only the start of a buffer: print it as base64"))
            }
            None => Err(self.broken("a value is missing")),
        }
    }

    fn word(&mut self) -> Scanned<Token> {
        let start = self.at;
        let rest = self.bytes(start..self.buffer.len());
        let len = rest.iter().take_while(|&&byte| is_of_word(byte)).count();
        let Some(&after) = rest.get(len) else {
            if !self.ended {
                return self.more("");
            }
            self.at += len;
            return Ok(Some(Token::Word(start..start + len)));
        };
        match (rest.get(..len).unwrap_or_default(), after) {
            (b"b" | b"B", b'"' | b'\'') => self.literal(start + 1),
            ([], _) => Err(self.broken("a value is missing")),
            (_, b'(') => self.call(start, len),
            _ => {
                self.at = start + len;
                Ok(Some(Token::Word(start..start + len)))
            }
        }
    }

    /// Python's `b'\xf3\x89'`.
    fn literal(&mut self, quote: usize) -> Scanned<Token> {
        let Some(text) = self.text(quote)? else {
            return Ok(None);
        };
        let inside = self.bytes(text.inside);
        match unescape(inside) {
            Some(bytes) => Ok(Some(Token::Bytes(bytes))),
            None => Err(self.broken("a byte literal has an escape that is not known")),
        }
    }

    /// A call as Python prints it. What looks like one before `[` or `{` is a type, as Node prints
    /// it, and is left out.
    fn call(&mut self, start: usize, len: usize) -> Scanned<Token> {
        let rest = self.bytes(start + len..self.buffer.len());
        let mut depth = 0_usize;
        let end = rest.iter().position(|byte| {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(end) = end else {
            return self.more("it ends inside a call");
        };
        let end = start + len + end + 1;
        let after = self.bytes(end..self.buffer.len()).trim_ascii_start();
        match after.first() {
            None if !self.ended => self.more(""),
            Some(b'[' | b'{') => {
                self.at = end;
                self.next()
            }
            _ => {
                self.at = end;
                Ok(Some(Token::Word(start..end)))
            }
        }
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'$' | b'&')
        || !byte.is_ascii()
}
