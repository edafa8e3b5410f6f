//! The entries of the input, as they come.

use serde::Deserialize;
use serde_json::value::RawValue;

/// No entry is longer: a Kinesis record has 10 MiB at most, and a request of PutRecords too.
const LONGEST: usize = 64 << 20;
/// What is said of one that is.
pub(super) const TOO_LONG: &str = "it is longer than 64 MiB";

/// Splits JSON into entries: the elements of an array, JSON values one after another, or the records
/// of PutRecords requests among them. It holds no more than the value at hand.
///
/// What is not JSON refuses itself only, where it can be told where it ends: an element of an array,
/// or a line. A value that never ends is refused with its first line, and the lines after it are read
/// each for itself.
pub(super) struct Entries {
    /// The most bytes of a value.
    longest: usize,
    state: State,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are split off.
    done: usize,
    /// Bytes of the rest that were looked at.
    seen: usize,
    /// The value at hand.
    value: Nesting,
    /// Bytes at the start of the rest in which a value may not go over a line: one did not end.
    single: usize,
    /// Whether the rest begins inside a line that is refused already.
    in_refused: bool,
    ended: bool,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            longest: LONGEST,
            state: State::default(),
            buffer: Vec::new(),
            done: 0,
            seen: 0,
            value: Nesting::default(),
            single: 0,
            in_refused: false,
            ended: false,
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Undecided,
    /// Inside an array, before an element or a comma.
    Array,
    AfterArray,
    Lines,
}

/// How deep in a JSON value a byte is.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// What is split off.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// JSON values, each an entry or a request.
    Json(Vec<u8>),
    /// A line that is not whole.
    Broken,
    /// A line, or the first line of a value, that is too long.
    TooLong,
}

/// Why there are no more entries.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EntriesError {
    #[error("it is not JSON")]
    NotJson,
    #[error("it breaks off inside the array")]
    Unfinished,
    #[error("something follows the array")]
    AfterArray,
    #[error("an element of the array is longer than 64 MiB")]
    TooLong,
}

impl Nesting {
    /// Goes over a byte of a value.
    fn step(&mut self, byte: u8) {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn is_outside(&self) -> bool {
        self.depth == 0 && !self.in_string
    }
}

impl Entries {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.done);
        self.done = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// What is not split yet.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.done..).unwrap_or_default()
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Returns what comes next. `None` until the next piece, or for good after the end.
    pub(super) fn next(&mut self) -> Result<Option<Split>, EntriesError> {
        if self.state == State::Undecided && !self.decide()? {
            return Ok(None);
        }
        match self.state {
            State::Array => self.element(),
            State::AfterArray if self.rest().trim_ascii().is_empty() => {
                self.done = self.buffer.len();
                Ok(None)
            }
            State::AfterArray => Err(EntriesError::AfterArray),
            _ => Ok(self.lines()),
        }
    }

