//! Text in lines: a record a line, one aggregate in several lines, a dump, a table, a log.

use kinesis_aggregation::wire::{MAGIC, is_framed};

use super::error::{FindError, Warning};
use super::join::{Join, Joined};
use super::sink::Sink;
use super::yaml::Yaml;
use super::{columns, yaml};
use crate::fields::Fields;
use crate::json::Walker;
use crate::record::{LONGEST, Place};
use crate::text::{DumpRow, Encoding, decode};

/// Reads lines, piece by piece.
#[derive(Default)]
pub(super) struct TextReader {
    buffer: Vec<u8>,
    /// Where the next line starts.
    at: usize,
    /// Bytes that were dropped before the buffer.
    gone: u64,
    /// A line that is not complete has been searched this far.
    searched: usize,
    line: u64,
    ended: bool,
    kind: Kind,
}

enum Kind {
    /// After so many empty lines.
    Undecided(Vec<Place>),
    Lines(Lines),
    Dump(Dump),
    GetRecords,
    Yaml(Yaml),
    Log,
    Done,
}

impl Default for Kind {
    fn default() -> Self {
        Self::Undecided(Vec::new())
    }
}

impl TextReader {
    /// For a record a line in this encoding.
    pub(super) fn named(encoding: Encoding) -> Self {
        Self {
            kind: Kind::Lines(Lines::new(encoding, true)),
            ..Self::default()
        }
    }

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

    /// Reads one line. False if none is complete.
    pub(super) fn step(&mut self, sink: &mut Sink) -> Result<bool, FindError> {
        let from = self.at.max(self.searched);
        let rest = self.buffer.get(from..).unwrap_or_default();
        let newline = memchr::memchr(b'\n', rest).map(|at| from + at);
        let place = Place {
            line: self.line + 1,
            offset: self.gone + self.at as u64,
        };
        let (end, next) = match newline {
            Some(end) => (end, end + 1),
            None if self.ended && self.at < self.buffer.len() => {
                (self.buffer.len(), self.buffer.len())
            }
            None if self.ended => {
                self.last(sink)?;
                return Ok(false);
            }
            None if self.buffer.len() - self.at > LONGEST => {
                return Err(FindError::TooLong { place });
            }
            None => {
                self.searched = self.buffer.len();
                return Ok(false);
            }
        };
        let line = self.buffer.get(self.at..end).unwrap_or_default();
        self.line += 1;
        self.at = next;
        self.searched = 0;
        self.kind.line(line, place, sink)?;
        Ok(true)
    }

    /// The rest, when all lines are read.
    fn last(&mut self, sink: &mut Sink) -> Result<(), FindError> {
        match std::mem::replace(&mut self.kind, Kind::Done) {
            Kind::Undecided(_) => return Err(FindError::UnknownShape),
            Kind::Lines(mut lines) => lines.end(sink)?,
            Kind::Dump(mut dump) => dump.end(sink),
            Kind::Yaml(mut yaml) => yaml.end(sink),
            Kind::Log if sink.count() == 0 => return Err(FindError::NoRecords),
            Kind::Log | Kind::GetRecords | Kind::Done => {}
        }
        Ok(())
    }
}

impl Kind {
    fn line(&mut self, line: &[u8], place: Place, sink: &mut Sink) -> Result<(), FindError> {
        match self {
            Self::Undecided(blanks) if line.trim_ascii().is_empty() => {
                blanks.push(place);
                Ok(())
            }
            Self::Undecided(blanks) => match Self::of(line, blanks) {
                None => Ok(()),
                Some(kind) => {
                    *self = kind;
                    self.line(line, place, sink)
                }
            },
            Self::Lines(lines) if lines.starts_with_dump(line) => {
                *self = Self::Dump(Dump::default());
                self.line(line, place, sink)
            }
            Self::Lines(lines) => lines.line(line, place, sink),
            Self::Dump(dump) => {
                dump.line(line, place, sink);
                Ok(())
            }
            Self::GetRecords => {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                columns::get_records_line(line, place, sink);
                Ok(())
            }
            Self::Yaml(yaml) => {
                yaml.line(line, place, sink);
                Ok(())
            }
            Self::Log => Walker::line(line, place, sink).map(drop),
            Self::Done => Ok(()),
        }
    }

