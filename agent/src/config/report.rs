//! The report that `--check` prints.

use std::fmt::Write as _;

use super::agent::Config;
use super::flow::{Destination, Flow, PartitionKeyOption};
use crate::follow::InitialPosition;
use crate::fs::FileSystem;

impl Config {
    /// Returns what was understood, and which files each flow would follow now: for people to read.
    /// Nobody is contacted.
    pub fn report(&self, fs: &impl FileSystem) -> String {
        let mut report = String::new();
        for warning in self.warnings() {
            let _ = writeln!(report, "warning: {warning}");
        }
        let _ = writeln!(report, "positions: {}", self.database().display());
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
            let key = match self.partition_key() {
                PartitionKeyOption::Random => "random",
                PartitionKeyOption::Deterministic => "the MD5 of the record",
            };
            let grouping = if self.aggregate() {
                "many lines share a Kinesis record; its readers have to deaggregate"
            } else {
                "one Kinesis record a line; kagg.aggregate would put many lines into one"
            };
            let _ = writeln!(report, "  partition key: {key}; {grouping}");
        }
        if !self.converters().is_empty() {
            let _ = writeln!(
                report,
                "  {} dataProcessingOptions",
                self.converters().len()
            );
        }
        let mut files = Vec::new();
        let directories = pattern.directories(fs);
        for (path, error) in &directories.unreadable {
            let _ = writeln!(report, "  cannot read {}: {error}", path.display());
        }
        for directory in directories.found {
            let names = match fs.list(&directory) {
                Ok(names) => names,
                Err(error) => {
                    let _ = writeln!(report, "  cannot read {}: {error}", directory.display());
                    continue;
                }
            };
            let names = names.into_iter().filter(|name| pattern.matches_name(name));
            let paths = names.map(|name| directory.join(name));
            files.extend(paths.filter(|path| fs.meta(path).is_ok_and(|meta| meta.is_file)));
        }
        files.sort();
        if files.is_empty() {
            let _ = writeln!(report, "  no file matches now");
        }
        for file in files {
            let _ = writeln!(report, "  follows {}", file.display());
        }
    }
}
