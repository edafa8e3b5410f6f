//! One Kinesis record a line, streamed.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::{Source, Stored, TakeBatch, without_bom};
use crate::exit::{Failure, Result};

/// How the bytes of a record are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Hex,
    Base64,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Hex => "hexadecimal",
            Self::Base64 => "base64",
        }
    }

    fn decode(self, line: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(line).ok(),
            Self::Base64 => base64_simd::STANDARD.decode_to_vec(line).ok(),
        }
    }

    /// Why a line, white space around it apart, is not to be decoded.
    fn complaint(self, line: &[u8]) -> String {
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
            (None, Self::Base64) => {
                let len = text.len();
                format!(
                    "is not {name}: of its {len} characters some are missing, or the last are wrong"
                )
            }
        }
    }
}

/// A Kinesis record has 10 MiB at most, which is 20 MiB in hexadecimal; what is far longer is no
/// line of ours, and must not fill the memory.
pub(super) const LONGEST_LINE: usize = 64 << 20;

const CHUNK: usize = 1 << 16;
/// A batch ends at this many bytes or records, or when the input pauses.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_RECORDS: usize = 500;

/// Reads whatever is there onto the end of `buffer`, up to one chunk, and says how much it was: 0
/// at the end.
pub(super) fn read_some(source: &mut Source, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let before = buffer.len();
    buffer.resize(before + CHUNK, 0);
    let read = loop {
        match source.read(buffer.get_mut(before..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    buffer.truncate(before + read.as_ref().map_or(0, |&read| read));
    read
}

/// Hands on the records of `head` and then `source`, in batches: large ones while the input is
/// fast, and what there is whenever it pauses, so that nothing waits for what comes later.
pub(super) fn each_batch(
    head: Vec<u8>,
    source: Source,
    encoding: Encoding,
    take: &mut impl TakeBatch,
) -> Result<()> {
    let chunks = read_ahead(head, source)?;
    let mut lines = Lines {
        encoding,
        first: 0,
        batch: Vec::new(),
        batch_bytes: 0,
        unfinished: Vec::new(),
    };
    let mut next = chunks.recv().ok();
    while let Some(chunk) = next {
        let added = match chunk {
            Ok(chunk) => lines.add(&chunk),
            Err(error) => Err(Failure::new(format_args!("cannot read the input: {error}"))),
        };
        let waiting = if added.is_ok() && !lines.is_full() {
            chunks.try_recv().ok()
        } else {
            None
        };
        if waiting.is_none() {
            lines.hand_on(take)?;
        }
        added?;
        next = waiting.or_else(|| chunks.recv().ok());
    }
    let last = lines.end();
    lines.hand_on(take)?;
    last
}

/// Reads on another thread, a few chunks ahead: that is how we know whether the input pauses.
fn read_ahead(head: Vec<u8>, mut source: Source) -> Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = sync_channel(BATCH_BYTES / CHUNK);
    let read = move || {
        let mut chunk = head;
        loop {
            if !chunk.is_empty() && sender.send(Ok(chunk)).is_err() {
                return;
            }
            chunk = Vec::new();
            match read_some(&mut source, &mut chunk) {
                Ok(0) => return,
                Ok(_) => chunk.shrink_to_fit(),
                Err(error) => return drop(sender.send(Err(error))),
            }
        }
    };
    match thread::Builder::new().spawn(read) {
        Ok(_) => Ok(receiver),
        Err(error) => Err(Failure::new(format_args!("cannot start a thread: {error}"))),
    }
}

/// The records of the batch at hand, and the line that is not complete yet.
struct Lines {
    encoding: Encoding,
    /// The position of the batch's first record in the input.
    first: usize,
    batch: Vec<Stored<'static>>,
    batch_bytes: usize,
    unfinished: Vec<u8>,
}

impl Lines {
    fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES
    }

    /// Adds the lines that `chunk` completes. Those before a bad one stay in the batch.
    fn add(&mut self, chunk: &[u8]) -> Result<()> {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            if self.unfinished.is_empty() {
                self.add_line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.unfinished);
                whole.extend_from_slice(line);
                self.add_line(&whole)?;
            }
        }
        self.unfinished.extend_from_slice(rest);
        if self.unfinished.len() > LONGEST_LINE {
            return Err(self.bad_line("is longer than any Kinesis record"));
        }
        Ok(())
    }

    /// Adds the last line, which may have no end.
    fn end(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.unfinished);
        if line.is_empty() {
            return Ok(());
        }
        self.add_line(&line)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<()> {
        let is_first = self.first + self.batch.len() == 0;
        let line = if is_first { without_bom(line) } else { line };
        let Some(data) = self.encoding.decode(line.trim_ascii()) else {
            return Err(self.bad_line(&self.encoding.complaint(line)));
        };
        self.batch_bytes += data.len();
        self.batch.push(Stored {
            data: data.into(),
            ..Stored::default()
        });
        Ok(())
    }

    /// What is wrong with the line behind those of the batch.
    fn bad_line(&self, what: &str) -> Failure {
        let line = self.first + self.batch.len() + 1;
        Failure::new(format_args!("line {line} of the input {what}"))
    }

    fn hand_on(&mut self, take: &mut impl TakeBatch) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        take(self.first, &self.batch)?;
        self.first += self.batch.len();
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(())
    }
}
