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
}

/// Reads the message, in SQS' or SNS' envelope or without.
pub(super) fn read(path: &Path) -> Result<Batch> {
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
    let number = |text: Option<String>| text?.parse().ok();
    let first = number(failed.start_sequence_number);
    let last = number(failed.end_sequence_number);
    match (failed.shard_id, first, last) {
        (Some(shard), Some(first), Some(last)) => Ok(Batch { shard, first, last }),
        _ => Err(Failure::new(format_args!(
            "{name}: it does not name shard, first and last sequence number"
        ))),
    }
}
