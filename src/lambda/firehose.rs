//! The event of a Firehose transformation.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event::{event, event_json, event_record};
use super::json::{self, Data, Text, json_object};
use super::record::{EventRecord, since_epoch};
use super::timestamp::Timestamp;

/// The event of a function that transforms Firehose's records.
///
/// With a Kinesis stream as its source, Firehose has deaggregated already, and
/// [`sub_sequence_number`](FirehoseRecord::sub_sequence_number_json) says so. Aggregates arrive only
/// if they were put to Firehose directly. Answer with what
/// [`transform`](super::EventUserRecords::transform) returns.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct FirehoseEvent<'a>(EventJson<'a, FirehoseRecord<'a>>);

event!(FirehoseEvent, OwnedFirehoseEvent, EventJson, RecordJson => FirehoseRecord);

/// A [`FirehoseEvent`] without a lifetime, for runtimes that deserialise the event themselves.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct OwnedFirehoseEvent(FirehoseEvent<'static>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a, R> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    invocation_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    delivery_stream_arn: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    source_kinesis_stream_arn: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    region: Option<Text<'a>>,
    records: Vec<R>,
}

event_json!(EventJson {
    invocation_id,
    delivery_stream_arn,
    source_kinesis_stream_arn,
    region,
});

impl FirehoseEvent<'_> {
    /// The id of the invocation.
    pub fn invocation_id(&self) -> Option<&str> {
        json::as_str(&self.0.invocation_id)
    }

    /// The Firehose stream.
    pub fn delivery_stream_arn(&self) -> Option<&str> {
        json::as_str(&self.0.delivery_stream_arn)
    }

    /// The Kinesis stream that Firehose reads, if it reads one.
    pub fn source_kinesis_stream_arn(&self) -> Option<&str> {
        json::as_str(&self.0.source_kinesis_stream_arn)
    }
}

/// Counts only.
impl fmt::Debug for FirehoseEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirehoseEvent")
            .field("records", &self.records().len())
            .finish_non_exhaustive()
    }
}

/// A record, as Firehose sends it.
#[derive(Clone)]
pub struct FirehoseRecord<'a> {
    json: RecordJson<'a>,
    data: Bytes,
}

event_record!(RecordJson => FirehoseRecord, ()record_id or NoRecordId);

json_object!(RecordJson {
    texts { record_id }
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_arrival_timestamp: Option<Timestamp>,
    data: Option<Data>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    kinesis_record_metadata: Option<MetadataJson<'a>>,
});

json_object!(MetadataJson {
    texts { shard_id, partition_key, sequence_number }
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_arrival_timestamp: Option<Timestamp>,
    /// A number in some of AWS's samples, an empty string in others.
    #[serde(skip_serializing_if = "Option::is_none")]
    subsequence_number: Option<Box<RawValue>>,
});

impl FirehoseRecord<'_> {
    /// Where Firehose's own deaggregation found it, as the event has it.
    pub fn sub_sequence_number_json(&self) -> Option<&str> {
        let number = &self.metadata()?.subsequence_number;
        number.as_deref().map(RawValue::get)
    }

    fn metadata(&self) -> Option<&MetadataJson<'_>> {
        self.json.kinesis_record_metadata.as_ref()
    }
}

impl EventRecord for FirehoseRecord<'_> {
    fn shard_id(&self) -> Option<&str> {
        json::as_str(&self.metadata()?.shard_id)
    }

    fn record_id(&self) -> Option<&str> {
        json::as_str(&self.json.record_id)
    }

    /// When the Kinesis stream received it, else when Firehose did.
    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        let of_stream = self.metadata();
        of_stream
            .and_then(|metadata| metadata.approximate_arrival_timestamp.as_ref())
            .or(self.json.approximate_arrival_timestamp.as_ref())
    }

    /// Firehose counts milliseconds.
    fn arrival_time(&self) -> Option<SystemTime> {
        since_epoch(self.arrival_timestamp()?.as_millis())
    }
}
