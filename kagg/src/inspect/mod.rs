//! `kagg inspect`: explains Kinesis records to a person.

mod table;
mod text;

use std::io::Write;
use std::path::PathBuf;

use kinesis_aggregation::HashKeyRange;
use kinesis_aggregation_inspect::{Explanation, FoundRecord, Shards, explain};

use crate::color::ColorArgs;
use crate::exit::{Failure, Result, Status};
use crate::input::InputArgs;
use crate::shards;
use crate::terminal::{self, make_json_safe};

/// Explains Kinesis records: frame, digest, tables, sizes, user records, and what the KCL does
///
/// The exit status is 1 if a Kinesis record is broken, or the KCL would not deliver all of it.
/// Shows keys and data.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// What `aws kinesis list-shards` or `describe-stream` printed
    ///
    /// Each Kinesis record is judged by the hash key range of the shard it was read from: as the
    /// input or its sequence number tells, or else that of its first user record. Without this, by
    /// the full range. Not for a stream with service-managed distribution.
    #[arg(long, value_name = "FILE")]
    shards: Option<PathBuf>,
    /// The shard of all records, one of those in --shards
    #[arg(long, value_name = "ID", requires = "shards")]
    shard: Option<String>,
    /// The hash keys of the shard of all records
    #[arg(long, value_name = "START-END", conflicts_with = "shard")]
    hash_key_range: Option<HashKeyRange>,
    /// Show only the records with problems, after the summary
    #[arg(long)]
    only_problems: bool,
    /// Print one JSON object a line for each Kinesis record
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    color: ColorArgs,
}

impl Args {
    fn shards(&self) -> Result<Shards> {
        let mut shards = match &self.shards {
            Some(path) => shards::read(path)?,
            None => Shards::default(),
        };
        if let Some(id) = &self.shard {
            shards = shards.read_from(id).map_err(Failure::new)?;
        }
        if let Some(range) = self.hash_key_range {
            shards = shards.read_from_range(range);
        }
        Ok(shards)
    }
}

const EXAMPLES: &str = "\
Examples:
  kagg inspect event.json | less
  kagg inspect --shards shards.json event.json
  kagg inspect --only-problems page-*.json
  kagg inspect --json event.json | jq 'select(.bad)'";

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let shards = args.shards()?;
    let mut out = args.color.stdout();
    let width = terminal::width();
    let mut summary = text::Summary::default();
    // They come after the summary, which is known at the end.
    let mut problems = Vec::new();
    // Kept for its room.
    let mut json = Vec::new();
    let read = args
        .input
        .each_batch(status, &mut |records: &[FoundRecord]| {
            for record in records {
                let report = explain(record, Some(&shards));
                if report.is_bad() {
                    status.lose();
                }
                summary.add(&report);
                if args.only_problems && !report.is_bad() {
                    continue;
                }
                let written = match args.json {
                    true => json_line(&mut json, &report).and_then(|()| out.write_all(&json)),
                    false if args.only_problems => {
                        text::record(&mut problems, record, &report, width)
                    }
                    false => text::record(&mut out, record, &report, width),
                };
                written.map_err(|error| Failure::of_output(&error))?;
            }
            out.flush().map_err(|error| Failure::of_output(&error))
        });
    // Whatever stopped the reading, what came before it counts.
    if args.json || (read.is_err() && summary.is_empty()) {
        return read;
    }
    let gap = if problems.is_empty() { "" } else { "\n" };
    let written = writeln!(out, "{summary}{gap}")
        .and_then(|()| out.write_all(&problems))
        .and_then(|()| out.flush());
    read.and(written.map_err(|error| Failure::of_output(&error)))
}

fn json_line(line: &mut Vec<u8>, report: &Explanation<'_>) -> std::io::Result<()> {
    line.clear();
    serde_json::to_writer(&mut *line, report)?;
    make_json_safe(line, 0);
    line.push(b'\n');
    Ok(())
}
