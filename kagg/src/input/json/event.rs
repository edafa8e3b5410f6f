//! The events that carry Kinesis records, as the library reads them.

use std::borrow::Cow;

use kinesis_aggregation::lambda::{AnyEvent, EventError, EventRecord, Shape, Timestamp};

use crate::exit::{Failure, Result};
use crate::input::{Stored, TakeBatch};

/// Hands on the records of an event, and says how many they were.
pub(super) fn take_all(
    shape: Shape,
    json: &str,
    first: usize,
    take: &mut impl TakeBatch,
) -> Result<usize> {
    let event = AnyEvent::from_slice(shape, json.as_bytes()).map_err(|e| unreadable(first, &e))?;
    let records = match &event {
        AnyEvent::Kinesis(event) => stored(event.records()),
        AnyEvent::Pipes(event) => stored(event.records()),
        AnyEvent::Firehose(event) => stored(event.records()),
        _ => return Err(Failure::new("this shape of event is not known yet")),
    };
    take(first, &records)?;
    Ok(records.len())
}

fn stored<R: EventRecord>(records: &[R]) -> Vec<Stored<'_>> {
    records
        .iter()
        .map(|record| Stored {
            partition_key: record.partition_key().map(Cow::Borrowed),
            sequence_number: record.sequence_number().map(Cow::Borrowed),
            shard_id: record.shard_id().map(Cow::Borrowed),
            approximate_arrival_timestamp: record.arrival_timestamp().map(Timestamp::as_json),
            data: record.share(0..record.data().len()),
        })
        .collect()
}

/// A record is named by its position in the whole input.
fn unreadable(first: usize, error: &EventError) -> Failure {
    match error {
        EventError::Record(record) => {
            let (position, kind) = (first + record.record_index(), record.kind());
            Failure::new(format_args!(
                "cannot read the input: record {position} {kind}"
            ))
        }
        _ => Failure::new(format_args!("cannot read the input: {error}")),
    }
}
