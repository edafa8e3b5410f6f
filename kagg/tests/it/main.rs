//! The command `kagg`, run as it is.

mod after_and_range;
#[cfg(feature = "aws")]
mod agent;
mod aggregate;
mod cases;
#[cfg(unix)]
mod completions;
mod doctor;
mod example;
mod inputs;
mod inspect;
mod losses;
mod manual;
mod output;
#[cfg(unix)]
mod pty;
mod readme;
mod shards;
mod streams;
#[cfg(unix)]
mod terminal;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use kinesis_aggregation::md5;
use kinesis_aggregation::wire::{MAGIC, RecordIndices, encode};
use serde_json::Value;

/// What a run of the command left.
struct Run {
    stdout: Vec<u8>,
    stderr: String,
    status: i32,
}

impl Run {
    fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// The JSON lines on standard output.
    fn lines(&self) -> Vec<Value> {
        let lines = self.text().lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The data of the user records on standard output.
    fn data(&self) -> Vec<Vec<u8>> {
        self.lines()
            .iter()
            .map(|line| decode(&line["data"]))
            .collect()
    }

    /// Checks the status, and shows what was said if it is another.
    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}", self.stderr);
        self
    }
}

fn decode(base64: &Value) -> Vec<u8> {
    let text = base64.as_str().unwrap();
    base64_simd::STANDARD.decode_to_vec(text).unwrap()
}

fn base64(data: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kagg"));
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `kagg` with the arguments in `line` (split at blanks) and this standard input.
fn kagg(line: &str, stdin: impl AsRef<[u8]>) -> Run {
    let args: Vec<_> = line.split_whitespace().collect();
    kagg_args(&args, stdin)
}

fn kagg_args(args: &[&str], stdin: impl AsRef<[u8]>) -> Run {
    let mut child = command().args(args).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.as_ref();
    let output = std::thread::scope(|scope| {
        // It may end without having read all.
        scope.spawn(move || drop(pipe.write_all(stdin)));
        child.wait_with_output().unwrap()
    });
    Run {
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
    }
}

/// An aggregate of user records `(partition key, explicit hash key, data)`, whatever they say.
fn aggregate_of(user_records: &[(&str, Option<&str>, &str)]) -> Vec<u8> {
    let keys = user_records.iter().map(|(key, ..)| *key);
    let hash_keys = user_records.iter().filter_map(|(_, hash_key, _)| *hash_key);
    let mut next_hash_key = 0;
    let records = (0..)
        .zip(user_records)
        .map(|(position, (_, hash_key, data))| {
            let indices = RecordIndices {
                partition_key: position,
                explicit_hash_key: hash_key.map(|_| {
                    next_hash_key += 1;
                    next_hash_key - 1
                }),
            };
            (indices, data.as_bytes())
        });
    encode(keys, hash_keys, records.collect::<Vec<_>>())
}

/// A frame with the right digest around a message in hexadecimal.
fn framed(message: &str) -> Vec<u8> {
    let message = hex::decode(message).unwrap();
    [&MAGIC[..], &message, &md5::digest(&message)].concat()
}

/// Two good user records, then one whose partition key index is beyond the table, then a good one.
fn cut_aggregate() -> Vec<u8> {
    framed("0a01611a0508001a01781a0508001a01791a0508051a017a1a0508001a0177")
}

/// An aggregate of `one`, `two`, `three` under the keys `a`, `b`, `c`.
fn good_aggregate() -> Vec<u8> {
    aggregate_of(&[("a", None, "one"), ("b", None, "two"), ("c", None, "three")])
}

/// With the lowest bit of its last byte turned.
fn corrupt(mut data: Vec<u8>) -> Vec<u8> {
    *data.last_mut().unwrap() ^= 1;
    data
}

/// `aws kinesis get-records` with these data, their sequence numbers 100, 101, …
fn get_records(data: &[Vec<u8>]) -> String {
    let records: Vec<_> = (100..)
        .zip(data)
        .map(|(number, data)| {
            serde_json::json!({
                "SequenceNumber": number.to_string(),
                "ApproximateArrivalTimestamp": "2026-11-23T12:00:00.123000+00:00",
                "Data": base64(data),
                "PartitionKey": "a",
            })
        })
        .collect();
    serde_json::json!({ "Records": records, "MillisBehindLatest": 0 }).to_string()
}

/// A directory of this test run, removed when it goes.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "kagg-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it, with this content.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
