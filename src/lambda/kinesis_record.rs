//! The record of a Kinesis event.

use std::ops::Deref;

use aws_lambda_events::encodings::SecondTimestamp;
use aws_lambda_events::event::kinesis as aws;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::base64::Data;
use super::raw::event_record;
use super::record::EventRecord;
use super::text::{self, Text};
use super::timestamp::Timestamp;

/// A Kinesis record, as Lambda sends it.
#[derive(Clone)]
pub struct KinesisEventRecord<'a> {
    json: RecordJson<'a>,
    data: Bytes,
}

event_record!(RecordJson => KinesisEventRecord, (kinesis.)sequence_number or NoSequenceNumber);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordJson<'a> {
    #[serde(borrow)]
    kinesis: KinesisJson<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    event_source: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    event_version: Option<Text<'a>>,
    #[serde(borrow, rename = "eventID", skip_serializing_if = "Option::is_none")]
    event_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    event_name: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    invoke_identity_arn: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    aws_region: Option<Text<'a>>,
    #[serde(
        borrow,
        rename = "eventSourceARN",
        skip_serializing_if = "Option::is_none"
    )]
    event_source_arn: Option<Text<'a>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisJson<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    kinesis_schema_version: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    partition_key: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    sequence_number: Option<Text<'a>>,
    data: Option<Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_arrival_timestamp: Option<Timestamp>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    encryption_type: Option<Text<'a>>,
}

impl RecordJson<'_> {
    fn into_owned(self) -> RecordJson<'static> {
        let kinesis = self.kinesis;
        RecordJson {
            kinesis: KinesisJson {
                kinesis_schema_version: text::owned(kinesis.kinesis_schema_version),
                partition_key: text::owned(kinesis.partition_key),
                sequence_number: text::owned(kinesis.sequence_number),
                data: kinesis.data,
                approximate_arrival_timestamp: kinesis.approximate_arrival_timestamp,
                encryption_type: text::owned(kinesis.encryption_type),
            },
            event_source: text::owned(self.event_source),
            event_version: text::owned(self.event_version),
            event_id: text::owned(self.event_id),
            event_name: text::owned(self.event_name),
            invoke_identity_arn: text::owned(self.invoke_identity_arn),
            aws_region: text::owned(self.aws_region),
            event_source_arn: text::owned(self.event_source_arn),
        }
    }
}

impl KinesisEventRecord<'_> {
    /// The same without the payload: its strings are copied, the data shared.
    pub fn into_owned(self) -> KinesisEventRecord<'static> {
        KinesisEventRecord {
            json: self.json.into_owned(),
            data: self.data,
        }
    }

    /// The partition key; a stream with service-managed distribution may leave it out.
    pub fn partition_key(&self) -> Option<&str> {
        text::as_str(&self.json.kinesis.partition_key)
    }

    /// The sequence number.
    pub fn sequence_number(&self) -> &str {
        text::as_str(&self.json.kinesis.sequence_number).unwrap_or_default()
    }

    /// `NONE` or `KMS`, where the event says so.
    pub fn encryption_type(&self) -> Option<&str> {
        text::as_str(&self.json.kinesis.encryption_type)
    }

    /// The region of the stream.
    pub fn aws_region(&self) -> Option<&str> {
        text::as_str(&self.json.aws_region)
    }

    fn metadata(&self) -> Option<&KinesisJson<'_>> {
        Some(&self.json.kinesis)
    }
}

/// The record as `aws_lambda_events` reads it, but for what that crate reads wrongly or not at all:
///
/// * the arrival time is the event's, to the nanosecond; 1970 began where the event has none;
/// * an encryption type that the crate does not know is `None`;
/// * nothing is under `other`, which the crate has with its feature `catch-all-fields`.
///
/// A missing partition key is an empty string, as it is there. The data are not copied, unless
/// somebody else shares them.
impl From<KinesisEventRecord<'_>> for aws::KinesisEventRecord {
    fn from(record: KinesisEventRecord<'_>) -> Self {
        let json = record.json;
        let mut converted = Self::default();
        converted.kinesis = json.kinesis.into_crates(record.data);
        converted.event_source = text::string(json.event_source);
        converted.event_version = text::string(json.event_version);
        converted.event_id = text::string(json.event_id);
        converted.event_name = text::string(json.event_name);
        converted.invoke_identity_arn = text::string(json.invoke_identity_arn);
        converted.aws_region = text::string(json.aws_region);
        converted.event_source_arn = text::string(json.event_source_arn);
        converted
    }
}

impl KinesisJson<'_> {
    fn into_crates(self, data: Bytes) -> aws::KinesisRecord {
        let mut converted = aws::KinesisRecord::default();
        // The bytes' only owner gives them away without a copy: here is the other one.
        drop(self.data);
        converted.data.0 = data.into();
        let arrival = self.approximate_arrival_timestamp;
        if let Some(arrival) = arrival.and_then(|arrival| date(&arrival)) {
            converted.approximate_arrival_timestamp.0 = arrival;
        }
        if text::as_str(&self.encryption_type) == Some("KMS") {
            converted.encryption_type = aws::KinesisEncryptionType::Kms;
        }
        converted.partition_key = text::string(self.partition_key).unwrap_or_default();
        converted.sequence_number = text::string(self.sequence_number).unwrap_or_default();
        converted.kinesis_schema_version = text::string(self.kinesis_schema_version);
        converted
    }
}

/// chrono's `DateTime<Utc>`, which is in the crate's types.
type Date = <SecondTimestamp as Deref>::Target;

fn date(timestamp: &Timestamp) -> Option<Date> {
    let since_epoch = timestamp.as_seconds()?;
    let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
    Date::from_timestamp(seconds, since_epoch.subsec_nanos())
}

impl EventRecord for KinesisEventRecord<'_> {
    fn event_id(&self) -> Option<&str> {
        text::as_str(&self.json.event_id)
    }

    fn event_source_arn(&self) -> Option<&str> {
        text::as_str(&self.json.event_source_arn)
    }

    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        self.json.kinesis.approximate_arrival_timestamp.as_ref()
    }
}