    /// Judges by the first line; `None` if it could be anything.
    fn of(line: &[u8], blanks: &mut Vec<Place>) -> Option<Self> {
        let text = line.trim_ascii();
        if let Some(row) = DumpRow::parse(text) {
            if row.offset == 0 && !row.bytes.is_empty() {
                return Some(Self::Dump(Dump::default()));
            }
            // A row from the middle of a dump: its offset would be taken for data.
            if memchr::memmem::find(text, b": ").is_some() {
                return None;
            }
        }
        if columns::is_get_records(text) {
            return Some(Self::GetRecords);
        }
        if yaml::is_get_records(text) {
            return Some(Self::Yaml(Yaml::default()));
        }
        if memchr::memmem::find(text, b"{\"").is_some() {
            return Some(Self::Log);
        }
        let mut cells = text.split(|&byte| byte == b'\t').rev();
        let encoding = cells.find_map(encoding_of)?;
        let mut lines = Lines::new(encoding, false);
        lines.blanks = std::mem::take(blanks);
        Some(Self::Lines(lines))
    }
}

/// The encoding of a first line, whole or cut.
fn encoding_of(text: &[u8]) -> Option<Encoding> {
    if is_a_word(text) {
        return None;
    }
    let whole = decode(text).map(|(encoding, _)| encoding);
    let cut = || {
        let place = Place::default();
        [Encoding::Hex, Encoding::Base64]
            .into_iter()
            .find(|&encoding| Join::start(encoding, place, text).is_some())
    };
    whole.or_else(cut)
}

/// `null`, `AccessDenied`: letters alone are base64 digits too. They do not decode to text.
fn is_a_word(text: &[u8]) -> bool {
    const LONGEST_WORD: usize = 40;
    text.len() < LONGEST_WORD
        && text.iter().all(u8::is_ascii_alphabetic)
        && !text.iter().all(u8::is_ascii_hexdigit)
        && decode(text).is_none_or(|(_, data)| str::from_utf8(&data).is_err())
}

/// A record a line, or one aggregate in several.
struct Lines {
    encoding: Encoding,
    named: bool,
    join: Option<Join>,
    has_joined: bool,
    /// Empty lines before the first record: records too, unless lines are joined.
    blanks: Vec<Place>,
    wrap: Wrap,
}

/// Whether the lines look like one record, wrapped.
#[derive(Default)]
struct Wrap {
    lines: usize,
    width: usize,
    /// All lines but the last have the width.
    fits: bool,
    last: usize,
}

impl Wrap {
    fn add(&mut self, len: usize) {
        self.lines += 1;
        if self.lines == 1 {
            self.width = len;
            self.fits = matches!(len, 60 | 64 | 76);
        } else {
            self.fits &= self.last == self.width && len <= self.width;
        }
        self.last = len;
    }
}

impl Lines {
    fn new(encoding: Encoding, named: bool) -> Self {
        Self {
            encoding,
            named,
            join: None,
            has_joined: false,
            blanks: Vec::new(),
            wrap: Wrap::default(),
        }
    }

    /// Whether this first line is a row of a dump: that is hexadecimal too.
    fn starts_with_dump(&self, line: &[u8]) -> bool {
        self.encoding == Encoding::Hex
            && self.wrap.lines == 0
            && self.join.is_none()
            && DumpRow::parse(line).is_some_and(|row| row.offset == 0 && !row.bytes.is_empty())
    }

    fn line(&mut self, line: &[u8], place: Place, sink: &mut Sink) -> Result<(), FindError> {
        let Some(join) = &mut self.join else {
            return self.fresh(line, place, sink);
        };
        match join.take(place, line) {
            Joined::More => Ok(()),
            Joined::Whole(data) => {
                let place = join.lines.first().map_or(place, |(place, _)| *place);
                self.join = None;
                self.has_joined = true;
                sink.found(Fields::default(), Ok(data.into()), place);
                Ok(())
            }
            Joined::Not => {
                let is_new = join.lines.last().is_none_or(|(last, _)| *last != place);
                self.give_up(sink)?;
                if is_new {
                    return self.line(line, place, sink);
                }
                Ok(())
            }
        }
    }

