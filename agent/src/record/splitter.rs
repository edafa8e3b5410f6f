//! The splitter of one file.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::rules::RecordRules;

/// What the next `len` bytes of the file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) len: u64,
    /// `None` for what is skipped.
    pub(crate) data: Option<Bytes>,
    /// Whether the record was longer than allowed.
    pub(crate) is_cut: bool,
}

/// Takes a file's bytes in order, and gives its records. Holds at most one record.
///
/// ```text
///   file     2026 first\n   at x\n   2026 second\n   at …
///   lines    [ start    ][ goes on ][ start      ][ not yet a line
///   held                             record          line
/// ```
pub(crate) struct Splitter {
    rules: Arc<RecordRules>,
    /// How many header lines are still to come.
    headers: usize,
    /// The beginning of a line whose end has not been read.
    line: BytesMut,
    /// The lines of a multi-line record that may go on, and the bytes of the file they are.
    record: BytesMut,
    record_len: u64,
    /// The record under way was cut; the rest of it is skipped.
    cut: Cut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    No,
    /// Inside a line: to its newline, and then on to the next start.
    Line,
    /// Between lines, to the next start.
    Record,
}

impl Splitter {
    /// At a position of the file.
    pub(crate) fn new(rules: Arc<RecordRules>, position: u64) -> Self {
        Self {
            headers: if position == 0 {
                rules.skip_header_lines
            } else {
                0
            },
            line: BytesMut::new(),
            record: BytesMut::new(),
            record_len: 0,
            cut: Cut::No,
            rules,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, chunk: &Bytes, pieces: &mut Vec<Piece>) {
        let mut from = 0;
        while let Some(rest) = chunk.get(from..).filter(|rest| !rest.is_empty()) {
            let Some(newline) = memchr(b'\n', rest) else {
                self.part(rest, pieces);
                return;
            };
            let end = from + newline + 1;
            if self.cut == Cut::Line {
                self.end_of_cut_line(newline + 1, pieces);
            } else if self.line.is_empty() {
                self.line(chunk.slice(from..end), pieces);
            } else {
                self.line
                    .extend_from_slice(chunk.get(from..end).unwrap_or_default());
                let line = self.line.split().freeze();
                self.line(line, pieces);
            }
            from = end;
        }
    }

    /// Takes what is the last line, or the last record, although nothing says that it is
    /// complete.
    pub(crate) fn finish(&mut self, pieces: &mut Vec<Piece>) {
        if !self.line.is_empty() {
            let line = self.line.split().freeze();
            self.line(line, pieces);
        }
        self.close_record(pieces);
    }

    /// Whether complete lines wait for their record's next line.
    pub(crate) fn waits(&self) -> bool {
        !self.record.is_empty()
    }

    /// Gives the lines that wait for more as a record, unless a line is half read.
    pub(crate) fn give_up_waiting(&mut self, pieces: &mut Vec<Piece>) {
        if self.line.is_empty() {
            self.close_record(pieces);
        }
    }

    /// The bytes held.
    pub(crate) fn held(&self) -> usize {
        self.line.len().saturating_add(self.record.len())
    }

    /// A part of a line without its newline.
    fn part(&mut self, part: &[u8], pieces: &mut Vec<Piece>) {
        if self.cut == Cut::Line {
            pieces.push(skipped(part.len() as u64));
            return;
        }
        // One byte more than allowed is enough to know.
        self.line.extend_from_slice(part);
        if self.line.len() > self.rules.max_record {
            let line = self.line.split().freeze();
            self.line(line, pieces);
            self.cut = Cut::Line;
        }
    }

    fn end_of_cut_line(&mut self, len: usize, pieces: &mut Vec<Piece>) {
        pieces.push(skipped(len as u64));
        self.cut = if self.rules.multi_line_start.is_some() {
            Cut::Record
        } else {
            Cut::No
        };
    }

    /// A line, with its newline if there is one.
    fn line(&mut self, line: Bytes, pieces: &mut Vec<Piece>) {
        if self.headers > 0 {
            self.headers -= 1;
            pieces.push(skipped(line.len() as u64));
            return;
        }
        let Some(start) = &self.rules.multi_line_start else {
            let len = line.len() as u64;
            self.emit(line, len, pieces);
            return;
        };
        let text = String::from_utf8_lossy(&line);
        if start.looking_at(&text) {
            self.close_record(pieces);
            self.cut = Cut::No;
        } else if self.cut == Cut::Record {
            pieces.push(skipped(line.len() as u64));
            return;
        }
        self.record_len = self.record_len.saturating_add(line.len() as u64);
        self.record.extend_from_slice(&line);
        if self.record.len() > self.rules.max_record {
            self.close_record(pieces);
            self.cut = Cut::Record;
        }
    }

    fn close_record(&mut self, pieces: &mut Vec<Piece>) {
        if self.record.is_empty() {
            return;
        }
        let record = self.record.split().freeze();
        let len = std::mem::take(&mut self.record_len);
        self.emit(record, len, pieces);
    }

    fn emit(&self, record: Bytes, len: u64, pieces: &mut Vec<Piece>) {
        if let Some(footer) = &self.rules.footer {
            let text = String::from_utf8_lossy(&record);
            let without_newline = text.strip_suffix('\n').unwrap_or(&text);
            if footer.is_match(without_newline) || footer.is_match(&text) {
                pieces.push(skipped(len));
                return;
            }
        }
        let is_cut = record.len() > self.rules.max_record;
        let data = if is_cut {
            cut(&record, self.rules.max_record, &self.rules.terminator)
        } else {
            record
        };
        pieces.push(Piece {
            len,
            data: Some(data),
            is_cut,
        });
    }
}

fn skipped(len: u64) -> Piece {
    Piece {
        len,
        data: None,
        is_cut: false,
    }
}

/// The first bytes of a record with the terminator after them, `max` bytes at most: cut before
/// the character that does not fit, never inside it.
pub(crate) fn cut(record: &[u8], max: usize, terminator: &[u8]) -> Bytes {
    let mut end = max.saturating_sub(terminator.len()).min(record.len());
    // A UTF-8 character has at most three bytes 10xxxxxx after its first. What has more of them
    // in a row is no text, and is cut where it must.
    let is_inside = |end: usize| record.get(end).is_some_and(|byte| byte & 0xC0 == 0x80);
    if let Some(start) = (0..4)
        .filter_map(|back| end.checked_sub(back))
        .find(|&start| !is_inside(start))
    {
        end = start;
    }
    let mut data = BytesMut::with_capacity(end + terminator.len());
    data.extend_from_slice(record.get(..end).unwrap_or_default());
    data.extend_from_slice(terminator.get(..max).unwrap_or(terminator));
    data.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::java_regex::JavaRegex;

    /// The pieces of a text that comes in chunks of every size: always the same.
    fn pieces(rules: &RecordRules, text: &str, finish: bool) -> Vec<Piece> {
        let split = |size: usize| {
            let mut splitter = Splitter::new(Arc::new(rules.clone()), 0);
            let mut pieces = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                splitter.push(&Bytes::copy_from_slice(chunk), &mut pieces);
                assert!(splitter.held() <= 2 * rules.max_record + size);
            }
            if finish {
                splitter.finish(&mut pieces);
                let total: u64 = pieces.iter().map(|piece| piece.len).sum();
                assert_eq!(total, text.len() as u64);
            }
            pieces
        };
        let records = |pieces: &[Piece]| -> Vec<_> {
            pieces
                .iter()
                .filter_map(|piece| piece.data.clone())
                .collect()
        };
        let whole = split(text.len().max(1));
        for size in 1..text.len() {
            assert_eq!(
                records(&split(size)),
                records(&whole),
                "in chunks of {size}"
            );
        }
        whole
    }

