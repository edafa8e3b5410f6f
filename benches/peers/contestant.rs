//! Who takes turns: this library, and a peer behind its driver.

use std::fmt;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, UserRecord};

use crate::input::{self, LARGE, SMALL};
use crate::shared::Traffic;
use crate::shared::rounds::now;

/// To read, or to write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Read,
    Write,
}

/// What is done in a turn, so many times.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    what: What,
    large: bool,
}

impl Task {
    pub(crate) const ALL: [Self; 4] = [
        Self::new(What::Read, false),
        Self::new(What::Read, true),
        Self::new(What::Write, false),
        Self::new(What::Write, true),
    ];

    const fn new(what: What, large: bool) -> Self {
        Self { what, large }
    }

    pub(crate) fn what(self) -> What {
        self.what
    }

    pub(crate) fn is_large(self) -> bool {
        self.large
    }

    fn traffic(self) -> Traffic {
        if self.large { LARGE } else { SMALL }
    }
}

/// As the drivers are told.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.what == What::Read {
            "read"
        } else {
            "write"
        };
        let shape = if self.large { "large" } else { "small" };
        write!(f, "{what} {shape}")
    }
}

pub(crate) trait Contestant {
    fn name(&self) -> &str;

    /// Does the task so many times; the seconds of processor time, and what came out each time.
    fn turn(&mut self, task: Task, repeats: usize) -> (f64, u64);
}

/// This library.
pub(crate) struct Ours {
    deaggregator: Deaggregator,
    small: Vec<KinesisRecord>,
    large: Vec<KinesisRecord>,
    user_records: Vec<UserRecord>,
}

impl Ours {
    pub(crate) fn new(folder: &Path) -> Self {
        let page = |name: &str| {
            let parts = input::parts(&folder.join(format!("{name}.records")));
            let records = parts.into_iter().map(|data| KinesisRecord::new("a", data));
            records.collect()
        };
        // All hash keys but the last: with all of them, no key would need hashing.
        let range = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX - 1)).expect("in order");
        Self {
            deaggregator: Deaggregator::new().hash_key_range(range),
            small: page("small"),
            large: page("large"),
            user_records: input::user_records(folder),
        }
    }

    fn read(&self, page: &[KinesisRecord]) -> u64 {
        let mut count = 0;
        for (_, user_record) in &self.deaggregator.deaggregate_batch(page) {
            let user_record = user_record.expect("nothing is lost");
            black_box((user_record.partition_key(), user_record.data()));
            count += 1;
        }
        count
    }
}

impl Contestant for Ours {
    fn name(&self) -> &str {
        "this library"
    }

    fn turn(&mut self, task: Task, repeats: usize) -> (f64, u64) {
        let mut count = 0;
        let mut seconds = 0.0;
        for _ in 0..repeats {
            if task.what == What::Read {
                let start = now();
                count = self.read(if task.large { &self.large } else { &self.small });
                seconds += (now() - start).as_secs_f64();
            } else {
                let records = self.user_records.clone();
                let mut aggregator = task.traffic().aggregator();
                let start = now();
                let (closed, _) = black_box(aggregator.aggregate_batch(records));
                seconds += (now() - start).as_secs_f64();
                count = closed.len() as u64;
            }
        }
        (seconds, count)
    }
}

/// A peer behind its driver. It ends when its standard input does.
pub(crate) struct Peer {
    name: String,
    hello: String,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    process: Child,
}

impl Peer {
    pub(crate) fn start(driver: &Path, name: &str, folder: &Path) -> Self {
        let mut process = Command::new(driver)
            .args([name.as_ref(), folder.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the driver can be started");
        let mut peer = Self {
            name: name.to_owned(),
            hello: String::new(),
            requests: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().expect("its output")),
            process,
        };
        peer.hello = peer.line();
        peer
    }

    pub(crate) fn hello(&self) -> &str {
        &self.hello
    }

    /// The KCL only reads, and Node's library writes in its own size only.
    pub(crate) fn can(&self, task: Task) -> bool {
        match (task.what, self.name.as_str()) {
            (What::Read, _) | (What::Write, "python" | "ours-node" | "ours-python") => true,
            (What::Write, "node") => task.large,
            (What::Write, _) => false,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).expect("text");
        assert!(read > 0, "{}: the driver has stopped", self.name);
        line.trim().to_owned()
    }
}

impl Contestant for Peer {
    fn name(&self) -> &str {
        &self.name
    }

    fn turn(&mut self, task: Task, repeats: usize) -> (f64, u64) {
        let requests = self.requests.as_mut().expect("open until the end");
        writeln!(requests, "{task} {repeats}").expect("the driver runs");
        let answer = self.line();
        let (nanoseconds, count) = answer.split_once(' ').expect("two numbers");
        let nanoseconds: f64 = nanoseconds.parse().expect("a number");
        (nanoseconds / 1e9, count.parse().expect("a number"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.process.wait();
    }
}
