//! `kagg deaggregate`: Kinesis records into user records.

use std::io::Write;

use clap::ValueEnum;
use kinesis_aggregation::{
    BatchRecord, Deaggregator, ExtendedSequenceNumber, HashKeyRange, StoredRecord, UserRecordRef,
};

use crate::compact::put_compact;
use crate::exit::{Failure, Result, Status};
use crate::input::{InputArgs, Stored};
use crate::losses;
use crate::output::{Output, put_json_option};

/// Prints the user records in Kinesis records
///
/// Reads as the KCL does. What the KCL would lose is reported on standard error, one line each,
/// with the exit status 1.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The hash keys of the shard that was read, both ends included, in decimal: an aggregate
    /// with a user record outside is dropped whole, as in the KCL. Not for a stream with
    /// service-managed distribution, where a hash key says nothing about the shard
    #[arg(long, value_name = "START-END")]
    hash_key_range: Option<HashKeyRange>,
    /// Resume behind this position, a checkpoint of the KCL; without SUB, behind the whole
    /// Kinesis record
    #[arg(long, value_name = "SEQ[:SUB]")]
    after: Option<ExtendedSequenceNumber>,
    /// Go on behind a user record with a bad index or explicit hash key, where the KCL stops
    #[arg(long)]
    salvage: bool,
    /// What to print
    #[arg(long, value_name = "FORM", default_value = "jsonl")]
    output: OutputForm,
}

const EXAMPLES: &str = "\
Examples:
  kagg deaggregate event.json
  aws kinesis get-records --shard-iterator \"$ITERATOR\" | kagg deaggregate --output data
  kagg deaggregate --input hex --salvage records.hex

A line of the output (null where the input does not say):
  {\"record\":0,\"sequenceNumber\":\"4954…\",\"subSequenceNumber\":2,\"aggregated\":true,
   \"partitionKey\":\"key\",\"explicitHashKey\":null,\"data\":\"<base64>\",
   \"approximateArrivalTimestamp\":1545084650.987}";

#[derive(Clone, Copy, ValueEnum)]
enum OutputForm {
    /// One JSON object a line for each user record, with its data in base64
    Jsonl,
    /// The bytes of each user record, and a newline
    Data,
}

pub(crate) fn run(args: Args, status: &mut Status) -> Result<()> {
    let mut deaggregator = Deaggregator::new().with_salvage(args.salvage);
    if let Some(range) = args.hash_key_range {
        deaggregator = deaggregator.with_hash_key_range(range);
    }
    let resuming = args.after.is_some();
    if let Some(position) = args.after {
        deaggregator = deaggregator.after(position);
    }
    let mut printer = Printer {
        form: args.output,
        out: Output::stdout(),
        line: Vec::new(),
    };
    args.input
        .each_batch(&mut |first: usize, records: &[Stored<'_>]| {
            if resuming {
                check_sequence_numbers(first, records)?;
            }
            let batch = deaggregator.deaggregate_batch(records);
            for (position, record) in (first..).zip(batch.records()) {
                losses::report(position, &record, status);
                printer.record(position, &record)?;
            }
            printer.out.flush()
        })
}

/// Without a sequence number, nothing says whether a record stands behind the checkpoint.
fn check_sequence_numbers(first: usize, records: &[Stored<'_>]) -> Result<()> {
    match (first..)
        .zip(records)
        .find(|(_, record)| record.sequence_number().is_none())
    {
        None => Ok(()),
        Some((position, _)) => Err(Failure::new(format_args!(
            "--after: record {position} has no sequence number"
        ))),
    }
}

struct Printer {
    form: OutputForm,
    out: Output,
    /// Kept for its room.
    line: Vec<u8>,
}

impl Printer {
    /// Prints the user records of a Kinesis record; losses go elsewhere.
    fn record(&mut self, position: usize, record: &BatchRecord<'_, Stored<'_>>) -> Result<()> {
        for user_record in record.user_records().flatten() {
            match self.form {
                OutputForm::Data => self.out.write(user_record.data())?,
                OutputForm::Jsonl => {
                    self.line.clear();
                    put_json(&mut self.line, position, record.source(), &user_record);
                    self.out.write(&self.line)?;
                }
            }
            self.out.write(b"\n")?;
        }
        Ok(())
    }
}

/// Appends the user record as a JSON object: all keys, always, in this order.
fn put_json(
    out: &mut Vec<u8>,
    position: usize,
    source: &Stored<'_>,
    user_record: &UserRecordRef<'_>,
) {
    // Writing to a Vec does not fail.
    let _ = write!(out, "{{\"record\":{position},\"sequenceNumber\":");
    put_json_option(out, source.sequence_number());
    let _ = write!(
        out,
        ",\"subSequenceNumber\":{},\"aggregated\":{},\"partitionKey\":",
        user_record.sub_sequence_number(),
        user_record.is_aggregated()
    );
    put_json_option(out, user_record.partition_key());
    out.extend_from_slice(b",\"explicitHashKey\":");
    put_json_option(out, user_record.explicit_hash_key());
    out.extend_from_slice(b",\"data\":\"");
    base64_simd::STANDARD.encode_append(user_record.data(), out);
    out.extend_from_slice(b"\",\"approximateArrivalTimestamp\":");
    match source.approximate_arrival_timestamp {
        Some(json) => put_compact(out, json),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}