    fn records(rules: &RecordRules, text: &str, finish: bool) -> Vec<String> {
        let data = pieces(rules, text, finish)
            .into_iter()
            .filter_map(|piece| piece.data);
        data.map(|data| String::from_utf8_lossy(&data).into_owned())
            .collect()
    }

    #[test]
    fn lines_keep_their_newline_and_empty_ones_are_records() {
        let rules = RecordRules::default();
        assert_eq!(
            records(&rules, "a\r\n\nb\nrest", false),
            ["a\r\n", "\n", "b\n"]
        );
        assert_eq!(records(&rules, "a\nrest", true), ["a\n", "rest"]);
    }

    #[test]
    fn header_lines_and_footers_are_skipped() {
        let rules = RecordRules {
            skip_header_lines: 2,
            footer: Some(JavaRegex::new("#end.*").expect("good")),
            ..RecordRules::default()
        };
        assert_eq!(
            records(&rules, "h1\nh2\na\n#end 1\nb\n", false),
            ["a\n", "b\n"]
        );
    }

    #[test]
    fn a_record_of_several_lines_ends_where_the_next_starts() {
        let rules = RecordRules {
            multi_line_start: Some(JavaRegex::new(r"\d{4}").expect("good")),
            ..RecordRules::default()
        };
        let text = " before\n2026 a\n at x\n at y\n2026 b\n at z\n";
        let first = [" before\n", "2026 a\n at x\n at y\n"];
        assert_eq!(records(&rules, text, false), first);
        assert_eq!(
            records(&rules, text, true).last().map(String::as_str),
            Some("2026 b\n at z\n")
        );
    }

    #[test]
    fn a_long_line_is_cut_at_the_edge_of_a_character_and_its_rest_skipped() {
        let rules = RecordRules {
            max_record: 8,
            terminator: Bytes::from_static(b"\n"),
            ..RecordRules::default()
        };
        assert_eq!(records(&rules, "1234567\nb\n", false), ["1234567\n", "b\n"]);
        assert_eq!(
            records(&rules, "12345678\nb\n", false),
            ["1234567\n", "b\n"]
        );
        assert_eq!(
            records(&rules, "12345éé and much more\nb\n", false),
            ["12345é\n", "b\n"]
        );
        assert_eq!(
            records(&rules, "123456éé and much more\nb\n", false),
            ["123456\n", "b\n"]
        );
    }

    #[test]
    fn a_long_record_is_cut_and_skipped_to_the_next_start() {
        let rules = RecordRules {
            max_record: 8,
            multi_line_start: Some(JavaRegex::new("S").expect("good")),
            ..RecordRules::default()
        };
        let text = "S1\nabc\ndef\nghi\nS2\n0123456789abcdef\nxy\nS3\n";
        let got = records(&rules, text, true);
        assert_eq!(got, ["S1\nabc\n\n", "S2\n0123\n", "S3\n"]);
    }
}