    fn decide(&mut self) -> Result<bool, EntriesError> {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        if BOM.starts_with(self.rest()) && !self.ended {
            return Ok(false);
        }
        let rest = self.rest();
        let text = rest.strip_prefix(BOM).unwrap_or(rest);
        let Some(first) = text.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            return Ok(false);
        };
        let start = rest.len() - text.len() + first;
        let (state, skipped) = match text.get(first) {
            Some(b'[') => (State::Array, start + 1),
            Some(b'{') => (State::Lines, start),
            _ => return Err(EntriesError::NotJson),
        };
        self.state = state;
        self.done += skipped;
        Ok(true)
    }

    /// The next element of the array.
    fn element(&mut self) -> Result<Option<Split>, EntriesError> {
        while let Some(&byte) = self.rest().get(self.seen) {
            let ends = self.value.is_outside() && matches!(byte, b',' | b']');
            if !ends {
                self.value.step(byte);
                self.seen += 1;
                continue;
            }
            if byte == b']' {
                self.state = State::AfterArray;
            }
            let element = self.take(self.seen);
            self.done += 1;
            // An empty array has none, and neither has what follows the last comma.
            if !element.is_empty() {
                return Ok(Some(Split::Json(element)));
            }
            if self.state == State::AfterArray {
                return self.next();
            }
        }
        if self.ended {
            // The last element may be whole all the same.
            if self.value.is_outside() && !self.rest().trim_ascii().is_empty() {
                return Ok(Some(Split::Json(self.take(self.seen))));
            }
            return Err(EntriesError::Unfinished);
        }
        if self.rest().len() > self.longest {
            return Err(EntriesError::TooLong);
        }
        Ok(None)
    }

    /// The next lines that are whole values together.
    fn lines(&mut self) -> Option<Split> {
        self.skip_refused();
        loop {
            let line_end = match self.next_line_end() {
                Some(end) => end,
                None if self.rest().is_empty() || !self.ended => {
                    return (self.rest().len() > self.longest).then(|| self.refuse_too_long());
                }
                None => self.rest().len(),
            };
            let is_last = line_end == self.rest().len() && self.ended;
            // No string goes over the end of a line.
            let is_broken = self.value.in_string || is_last || line_end <= self.single;
            if self.value.is_outside() {
                let value = self.take(line_end);
                if !value.is_empty() {
                    return Some(Split::Json(value));
                }
            } else if is_broken {
                self.break_off();
                return Some(Split::Broken);
            }
        }
    }

    /// Drops the first line, or as much of it as there is: the rest of it is not a record of its own.
    fn refuse_too_long(&mut self) -> Split {
        self.in_refused = !self.rest().contains(&b'\n');
        self.break_off();
        Split::TooLong
    }

    fn skip_refused(&mut self) {
        if self.in_refused {
            let end = self.rest().iter().position(|byte| *byte == b'\n');
            self.in_refused = end.is_none();
            self.done = end.map_or(self.buffer.len(), |end| self.done + end + 1);
        }
    }

    /// Moves to the end of the next line, and returns where that is. `None` if it is not complete.
    fn next_line_end(&mut self) -> Option<usize> {
        while let Some(&byte) = self.rest().get(self.seen) {
            self.seen += 1;
            if byte == b'\n' {
                return Some(self.seen);
            }
            self.value.step(byte);
        }
        None
    }

    /// Drops the first line; the lines after it that were taken for parts of its value are read again.
    fn break_off(&mut self) {
        let line = self.rest().iter().position(|byte| *byte == b'\n');
        let line = line.map_or(self.rest().len(), |end| end + 1);
        let looked_at = self.seen;
        drop(self.take(line));
        self.single = self.single.max(looked_at.saturating_sub(line));
    }

    /// Takes the first bytes, and starts anew after them.
    fn take(&mut self, len: usize) -> Vec<u8> {
        let value = self.rest().get(..len).unwrap_or_default();
        let value = value.trim_ascii().to_vec();
        self.done += len;
        self.seen = 0;
        self.single = self.single.saturating_sub(len);
        self.value = Nesting::default();
        value
    }
}

