//! `kagg doctor`: where user records die, and what they cost.

mod offline;
mod text;

use std::io::Write;
use std::path::PathBuf;

use kinesis_aggregation_inspect::doctor::Diagnosis;

use crate::color::ColorArgs;
use crate::exit::{Failure, Result, Status};
use crate::input::InputShape;

/// Says where the user records of a stream die, and what they cost: offline, from files
///
/// Looks at Kinesis records in all forms that `deaggregate` reads: who writes aggregates, what a
/// KCL would drop and why, broken records, the partition keys with the most user records, and
/// what aggregation saves. Each finding has a severity, what shows it, and what to do. The exit
/// status is 1 if user records are lost, and 2 if nothing could be read. Shows partition keys.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The input; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
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
    #[command(flatten)]
    color: ColorArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg doctor page-*.json
  kagg doctor --shards shards.json --json page-*.json | jq '.findings[].name'";

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let diagnosis = offline::run(args, status)?;
    print(args, &diagnosis, status)
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
