//! `kagg inspect`: explains Kinesis records to a person.

mod styles;
mod table;
mod text;

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anstream::AutoStream;
use kinesis_aggregation_inspect::{Explanation, FoundRecord, explain};

use crate::exit::{Failure, Result, Status};
use crate::input::InputArgs;
use crate::shards;

/// Explains Kinesis records: frame, digest, tables, sizes, user records, and what the KCL does
///
/// The exit status is 1 if a Kinesis record is broken, or the KCL would not deliver all of it.
/// Shows keys and data.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// What `aws kinesis list-shards` printed. A Kinesis record is judged by the hash key range
    /// of the shard that the input names, else of its first user record's shard; without this,
    /// by the full range. Not for a stream with service-managed distribution
    #[arg(long, value_name = "FILE")]
    shards: Option<PathBuf>,
    /// Print one JSON object a line for each Kinesis record
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  kagg inspect event.json | less
  kagg inspect --shards shards.json event.json
  kagg inspect --json event.json | jq 'select(.kcl.delivers != \"all\")'";

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let shard_map = args.shards.as_deref().map(shards::read).transpose()?;
    let stdout = std::io::stdout();
    // What takes colours away takes U+007F too, which a key may hold: JSON goes out as it is.
    let mut out = BufWriter::new(if args.json {
        AutoStream::always_ansi(stdout)
    } else {
        AutoStream::auto(stdout)
    });
    let mut summary = text::Summary::default();
    args.input
        .each_batch(status, &mut |records: &[FoundRecord]| {
            for record in records {
                let report = explain(record, shard_map.as_ref());
                if report.is_bad() {
                    status.lose();
                }
                summary.add(&report);
                let written = if args.json {
                    json_line(&mut out, &report)
                } else {
                    text::record(&mut out, record, &report)
                };
                written.map_err(|error| Failure::of_output(&error))?;
            }
            out.flush().map_err(|error| Failure::of_output(&error))
        })?;
    if !args.json {
        let written = writeln!(out, "{summary}").and_then(|()| out.flush());
        written.map_err(|error| Failure::of_output(&error))?;
    }
    Ok(())
}

fn json_line(out: &mut impl Write, report: &Explanation<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    out.write_all(b"\n")
}
