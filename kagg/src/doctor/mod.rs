//! `kagg doctor`: where user records die, and what they cost.

#[cfg(feature = "aws")]
mod lambda;
mod offline;
#[cfg(feature = "aws")]
mod sample;
#[cfg(feature = "aws")]
mod stream;
mod text;

use std::io::Write;
use std::path::PathBuf;

use kinesis_aggregation_inspect::doctor::Diagnosis;

use crate::color::ColorArgs;
use crate::exit::{Failure, Result, Status};
use crate::input::InputShape;

/// Says where the user records of a stream die, and what they cost
///
/// Looks at Kinesis records: who writes aggregates, what a KCL would drop and why, broken records,
/// the partition keys with the most user records, and what aggregation saves. Of a stream, it reads
/// a sample (at most one GetRecords a second from each shard, and 100 MB in all) and looks at how it
/// is set up: distribution, shards, channels, consumers, Lambda event source mappings. It changes
/// nothing; permissions that it lacks are listed. Each finding has a severity, what shows it, and
/// what to do. The exit status is 1 if user records are lost, and 2 if nothing could be read. Shows
/// partition keys.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A stream's name or ARN, or files with Kinesis records in any form that `deaggregate` reads;
    /// `-` or nothing is standard input. What exists as a file is one
    #[arg(value_name = "STREAM|FILE")]
    targets: Vec<PathBuf>,
    /// What the files are, where their content does not tell
    #[arg(long, value_name = "SHAPE", default_value = "auto")]
    input: InputShape,
    /// What `aws kinesis list-shards` or `describe-stream` printed, to judge files by
    #[arg(long, value_name = "FILE")]
    shards: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Sample what was put into the stream within this time, like 15m or 24h
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "TIME", default_value = "1h")]
    since: humantime::Duration,
    #[command(flatten)]
    color: ColorArgs,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    aws: crate::aws::AwsArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg doctor orders
  kagg doctor page-*.json
  kagg doctor --shards shards.json --json page-*.json | jq '.findings[].name'";

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let diagnosis = diagnose(args, status)?;
    print(args, &diagnosis, status)
}

#[cfg(feature = "aws")]
fn diagnose(args: &Args, status: &Status) -> Result<Diagnosis> {
    match args.stream() {
        Some(stream) => stream::run(args, stream),
        None => offline::run(args, status),
    }
}

#[cfg(not(feature = "aws"))]
fn diagnose(args: &Args, status: &Status) -> Result<Diagnosis> {
    offline::run(args, status)
}

#[cfg(feature = "aws")]
impl Args {
    /// The stream that is named, if it is no file.
    fn stream(&self) -> Option<&str> {
        let [target] = &*self.targets else {
            return None;
        };
        let text = target.to_str().filter(|text| *text != "-")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let is_stream = text.starts_with("arn:") || text.chars().all(is_name);
        (is_stream && !target.exists()).then_some(text)
    }
}

fn print(args: &Args, diagnosis: &Diagnosis, status: &Status) -> Result<()> {
    if diagnosis.loses() {
        status.lose();
    }
    let mut out = args.color.stdout(args.json);
    let written = match args.json {
        true => serde_json::to_writer(&mut out, diagnosis)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n")),
        false => text::write(&mut out, diagnosis),
    };
    let written = written.and_then(|()| out.flush());
    written.map_err(|error| Failure::of_output(&error))
}
