//! The records of all event shapes, by what they have in common.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::timestamp::Timestamp;
use crate::record::StoredRecord;

/// A Kinesis record in an event, with what Lambda says about it.
///
/// Implemented for this module's record types and for `aws_lambda_events`' `KinesisEventRecord`.
pub trait EventRecord: StoredRecord {
    /// The event id, `shardId-…:SEQUENCE`, of Lambda and Pipes.
    fn event_id(&self) -> Option<&str> {
        None
    }

    /// The id of the shard it is from.
    fn shard_id(&self) -> Option<&str> {
        let (shard_id, _) = self.event_id()?.rsplit_once(':')?;
        Some(shard_id)
    }

    /// The stream, or the consumer, that it was read from.
    fn event_source_arn(&self) -> Option<&str> {
        None
    }

    /// Its record id, by which an answer to Firehose names it.
    fn record_id(&self) -> Option<&str> {
        None
    }

    /// When the stream received it, as the event has it.
    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        None
    }

    /// When the stream received it.
    fn arrival_time(&self) -> Option<SystemTime> {
        since_epoch(self.arrival_timestamp()?.as_seconds())
    }
}

pub(super) fn since_epoch(duration: Option<Duration>) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(duration?)
}

/// An event, or anything else that holds Kinesis records with their metadata: a slice, a vector.
pub trait Records {
    /// The type of its records.
    type Record: EventRecord;

    /// The records, in order.
    fn records(&self) -> &[Self::Record];
}

impl<E: Records + ?Sized> Records for &E {
    type Record = E::Record;

    fn records(&self) -> &[E::Record] {
        (**self).records()
    }
}

impl<R: EventRecord> Records for [R] {
    type Record = R;

    fn records(&self) -> &[R] {
        self
    }
}

impl<R: EventRecord> Records for Vec<R> {
    type Record = R;

    fn records(&self) -> &[R] {
        self
    }
}

/// Where `part` lies in `whole`, if it is a part of it.
pub(super) fn range_in(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

/// `part` of `record`'s data, sharing its buffer if `R` can.
pub(super) fn share_part<R: StoredRecord>(record: &R, part: &[u8]) -> Bytes {
    match range_in(record.data(), part) {
        Some(range) => record.share(range),
        None => Bytes::copy_from_slice(part),
    }
}
