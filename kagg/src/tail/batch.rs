//! The batch of Kinesis records that Lambda gave up and names in a message.

use std::path::Path;

use kinesis_aggregation::SequenceNumber;
use kinesis_aggregation_inspect::{FindError, find};

use crate::exit::{Failure, Result};
use crate::source::{name, open};

/// Kinesis records of one shard, the last one included.
pub(super) struct Batch {
    pub(super) shard: String,
    pub(super) first: SequenceNumber,
    pub(super) last: SequenceNumber,
    /// How many, if the message says so.
    pub(super) size: Option<u64>,
}

/// Reads the message, in SQS' or SNS' envelope or without. It must be of this stream.
pub(super) fn read(path: &Path, stream: &str) -> Result<Batch> {
    let name = name(Some(path));
    let mut text = Vec::new();
    let read = open(Some(path))?.read_to_end(&mut text);
    read.map_err(|error| Failure::new(format_args!("{name}: {error}")))?;
    let failed = match find(&text) {
        Err(FindError::BatchWithoutRecords(batch)) => batch,
        Ok(_) => {
            return Err(Failure::new(format_args!(
                "{name}: this holds the records themselves: kagg deaggregate reads it"
            )));
        }
        Err(_) => {
            return Err(Failure::new(format_args!(
                "{name}: not a message of Lambda's to an on-failure destination"
            )));
        }
    };
    if let Some(arn) = &failed.stream_arn
        && !is_of(arn, stream)
    {
        let (arn, stream) = (arn.escape_debug(), stream.escape_debug());
        return Err(Failure::new(format_args!(
            "{name}: its batch is one of {arn}, not of {stream}"
        )));
    }
    let number = |text: Option<String>| text?.parse().ok();
    let first = number(failed.start_sequence_number);
    let last = number(failed.end_sequence_number);
    match (failed.shard_id, first, last) {
        (Some(shard), Some(first), Some(last)) => Ok(Batch {
            shard,
            first,
            last,
            size: failed.batch_size,
        }),
        _ => Err(Failure::new(format_args!(
            "{name}: it does not name shard, first and last sequence number"
        ))),
    }
}

/// Whether `stream`, a name or an ARN, is the one with this ARN.
fn is_of(arn: &str, stream: &str) -> bool {
    let name = arn.split_once(":stream/").map(|(_, name)| name);
    stream == arn || Some(stream) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_its_name_or_its_arn() {
        let arn = "arn:aws:kinesis:us-east-1:1:stream/orders";
        for (stream, same) in [
            ("orders", true),
            (arn, true),
            ("order", false),
            ("arn:aws:kinesis:eu-west-1:1:stream/orders", false),
        ] {
            assert_eq!(is_of(arn, stream), same, "{stream}");
        }
    }
}
