//! User records on standard output.

use std::io::Write;

use clap::ValueEnum;
use kinesis_aggregation::{Deaggregated, UserRecordRef};
use kinesis_aggregation_inspect::FoundRecord;

use crate::compact::put_compact;
use crate::exit::Result;
use crate::output::{Output, put_json_option};

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum OutputForm {
    /// One JSON object a line for each user record, with its data in base64
    Jsonl,
    /// The bytes of each user record, and a newline
    Data,
}

/// Prints user records, all or up to a limit.
pub(crate) struct Printer {
    form: OutputForm,
    out: Output,
    /// Kept for its room.
    line: Vec<u8>,
    /// How many more may be printed.
    left: u64,
}

impl Printer {
    pub(crate) fn stdout(form: OutputForm) -> Self {
        Self {
            form,
            out: Output::stdout(),
            line: Vec::new(),
            left: u64::MAX,
        }
    }

    /// Prints no more than `limit` user records.
    #[cfg(feature = "aws")]
    pub(crate) fn with_limit(mut self, limit: Option<u64>) -> Self {
        self.left = limit.unwrap_or(u64::MAX);
        self
    }

    /// Whether the limit is reached.
    #[cfg(feature = "aws")]
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    /// Prints the user records of a Kinesis record; losses go elsewhere.
    pub(crate) fn record(
        &mut self,
        position: usize,
        record: &Deaggregated<&FoundRecord>,
    ) -> Result<()> {
        for user_record in record.user_records().flatten() {
            if self.left == 0 {
                return Ok(());
            }
            self.left -= 1;
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
    source: &FoundRecord,
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
    match source.approximate_arrival_timestamp() {
        Some(json) => put_compact(out, json),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}
