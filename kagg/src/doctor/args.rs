//! What is asked of the doctor.

use std::path::PathBuf;

use crate::color::ColorArgs;
use crate::input::InputShape;

/// Says where the user records of a stream die, and what they cost
///
/// Looks at Kinesis records: who writes aggregates, what a KCL would drop and why, broken records,
/// the partition keys with the most user records, and what aggregation saves. Of a stream, it reads
/// a sample (at most one GetRecords a second from each shard, and 100 MB in all) and looks at how it
/// is set up: distribution, shards, channels, consumers, Lambda event source mappings. It changes
/// nothing; permissions that it lacks are listed. Each finding has a severity, what shows it, and
/// what to do. The exit status is 1 if user records are lost; otherwise it is 2 if no record of the
/// stream, or not all of a file, could be read. Shows partition keys.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A stream's name or ARN, or files with Kinesis records
    ///
    /// Files may have any form that `deaggregate` reads; `-` or nothing is standard input. A name
    /// that exists as a file is one.
    #[arg(value_name = "STREAM|FILE")]
    pub(super) targets: Vec<PathBuf>,
    /// The shape of the files
    ///
    /// Needed only if their content does not tell.
    #[arg(long, value_name = "SHAPE", default_value = "auto")]
    pub(super) input: InputShape,
    /// What `aws kinesis list-shards` or `describe-stream` printed
    ///
    /// Files are judged by it.
    #[arg(long, value_name = "FILE")]
    pub(super) shards: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// How far back to sample the stream, like 15m or 24h
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(super) since: humantime::Duration,
    #[command(flatten)]
    pub(super) color: ColorArgs,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub(super) aws: crate::aws::AwsArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg doctor orders
  kagg doctor page-*.json
  kagg doctor --shards shards.json --json page-*.json | jq '.findings[].name'";

#[cfg(feature = "aws")]
impl Args {
    /// The stream that is named, if it is no file.
    pub(super) fn stream(&self) -> Option<&str> {
        let [target] = &*self.targets else {
            return None;
        };
        let text = target.to_str().filter(|text| *text != "-")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let is_stream = text.starts_with("arn:") || text.chars().all(is_name);
        (is_stream && !target.exists()).then_some(text)
    }
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use clap::{Args as _, Command};

    use super::super::sample::MOST_MEGABYTES;
    use super::*;

    #[test]
    fn the_help_names_the_size_of_the_sample_that_is_taken() {
        let command = Args::augment_args(Command::new("doctor"));
        let help = command.get_long_about().map(ToString::to_string);
        let expected = format!("{MOST_MEGABYTES} MB in all");
        assert!(help.is_some_and(|help| help.contains(&expected)));
    }
}
