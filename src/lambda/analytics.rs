//! The event of a preprocessing function of Kinesis Data Analytics for SQL.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::base64::Data;
use super::error::RecordError;
use super::raw::{self, event, event_record};
use super::record::{EventRecord, since_epoch};
use super::text::{self, Text};
use super::timestamp::Timestamp;

/// What Kinesis Data Analytics for SQL sends a function that prepares its records.
///
/// It does not deaggregate. Answer with what
/// [`transform`](super::EventUserRecords::transform) returns.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct AnalyticsEvent<'a>(EventJson<'a, AnalyticsRecord<'a>>);

event!(AnalyticsEvent, EventJson, RecordJson => AnalyticsRecord);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a, R> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    invocation_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    application_arn: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    stream_arn: Option<Text<'a>>,
    records: Vec<R>,
}

impl<'a> EventJson<'a, RecordJson<'a>> {
    fn complete(self) -> Result<EventJson<'a, AnalyticsRecord<'a>>, RecordError> {
        Ok(EventJson {
            invocation_id: self.invocation_id,
            application_arn: self.application_arn,
            stream_arn: self.stream_arn,
            records: raw::complete(self.records)?,
        })
    }
}

impl AnalyticsEvent<'_> {
    /// The id of the invocation.
    pub fn invocation_id(&self) -> Option<&str> {
        text::as_str(&self.0.invocation_id)
    }

    /// The application.
    pub fn application_arn(&self) -> Option<&str> {
        text::as_str(&self.0.application_arn)
    }

    /// The stream, of Kinesis or of Firehose, that the application reads.
    pub fn stream_arn(&self) -> Option<&str> {
        text::as_str(&self.0.stream_arn)
    }
}

/// Counts only.
impl fmt::Debug for AnalyticsEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnalyticsEvent")
            .field("records", &self.records().len())
            .finish_non_exhaustive()
    }
}

/// A record, as Analytics sends it.
#[derive(Clone)]
pub struct AnalyticsRecord<'a> {
    json: RecordJson<'a>,
    data: Bytes,
}

event_record!(RecordJson => AnalyticsRecord, ()record_id or NoRecordId);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordJson<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    record_id: Option<Text<'a>>,
    data: Option<Data>,
    /// From a Kinesis stream.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    kinesis_stream_record_metadata: Option<MetadataJson<'a>>,
    /// From a Firehose stream.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    kinesis_firehose_record_metadata: Option<MetadataJson<'a>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataJson<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    shard_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    partition_key: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_arrival_timestamp: Option<Timestamp>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    sequence_number: Option<Text<'a>>,
}

impl AnalyticsRecord<'_> {
    fn metadata(&self) -> Option<&MetadataJson<'_>> {
        let json = &self.json;
        let of_stream = json.kinesis_stream_record_metadata.as_ref();
        of_stream.or(json.kinesis_firehose_record_metadata.as_ref())
    }
}

impl EventRecord for AnalyticsRecord<'_> {
    fn shard_id(&self) -> Option<&str> {
        text::as_str(&self.metadata()?.shard_id)
    }

    fn record_id(&self) -> Option<&str> {
        text::as_str(&self.json.record_id)
    }

    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        self.metadata()?.approximate_arrival_timestamp.as_ref()
    }

    /// AWS's samples count seconds, its libraries milliseconds: what would be beyond the year
    /// 5138 in seconds is milliseconds.
    fn arrival_time(&self) -> Option<SystemTime> {
        let timestamp = self.arrival_timestamp()?;
        let seconds = timestamp.as_seconds()?;
        if seconds.as_secs() < 100_000_000_000 {
            since_epoch(Some(seconds))
        } else {
            since_epoch(timestamp.as_millis())
        }
    }
}
