//! The client's side of the drivers' protocol (README.md).

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kinesis_aggregation::HashKeyRange;

const NULL: u32 = u32::MAX;

/// Where the drivers and the scripts are.
pub(crate) fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// A Kinesis record to be read.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) partition_key: Option<String>,
    /// None: the library's call without one.
    pub(crate) range: Option<HashKeyRange>,
    pub(crate) data: Vec<u8>,
}

/// A user record (or, from a writer, a Kinesis record): keys as the bytes that came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) partition_key: Option<Vec<u8>>,
    pub(crate) explicit_hash_key: Option<Vec<u8>>,
    pub(crate) sub_sequence_number: u64,
    pub(crate) aggregated: bool,
    pub(crate) data: Vec<u8>,
}

/// What a library was seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Returned,
    Threw,
    /// It returned, and logged or printed an error.
    Logged,
}

pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) text: String,
    pub(crate) items: Vec<Item>,
}

pub(crate) fn read_request(case: &Case) -> Vec<u8> {
    let mut rest = vec![0, u8::from(case.range.is_some())];
    let ends = case
        .range
        .map(|range| [range.start().to_string(), range.end().to_string()])
        .unwrap_or_default();
    for end in ends {
        rest.extend(u16::try_from(end.len()).unwrap().to_be_bytes());
        rest.extend(end.as_bytes());
    }
    nullable(&mut rest, case.partition_key.as_deref().map(str::as_bytes));
    nullable(&mut rest, Some(&case.data));
    framed(&rest)
}

/// Asks for the Kinesis records of these user records.
pub(crate) fn write_request(user_records: &[Item], max_size: u32) -> Vec<u8> {
    let mut rest = vec![1];
    rest.extend(max_size.to_be_bytes());
    rest.extend(u32::try_from(user_records.len()).unwrap().to_be_bytes());
    for record in user_records {
        nullable(&mut rest, record.partition_key.as_deref());
        nullable(&mut rest, record.explicit_hash_key.as_deref());
        nullable(&mut rest, Some(&record.data));
    }
    framed(&rest)
}

fn framed(rest: &[u8]) -> Vec<u8> {
    let len = u32::try_from(rest.len()).unwrap().to_be_bytes();
    [&len[..], rest].concat()
}

fn nullable(out: &mut Vec<u8>, value: Option<&[u8]>) {
    let len = value.map_or(NULL, |value| u32::try_from(value.len()).unwrap());
    out.extend(len.to_be_bytes());
    out.extend(value.unwrap_or_default());
}

/// A running driver. The two ends are apart, so that one thread can write ahead of the answers.
pub(crate) struct Peer {
    pub(crate) hello: String,
    pub(crate) requests: Requests,
    pub(crate) answers: Answers,
    child: Child,
}

pub(crate) struct Requests(BufWriter<ChildStdin>);

impl Requests {
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.0.write_all(request)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

pub(crate) struct Answers(BufReader<ChildStdout>);

impl Peer {
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let mut child = Command::new(home().join("peer"))
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let mut answers = Answers(BufReader::with_capacity(1 << 16, stdout));
        let hello = String::from_utf8_lossy(&answers.frame()?).into_owned();
        Ok(Self {
            hello,
            requests: Requests(BufWriter::with_capacity(1 << 16, stdin)),
            answers,
            child,
        })
    }

    /// One question, one answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.requests.send(request)?;
        self.requests.flush()?;
        self.answers.next(request[4] == 1)
    }

    pub(crate) fn close(mut self) -> io::Result<()> {
        drop(self.requests);
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("the driver ended with {status}")))
        }
    }
}

impl Answers {
    fn frame(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.0.read_exact(&mut len)?;
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap()];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn next(&mut self, written: bool) -> io::Result<Answer> {
        let frame = self.frame()?;
        parse(&frame, written).ok_or_else(|| io::Error::other("an answer that does not parse"))
    }
}

fn parse(frame: &[u8], written: bool) -> Option<Answer> {
    let mut at = Fields(frame);
    let status = match at.array::<1>()? {
        [0] => Status::Returned,
        [1] => Status::Threw,
        [2] => Status::Logged,
        _ => return None,
    };
    let text = match status {
        Status::Returned => String::new(),
        _ => String::from_utf8_lossy(&at.nullable()??).into_owned(),
    };
    let mut items = Vec::new();
    for _ in 0..u32::from_be_bytes(at.array()?) {
        let partition_key = at.nullable()?;
        let explicit_hash_key = at.nullable()?;
        let numbers = if written { [0; 9] } else { at.array::<9>()? };
        let (sub, aggregated) = numbers.split_last_chunk::<1>()?;
        items.push(Item {
            partition_key,
            explicit_hash_key,
            sub_sequence_number: u64::from_be_bytes(sub.try_into().ok()?),
            aggregated: aggregated != &[0],
            data: at.nullable()??,
        });
    }
    at.0.is_empty().then_some(Answer {
        status,
        text,
        items,
    })
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn nullable(&mut self) -> Option<Option<Vec<u8>>> {
        let len = u32::from_be_bytes(self.array()?);
        if len == NULL {
            return Some(None);
        }
        let (head, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(Some(head.to_vec()))
    }
}