/// A request of PutRecords, or what `get-records` prints.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// The entries in JSON values: the values themselves, or the records of requests among them.
pub(super) fn entries(json: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    let mut entries = Vec::new();
    for value in serde_json::Deserializer::from_slice(json).into_iter::<&RawValue>() {
        let value = value?;
        match serde_json::from_str::<Request<'_>>(value.get()) {
            Ok(request) => entries.extend(request.records),
            Err(_) => entries.push(value),
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the pieces, the same comes out.
    fn split(input: &str) -> (Vec<String>, Option<EntriesError>) {
        let whole = split_by(input, input.len().max(1));
        assert_eq!(split_by(input, 1), whole, "{input:?}");
        assert_eq!(split_by(input, 3), whole, "{input:?}");
        whole
    }

    fn assert_splits(input: &str, expected: &[&str]) {
        let expected = expected.iter().map(ToString::to_string).collect();
        assert_eq!(split(input), (expected, None));
    }

    fn split_by(input: &str, len: usize) -> (Vec<String>, Option<EntriesError>) {
        split_with(Entries::default(), input, len)
    }

    fn split_with(
        mut entries: Entries,
        input: &str,
        len: usize,
    ) -> (Vec<String>, Option<EntriesError>) {
        let mut all = Vec::new();
        let pieces: Vec<_> = input.as_bytes().chunks(len).collect();
        for position in 0..=pieces.len() {
            match pieces.get(position) {
                Some(piece) => entries.push(piece),
                None => entries.end(),
            }
            loop {
                match entries.next() {
                    Ok(None) => break,
                    Ok(Some(Split::Json(json))) => all.push(String::from_utf8(json).unwrap()),
                    Ok(Some(Split::Broken)) => all.push("broken".to_owned()),
                    Ok(Some(Split::TooLong)) => all.push("too long".to_owned()),
                    Err(error) => return (all, Some(error)),
                }
            }
        }
        (all, None)
    }

    #[test]
    fn arrays_and_lines_come_value_by_value() {
        for (input, expected) in [
            ("[]", &[][..]),
            (
                " [ {\"a\":[1,\"]\"]} ,\n 7 ]\n",
                &["{\"a\":[1,\"]\"]}", "7"],
            ),
            (
                "\u{feff}{\"a\":1}\n\n{\"b\":\"}\\\"{\"}",
                &["{\"a\":1}", "{\"b\":\"}\\\"{\"}"],
            ),
            ("{\n \"a\": 1\n}\n{}", &["{\n \"a\": 1\n}", "{}"]),
            ("{} {}\n", &["{} {}"]),
            ("", &[]),
        ] {
            assert_splits(input, expected);
        }
    }

    #[test]
    fn a_broken_line_refuses_itself_only() {
        for (input, expected) in [
            ("{\"a\":\"cut\n{\"b\":2}\n", &["broken", "{\"b\":2}"][..]),
            // In the middle, where what follows could belong to it.
            (
                "{\"a\":1}\n{\"b\":\n{\"c\":3}\n{\"d\":4}",
                &["{\"a\":1}", "broken", "{\"c\":3}", "{\"d\":4}"],
            ),
            ("{}\nnonsense\n{}", &["{}", "nonsense", "{}"]),
            ("{}\n{", &["{}", "broken"]),
        ] {
            assert_splits(input, expected);
        }
    }

    /// In pieces that are shorter than it.
    #[test]
    fn the_rest_of_a_line_that_is_too_long_is_no_record() {
        let split = |input: &str| {
            let entries = || Entries {
                longest: 12,
                ..Entries::default()
            };
            let by_one = split_with(entries(), input, 1);
            assert_eq!(split_with(entries(), input, 3), by_one, "{input:?}");
            by_one
        };
        let records = |records: &[&str]| records.iter().map(ToString::to_string).collect();
        for (input, expected) in [
            (
                "{\"a\":1}\n{\"b\":\"0123456789\"}\n{\"c\":3}\n",
                &["{\"a\":1}", "too long", "{\"c\":3}"][..],
            ),
            // Without a newline at the end, and with what looks like a record in the rest.
            ("{\"b\":\"0123456789 {} {} {} {} {}", &["too long"]),
            (
                "{\"b\":[0,1,2,\n3,4\n{\"c\":3}\n",
                &["too long", "3,4", "{\"c\":3}"],
            ),
        ] {
            assert_eq!(split(input), (records(expected), None), "{input:?}");
        }
        let in_array = split("[{\"a\":1},{\"b\":\"0123456789\"}]");
        assert_eq!(
            in_array,
            (records(&["{\"a\":1}"]), Some(EntriesError::TooLong))
        );
    }

    #[test]
    fn what_is_whole_comes_before_the_error() {
        let one = vec!["{}".to_owned()];
        assert_eq!(
            split("[{},{"),
            (one.clone(), Some(EntriesError::Unfinished))
        );
        assert_eq!(split("[{}] ["), (one, Some(EntriesError::AfterArray)));
        assert_eq!(split("nonsense"), (vec![], Some(EntriesError::NotJson)));
    }
}
