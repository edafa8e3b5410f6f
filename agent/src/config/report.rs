//! The report that `--check` prints.

use std::fmt::Write as _;
use std::path::PathBuf;

use kinesis_aggregation::DEFAULT_MAX_SIZE;

use super::agent::Config;
use super::flow::{Destination, Flow, PartitionKeyFrom, PartitionKeyOption};
use crate::convert::Converter;
use crate::follow::InitialPosition;
use crate::fs::{FileSystem, read_full};

/// How much of a file's end tells how long its lines are.
const SAMPLE: u64 = 64 * 1024;
/// Bytes that an aggregate adds to each line.
const LINE_OVERHEAD: usize = 8;

impl Config {
    /// Returns what was understood, and which files each flow would follow now: for people to read.
    /// Nobody is contacted.
    pub fn report(&self, fs: &impl FileSystem) -> String {
        let mut report = String::new();
        for warning in self.warnings() {
            let _ = writeln!(report, "warning: {warning}");
        }
        let _ = writeln!(report, "positions: {}", self.database().display());
        let _ = match self.cloudwatch() {
            Some(metrics) => writeln!(
                report,
                "metrics: to CloudWatch every {:?}, namespace {}",
                metrics.buffer_time(),
                metrics.namespace()
            ),
            None => writeln!(report, "metrics: none"),
        };
        for (index, flow) in self.flows().iter().enumerate() {
            flow.report(index + 1, fs, &mut report);
        }
        report
    }
}

impl Flow {
    fn report(&self, number: usize, fs: &impl FileSystem, report: &mut String) {
        let destination = match self.destination() {
            Destination::Kinesis(name) => format!("Kinesis stream {name}"),
            Destination::Firehose(name) => format!("Firehose delivery stream {name}"),
        };
        let pattern = &self.rules().pattern;
        let _ = writeln!(
            report,
            "flow {number}: {} to {destination}",
            pattern.as_str()
        );
        let start = match self.rules().initial_position {
            InitialPosition::EndOfFile => "at its last line",
            InitialPosition::StartOfFile => "at its start",
        };
        let _ = writeln!(
            report,
            "  a file that is there at the very first start is begun {start}"
        );
        if matches!(self.destination(), Destination::Kinesis(_)) {
            let _ = writeln!(report, "  partition key: {}", self.key_in_words());
            let _ = writeln!(report, "  {}", self.grouping(fs));
        }
        let steps = self.converters().iter().map(Converter::name);
        let added = [
            ("addFile", self.file_field()),
            ("addHost", self.host_field()),
        ];
        let added = added.iter().filter(|(_, field)| field.is_some());
        let steps: Vec<&str> = steps.chain(added.map(|(name, _)| *name)).collect();
        if !steps.is_empty() {
            let _ = writeln!(report, "  each record goes through {}", steps.join(", "));
        }
        if let Some(compression) = self.compression() {
            let _ = writeln!(report, "  each record is compressed: {compression:?}");
        }
        for departure in self.departures() {
            let _ = writeln!(report, "  departure: {departure}");
        }
        let (files, unreadable) = self.files(fs);
        for (path, error) in unreadable {
            let _ = writeln!(report, "  cannot read {}: {error}", path.display());
        }
        if files.is_empty() {
            let _ = writeln!(report, "  no file matches now");
        }
        for file in files {
            let _ = writeln!(report, "  follows {}", file.display());
        }
    }

    fn key_in_words(&self) -> String {
        match (self.partition_key_from(), self.partition_key()) {
            (Some(PartitionKeyFrom::File), _) => "the path of the file; its lines stay in order",
            (Some(PartitionKeyFrom::Value(_)), _) => {
                "a value of the record; a random one if it has none"
            }
            (None, PartitionKeyOption::Random) => "random",
            (None, PartitionKeyOption::Deterministic) => "the MD5 of the record",
        }
        .to_owned()
    }

    /// Whether lines share Kinesis records, in words, and how many of the lines that are there now
    /// do or would.
    pub fn grouping(&self, fs: &impl FileSystem) -> String {
        let lines = self.lines_in_a_record(fs);
        match (self.aggregate(), lines) {
            (true, Some(lines)) => format!(
                "aggregation is on: a Kinesis record takes about {lines} lines like the last ones; its readers have to deaggregate"
            ),
            (true, None) => {
                "aggregation is on: many lines share a Kinesis record; its readers have to deaggregate"
                    .to_owned()
            }
            (false, Some(lines)) => format!(
                "aggregation is off: one Kinesis record a line; with kagg.aggregate about {lines} lines like the last ones would share one"
            ),
            (false, None) => {
                "aggregation is off: one Kinesis record a line; with kagg.aggregate many lines would share one"
                    .to_owned()
            }
        }
    }

    /// How many lines like the last ones of the file that was written last fit into an aggregate.
    fn lines_in_a_record(&self, fs: &impl FileSystem) -> Option<usize> {
        let files = self.files(fs).0.into_iter();
        let files = files.filter_map(|path| Some((fs.meta(&path).ok()?, path)));
        let (meta, path) = files.max_by_key(|(meta, _)| meta.modified)?;
        let from = meta.len.saturating_sub(SAMPLE);
        let mut sample = vec![0; usize::try_from(meta.len.saturating_sub(from)).ok()?];
        let file = fs.open(&path).ok()?;
        let read = read_full(&file, from, &mut sample).ok()?;
        sample.truncate(read);
        let lines = memchr::memchr_iter(b'\n', &sample).count();
        if lines == 0 {
            return None;
        }
        let needed = sample.len() + lines * LINE_OVERHEAD;
        Some((DEFAULT_MAX_SIZE * lines / needed).max(1))
    }

    /// The files that match now, and what cannot be read.
    fn files(&self, fs: &impl FileSystem) -> (Vec<PathBuf>, Vec<(PathBuf, std::io::Error)>) {
        let pattern = &self.rules().pattern;
        let directories = pattern.directories(fs);
        let mut files = Vec::new();
        let mut unreadable = directories.unreadable;
        for directory in directories.found {
            let names = match fs.list(&directory) {
                Ok(names) => names,
                Err(error) => {
                    unreadable.push((directory, error));
                    continue;
                }
            };
            let names = names.into_iter().filter(|name| pattern.matches_name(name));
            let paths = names.map(|name| directory.join(name));
            files.extend(paths.filter(|path| fs.meta(path).is_ok_and(|meta| meta.is_file)));
        }
        files.sort();
        (files, unreadable)
    }
}
