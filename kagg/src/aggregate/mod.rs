//! `kagg aggregate`: user records into Kinesis records.

mod entries;
mod sink;

use std::path::PathBuf;

use clap::ValueHint;
use kinesis_aggregation::{Aggregator, AggregatorBuilder, OuterKey, ShardedAggregator};

use crate::entry::{DataForm, EntryForm};
use crate::exit::{Failure, Result, Status};
use crate::input::pieces;
use crate::output::{complain, without_values};
use crate::shards;
use crate::source::{name, open};
use entries::{Entries, EntriesError, Split, TOO_LONG};
use sink::Sink;

/// Packs the user records for `aws kinesis put-records` into aggregates for the same command
///
/// Reads a JSON array, JSON lines, or requests of {"PartitionKey", "ExplicitHashKey", "Data"}, or the
/// lines that `kagg deaggregate` prints, and writes the aggregates as an array, as the KPL would
/// make them. Only user records that belong to one shard share an aggregate: the KCL drops others.
/// A refused user record, or a line that is not JSON, is reported on standard error, one line each,
/// with the exit status 1; the rest is still written. The input is read as it comes, and does not have to fit in memory.
///
/// Version 2 of the AWS CLI set to raw-in-base64-out would store the base64 text itself without
/// --cli-binary-format base64. Version 1 lacks the option and always stores the text: do not use it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The input; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// What `Data` is where it is a string
    ///
    /// A JSON object is its compact text in any case.
    #[arg(long, value_name = "FORM", default_value = "base64")]
    data: DataForm,
    /// Take records without a partition key, too
    ///
    /// They share aggregates of their own, each under a random key.
    #[arg(long)]
    random_keys: bool,
    /// What `aws kinesis list-shards` printed
    ///
    /// Without it, only user records of one hash key share an aggregate.
    #[arg(long, value_name = "FILE")]
    shards: Option<PathBuf>,
    /// The most bytes of an aggregate [default: 51200, as in the KPL]
    #[arg(long, value_name = "BYTES")]
    max_size: Option<usize>,
    /// The most user records of an aggregate [default: 4294967295, as in the KPL]
    #[arg(long, value_name = "N")]
    max_count: Option<usize>,
    /// The most bytes of a Kinesis record [default: 1 MiB]
    ///
    /// Its key counts, too. It is a limit of the stream.
    #[arg(long, value_name = "BYTES")]
    max_record_size: Option<usize>,
    /// The partition key of aggregates
    ///
    /// `kpl` is the KPL's `a`, `first` the first user record's, `=KEY` is KEY (zsh wants that in
    /// quotes).
    #[arg(long, value_name = "kpl|first|=KEY", default_value = "kpl", value_parser = outer_key)]
    outer_key: OuterKey,
    /// Write files for PutRecords into this directory
    ///
    /// Each of at most 500 records and 5 MiB, what one request takes. Prints their names.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  aws kinesis list-shards --stream-name orders > shards.json
  kagg aggregate --shards shards.json records.json > aggregated.json
  aws kinesis put-records --cli-binary-format base64 --stream-name orders \\
    --records file://aggregated.json

  kagg aggregate --data text --shards shards.json --out-dir out records.jsonl |
    while read -r file; do
      aws kinesis put-records --cli-binary-format base64 --stream-name orders \\
        --records \"file://$file\"
    done";

/// Reads the value of `--outer-key`.
fn outer_key(text: &str) -> std::result::Result<OuterKey, String> {
    match (text, text.strip_prefix('=')) {
        ("kpl", _) => Ok(OuterKey::Kpl),
        ("first", _) => Ok(OuterKey::First),
        (_, Some(key)) => Ok(OuterKey::Fixed(key.into())),
        _ => Err("not kpl, first or =KEY".to_owned()),
    }
}

impl Args {
    fn builder(&self) -> AggregatorBuilder {
        let mut builder = Aggregator::builder().outer_key(self.outer_key.clone());
        if let Some(bytes) = self.max_size {
            builder = builder.max_size(bytes);
        }
        if let Some(count) = self.max_count {
            builder = builder.max_count(count);
        }
        if let Some(bytes) = self.max_record_size {
            builder = builder.max_record_size(bytes);
        }
        builder
    }

    fn aggregator(&self) -> Result<ShardedAggregator> {
        let builder = self.builder();
        let built = match &self.shards {
            Some(path) => ShardedAggregator::new(shards::read_map(path)?, builder),
            None => ShardedAggregator::per_hash_key(builder),
        };
        built.map_err(Failure::new)
    }
}

pub(crate) fn run(args: Args, status: &Status) -> Result<()> {
    let name = name(args.file.as_deref()).into_owned();
    let pieces = pieces(open(args.file.as_deref())?)?;
    let mut aggregating = Aggregating {
        aggregator: args.aggregator()?,
        form: EntryForm {
            data: args.data,
            random_keys: args.random_keys,
        },
        position: 0,
        status,
        sink: Sink::new(args.out_dir)?,
    };
    let mut entries = Entries::default();
    let unreadable =
        |error: &dyn std::fmt::Display| Err(Failure::new(format_args!("{name}: {error}")));
    // What is whole is written, whatever comes after it.
    let read = loop {
        let piece = pieces.recv().ok();
        match &piece {
            Some(Ok(piece)) => entries.push(piece),
            Some(Err(error)) => break unreadable(error),
            None => entries.end(),
        }
        if let Err(error) = aggregating.drain(&mut entries)? {
            break unreadable(&error);
        }
        if piece.is_none() {
            break Ok(());
        }
    };
    aggregating.finish()?;
    read
}

struct Aggregating<'a> {
    aggregator: ShardedAggregator,
    form: EntryForm,
    /// Entries so far.
    position: usize,
    status: &'a Status,
    sink: Sink,
}

impl Aggregating<'_> {
    /// Takes all entries that are there. What is wrong with the input comes back by itself: it is
    /// no failure of writing.
    fn drain(&mut self, input: &mut Entries) -> Result<std::result::Result<(), EntriesError>> {
        loop {
            let json = match input.next() {
                Ok(Some(Split::Json(json))) => json,
                Ok(Some(Split::Broken)) => {
                    self.refuse("it is not JSON, or breaks off");
                    continue;
                }
                Ok(Some(Split::TooLong)) => {
                    self.refuse(TOO_LONG);
                    continue;
                }
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            match entries::entries(&json) {
                Ok(entries) => {
                    for entry in entries {
                        self.entry(entry.get())?;
                    }
                }
                Err(error) => self.refuse(&format!("it is not JSON: {}", without_values(&error))),
            }
        }
    }

    fn entry(&mut self, json: &str) -> Result<()> {
        let record = self.form.user_record(json.as_bytes());
        let pushed = record.and_then(|record| {
            let pushed = self.aggregator.push(record);
            pushed.map_err(|error| error.kind().to_string())
        });
        match pushed {
            Ok(closed) => {
                self.position += 1;
                closed.map_or(Ok(()), |closed| self.sink.put(&closed))
            }
            Err(why) => {
                self.refuse(&why);
                Ok(())
            }
        }
    }

    fn refuse(&mut self, why: &str) {
        self.status.lose();
        complain(format_args!("record {}: refused: {why}", self.position));
        self.position += 1;
    }

    fn finish(mut self) -> Result<()> {
        for closed in self.aggregator.flush() {
            self.sink.put(&closed)?;
        }
        self.sink.finish()
    }
}
