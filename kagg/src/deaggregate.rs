//! `kagg deaggregate`: Kinesis records into user records.

use kinesis_aggregation::{Deaggregator, ExtendedSequenceNumber, HashKeyRange, SequenceNumber};
use kinesis_aggregation_inspect::FoundRecord;

use crate::exit::{Failure, Result, Status};
use crate::input::InputArgs;
use crate::printer::{OutputArgs, Printer};

/// Prints the user records in Kinesis records
///
/// Reads as the KCL does. What the KCL would lose is reported on standard error, one line each,
/// with the exit status 1.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The shard's hash keys: drop the aggregates that reach out of them
    ///
    /// They are in decimal, and both ends belong to them. An aggregate with a user record outside
    /// is dropped whole, as in the KCL. Not for a stream with service-managed distribution, where a
    /// hash key says nothing about the shard.
    #[arg(long, value_name = "START-END")]
    hash_key_range: Option<HashKeyRange>,
    /// Resume after this position, a checkpoint of the KCL
    ///
    /// Without SUB, it goes on after the whole Kinesis record.
    #[arg(long, value_name = "SEQ[:SUB]")]
    after: Option<ExtendedSequenceNumber>,
    /// Go on after a bad user record, where the KCL stops
    ///
    /// A bad one has a bad index or a bad explicit hash key.
    #[arg(long)]
    salvage: bool,
    /// Open damaged aggregates, as far as they can be read
    ///
    /// The KCL passes them on as plain records. Bad user records in them are treated as by
    /// --salvage. Any byte of such a user record may be wrong: each line of JSON says whether it is
    /// `damaged`.
    #[arg(long)]
    salvage_damaged: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg deaggregate event.json
  aws kinesis get-records --shard-iterator \"$ITERATOR\" | kagg deaggregate --output data
  kagg deaggregate --input hex --salvage records.hex";

pub(crate) fn run(args: Args, status: &Status) -> Result<()> {
    let output = &args.output;
    output.check_unopened("--after", args.after.is_some())?;
    output.check_unopened("--hash-key-range", args.hash_key_range.is_some())?;
    output.check_unopened("--salvage", args.salvage)?;
    output.check_unopened("--salvage-damaged", args.salvage_damaged)?;
    let mut deaggregator = Deaggregator::new()
        .salvage(args.salvage)
        .salvage_damaged(args.salvage_damaged);
    if let Some(range) = args.hash_key_range {
        deaggregator = deaggregator.hash_key_range(range);
    }
    let resuming = args.after.is_some();
    if let Some(position) = args.after {
        deaggregator = deaggregator.after(position);
    }
    let mut printer = Printer::stdout(output)?.marking_damaged(args.salvage_damaged);
    args.input
        .each_batch(status, &mut |records: &[FoundRecord]| {
            if resuming {
                check_sequence_numbers(records)?;
            }
            let batch = deaggregator.deaggregate_batch(records);
            for record in batch.records() {
                printer.record(record.source().index(), record, status)?;
            }
            printer.flush()
        })
}

/// Without a sequence number in digits, nothing says whether a record comes after the checkpoint.
fn check_sequence_numbers(records: &[FoundRecord]) -> Result<()> {
    match records.iter().find(|record| {
        let text = record.sequence_number();
        text.is_none_or(|text| text.parse::<SequenceNumber>().is_err())
    }) {
        None => Ok(()),
        Some(record) => Err(Failure::new(format_args!(
            "--after: record {} has no sequence number in digits",
            record.index()
        ))),
    }
}