    /// A line that belongs to none before it.
    fn fresh(&mut self, line: &[u8], place: Place, sink: &mut Sink) -> Result<(), FindError> {
        let text = line.trim_ascii();
        if text.is_empty() {
            self.blanks.push(place);
            self.blanks(sink);
            return Ok(());
        }
        if text.contains(&b'\t') && columns::query_line(text, place, sink) {
            return Ok(());
        }
        let decoded = self.encoding.decode(text);
        let is_cut = decoded
            .as_ref()
            .is_none_or(|data| data.starts_with(&MAGIC) && !is_framed(data));
        if is_cut && let Some(join) = Join::start(self.encoding, place, line) {
            self.blanks.clear();
            self.join = Some(join);
            return Ok(());
        }
        self.blanks(sink);
        self.alone(line, decoded, place, sink);
        Ok(())
    }

    /// Empty lines are records, unless they are between joined ones.
    fn blanks(&mut self, sink: &mut Sink) {
        for place in self.blanks.drain(..) {
            if !self.has_joined {
                sink.found(Fields::default(), Ok(bytes::Bytes::new()), place);
            }
        }
    }

    /// A line is a record.
    fn alone(&mut self, line: &[u8], decoded: Option<Vec<u8>>, place: Place, sink: &mut Sink) {
        match decoded {
            Some(data) => {
                if !is_framed(&data) {
                    self.wrap.add(line.trim_ascii().len());
                }
                sink.found(Fields::default(), Ok(data.into()), place);
            }
            None => sink.refuse(place, format!("it {}", self.encoding.complaint(line))),
        }
    }

    /// The lines at hand are not one aggregate.
    fn give_up(&mut self, sink: &mut Sink) -> Result<(), FindError> {
        let Some(Join { lines, .. }) = self.join.take() else {
            return Ok(());
        };
        let starts_input = sink.count() == 0 || self.has_joined;
        if let Some((place, _)) = lines.first()
            && !self.named
            && starts_input
        {
            return Err(FindError::BrokenText { line: place.line });
        }
        for (place, line) in lines {
            let decoded = self.encoding.decode(line.trim_ascii());
            self.alone(&line, decoded, place, sink);
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut Sink) -> Result<(), FindError> {
        // One line alone is a broken aggregate, and one record.
        let is_one_line = self.join.as_ref().is_some_and(|join| join.lines.len() == 1);
        if is_one_line && !self.has_joined {
            self.named = true;
        }
        self.give_up(sink)?;
        if self.wrap.fits && self.wrap.lines > 1 {
            let width = self.wrap.width;
            sink.warn(Warning::LooksWrapped { width });
        }
        Ok(())
    }
}

/// Rows of a dump, one record after another.
#[derive(Default)]
struct Dump {
    data: Vec<u8>,
    place: Place,
    /// The last row, and where it is: `*` repeats it.
    row: Vec<u8>,
    repeats: bool,
}

impl Dump {
    fn line(&mut self, line: &[u8], place: Place, sink: &mut Sink) {
        let text = line.trim_ascii();
        if text == b"*" {
            self.repeats = true;
            return;
        }
        let Some(DumpRow { offset, bytes }) = DumpRow::parse(text) else {
            if !text.is_empty() {
                self.end(sink);
                sink.refuse(place, "it is no row of a hex dump");
            }
            return;
        };
        if offset == 0 && !bytes.is_empty() {
            self.end(sink);
            self.place = place;
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if self.repeats && !self.row.is_empty() && offset <= LONGEST {
            while self.data.len() < offset {
                self.data.extend_from_slice(&self.row);
            }
        }
        self.repeats = false;
        // hexdump pads its last pair of bytes.
        if bytes.is_empty() && offset + 1 == self.data.len() {
            self.data.truncate(offset);
        }
        self.data.extend_from_slice(&bytes);
        self.row = bytes;
    }

    fn end(&mut self, sink: &mut Sink) {
        let data = std::mem::take(&mut self.data);
        if !data.is_empty() {
            sink.found(Fields::default(), Ok(data.into()), self.place);
        }
    }
}
