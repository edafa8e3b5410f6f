//! The lines of the input, read on a thread of their own.

use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use tokio::sync::mpsc;

use crate::exit::{Failure, Result};
use crate::source::Source;

/// A record has 10 MiB at most, and in base64 fewer than 14; what is far longer is no line.
const LONGEST_LINE: u64 = 64 << 20;
/// A batch ends at this many lines or bytes, or when the input pauses.
const BATCH_LINES: usize = 512;
const BATCH_BYTES: usize = 1 << 20;

pub(super) type Lines = mpsc::Receiver<io::Result<Vec<Vec<u8>>>>;

/// Starts to read. The lines come without their newlines, in batches.
pub(super) fn lines(source: Source) -> Result<Lines> {
    let (sender, receiver) = mpsc::channel(4);
    let mut reader = BufReader::with_capacity(1 << 16, source);
    let read = move || {
        loop {
            match batch(&mut reader) {
                Ok((lines, more)) => {
                    let sent = lines.is_empty() || sender.blocking_send(Ok(lines)).is_ok();
                    if !sent || !more {
                        return;
                    }
                }
                Err(error) => return drop(sender.blocking_send(Err(error))),
            }
        }
    };
    match thread::Builder::new().spawn(read) {
        Ok(_) => Ok(receiver),
        Err(error) => Err(Failure::new(format_args!("cannot start a thread: {error}"))),
    }
}

/// The lines that are there, at least one unless the input has ended, and whether more may come.
fn batch(reader: &mut BufReader<impl Read>) -> io::Result<(Vec<Vec<u8>>, bool)> {
    let mut lines = Vec::new();
    let mut bytes = 0;
    loop {
        let mut line = Vec::new();
        let read = reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok((lines, false));
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == LONGEST_LINE {
            let message = "a line is longer than any record";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        bytes += line.len();
        lines.push(line);
        let waits = !reader.buffer().contains(&b'\n');
        if waits || lines.len() >= BATCH_LINES || bytes >= BATCH_BYTES {
            return Ok((lines, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Vec<String> {
        let source: Source = Box::new(io::Cursor::new(input.to_owned()));
        let Ok(mut receiver) = lines(source) else {
            panic!("no thread");
        };
        let mut read = Vec::new();
        while let Some(batch) = receiver.blocking_recv() {
            read.extend(batch.unwrap());
        }
        read.into_iter()
            .map(|line| String::from_utf8(line).unwrap())
            .collect()
    }

    #[test]
    fn lines_to_the_byte() {
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read("a\n\n b\r\n"), ["a", "", " b\r"]);
        assert_eq!(read("a\nb"), ["a", "b"]);
        let long = "x".repeat(200_000);
        assert_eq!(read(&format!("{long}\n{long}")), [long.clone(), long]);
        let many: Vec<_> = (0..5000).map(|number| number.to_string()).collect();
        assert_eq!(read(&many.join("\n")), many);
    }
}
