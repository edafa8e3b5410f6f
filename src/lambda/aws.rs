//! Reads `aws_lambda_events`' types, and makes them of ours.

use std::borrow::Cow;
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use aws_lambda_events::encodings::SecondTimestamp;
use aws_lambda_events::event::kinesis as aws;
use aws_lambda_events::event::streams::KinesisEventResponse;

use super::json::Text;
use super::kinesis::{KinesisEvent, KinesisEventRecord, KinesisJson, OwnedKinesisEvent};
use super::record::{EventRecord, Records, Timestamp, since_epoch};
use super::response::BatchResponse;
use crate::record::StoredRecord;

impl Records for aws::KinesisEvent {
    type Record = aws::KinesisEventRecord;

    fn records(&self) -> &[aws::KinesisEventRecord] {
        &self.records
    }
}

fn string(text: Text<'_>) -> Option<String> {
    text.map(Cow::into_owned)
}

fn not_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Where the event lacks a string, the crate has an empty one.
impl StoredRecord for aws::KinesisEventRecord {
    fn partition_key(&self) -> Option<&str> {
        not_empty(&self.kinesis.partition_key)
    }

    fn data(&self) -> &[u8] {
        &self.kinesis.data
    }

    fn sequence_number(&self) -> Option<&str> {
        not_empty(&self.kinesis.sequence_number)
    }
}

/// Its arrival time is as `aws_lambda_events` 1.2 reads it: right only if no digits or three follow the
/// decimal point, and the last is not 0. The event made from an [`OwnedKinesisEvent`] has the right
/// ones.
impl EventRecord for aws::KinesisEventRecord {
    fn event_id(&self) -> Option<&str> {
        self.event_id.as_deref()
    }

    fn event_source_arn(&self) -> Option<&str> {
        self.event_source_arn.as_deref()
    }

    fn arrival_time(&self) -> Option<SystemTime> {
        let timestamp = &self.kinesis.approximate_arrival_timestamp;
        let millis = u64::try_from(timestamp.timestamp_millis()).ok()?;
        since_epoch(Some(Duration::from_millis(millis)))
    }
}

/// The event as `aws_lambda_events` reads it. Its type has no fields for a tumbling window. `other`,
/// which it has with that crate's feature `catch-all-fields`, is empty. For the records see
/// [`KinesisEventRecord`].
impl From<KinesisEvent<'_>> for aws::KinesisEvent {
    fn from(event: KinesisEvent<'_>) -> Self {
        let mut converted = Self::default();
        converted.records = event.0.records.into_iter().map(Into::into).collect();
        converted
    }
}

/// As from a [`KinesisEvent`].
impl From<OwnedKinesisEvent> for aws::KinesisEvent {
    fn from(event: OwnedKinesisEvent) -> Self {
        event.0.into()
    }
}

/// The record as `aws_lambda_events` reads it, except for what that crate reads wrongly or not at
/// all:
///
/// * the arrival time is the event's, to the nanosecond; the start of 1970 if the event has none;
/// * an encryption type that the crate does not know is `None`;
/// * `other`, which it has with that crate's feature `catch-all-fields`, is empty.
///
/// A missing partition key is an empty string, as in that crate. The data are copied only if something
/// else shares them.
impl From<KinesisEventRecord<'_>> for aws::KinesisEventRecord {
    fn from(record: KinesisEventRecord<'_>) -> Self {
        let json = record.0;
        let mut converted = Self::default();
        converted.kinesis = kinesis(json.kinesis);
        converted.event_source = string(json.event_source);
        converted.event_version = string(json.event_version);
        converted.event_id = string(json.event_id);
        converted.event_name = string(json.event_name);
        converted.invoke_identity_arn = string(json.invoke_identity_arn);
        converted.aws_region = string(json.aws_region);
        converted.event_source_arn = string(json.event_source_arn);
        converted
    }
}

fn kinesis(json: KinesisJson<'_>) -> aws::KinesisRecord {
    let mut converted = aws::KinesisRecord::default();
    converted.data.0 = json.data.bytes.into();
    let arrival = json.approximate_arrival_timestamp;
    if let Some(arrival) = arrival.and_then(|arrival| date(&arrival)) {
        converted.approximate_arrival_timestamp.0 = arrival;
    }
    if json.encryption_type.as_deref() == Some("KMS") {
        converted.encryption_type = aws::KinesisEncryptionType::Kms;
    }
    converted.partition_key = string(json.partition_key).unwrap_or_default();
    converted.sequence_number = string(json.sequence_number).unwrap_or_default();
    converted.kinesis_schema_version = string(json.kinesis_schema_version);
    converted
}

/// chrono's `DateTime<Utc>`, named by way of the crate's types.
type Date = <SecondTimestamp as Deref>::Target;

fn date(timestamp: &Timestamp) -> Option<Date> {
    let since_epoch = timestamp.as_seconds()?;
    let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
    Date::from_timestamp(seconds, since_epoch.subsec_nanos())
}

/// For functions that answer with the crate's types.
impl From<BatchResponse> for KinesisEventResponse {
    fn from(response: BatchResponse) -> Self {
        let mut answer = Self::default();
        answer.set_failures(response.item_identifiers().map(str::to_owned));
        answer
    }
}
