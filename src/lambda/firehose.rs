//! The event of a Firehose transformation.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::RawValue;

use super::event::{event, event_record};
use super::json::{Data, object};
use super::record::{EventRecord, Timestamp, since_epoch};

/// The event of a function that transforms Firehose's records.
///
/// With a Kinesis stream as its source, Firehose has deaggregated already, and
/// [`sub_sequence_number`](FirehoseRecord::sub_sequence_number_json) says so. Aggregates arrive only
/// if they were put to Firehose directly. Answer with what
/// [`transform`](super::EventUserRecords::transform) returns.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct FirehoseEvent<'a>(EventJson<'a>);

event!(FirehoseEvent(EventJson), OwnedFirehoseEvent, FirehoseRecord);

/// A [`FirehoseEvent`] without a lifetime, for runtimes that deserialise the event themselves.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct OwnedFirehoseEvent(FirehoseEvent<'static>);

object!(EventJson {
    texts { invocation_id, delivery_stream_arn, source_kinesis_stream_arn, region }
    parts {
        #[serde(borrow, deserialize_with = "super::event::records::<_, RecordJson<'_>, _>")]
        records: Vec<FirehoseRecord<'a>>,
    }
});

impl FirehoseEvent<'_> {
    /// The id of the invocation.
    pub fn invocation_id(&self) -> Option<&str> {
        self.0.invocation_id.as_deref()
    }

    /// The Firehose stream.
    pub fn delivery_stream_arn(&self) -> Option<&str> {
        self.0.delivery_stream_arn.as_deref()
    }

    /// The Kinesis stream that Firehose reads, if it reads one.
    pub fn source_kinesis_stream_arn(&self) -> Option<&str> {
        self.0.source_kinesis_stream_arn.as_deref()
    }
}

/// A record, as Firehose sends it. It serialises as it was read.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct FirehoseRecord<'a>(RecordJson<'a>);

event_record!(FirehoseRecord(RecordJson), () record_id or NoRecordId);

object!(RecordJson {
    texts { record_id }
    options { approximate_arrival_timestamp: Timestamp }
    parts {
        #[serde(default)]
        data: Data,
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        kinesis_record_metadata: Option<MetadataJson<'a>>,
    }
});

// The sub-sequence number is a number in some of AWS's samples, an empty string in others.
object!(MetadataJson {
    texts { shard_id, partition_key, sequence_number }
    options { approximate_arrival_timestamp: Timestamp, subsequence_number: Box<RawValue> }
});

impl FirehoseRecord<'_> {
    /// Where Firehose's own deaggregation found it, as the event has it.
    pub fn sub_sequence_number_json(&self) -> Option<&str> {
        let number = &self.metadata()?.subsequence_number;
        number.as_deref().map(RawValue::get)
    }

    fn metadata(&self) -> Option<&MetadataJson<'_>> {
        self.0.kinesis_record_metadata.as_ref()
    }
}

impl EventRecord for FirehoseRecord<'_> {
    fn shard_id(&self) -> Option<&str> {
        self.metadata()?.shard_id.as_deref()
    }

    fn record_id(&self) -> Option<&str> {
        self.0.record_id.as_deref()
    }

    /// When the Kinesis stream received it, else when Firehose did.
    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        let of_stream = self.metadata();
        of_stream
            .and_then(|metadata| metadata.approximate_arrival_timestamp.as_ref())
            .or(self.0.approximate_arrival_timestamp.as_ref())
    }

    /// Firehose counts milliseconds.
    fn arrival_time(&self) -> Option<SystemTime> {
        since_epoch(self.arrival_timestamp()?.as_millis())
    }
}
