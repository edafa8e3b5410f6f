//! The record of a Kinesis event.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::base64::Data;
use super::error::RecordErrorKind;
use super::raw::{self, RawRecord, stored_record};
use super::record::EventRecord;
use super::text::{self, Text};
use super::timestamp::Timestamp;

/// A Kinesis record, as Lambda sends it.
#[derive(Clone)]
pub struct KinesisEventRecord<'a> {
    json: RecordJson<'a>,
    data: Bytes,
}

stored_record!(KinesisEventRecord, json.kinesis);

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

impl<'a> RawRecord for RecordJson<'a> {
    type Record = KinesisEventRecord<'a>;

    fn identifier(&self) -> Option<&str> {
        text::as_str(&self.kinesis.sequence_number)
    }

    fn complete(self) -> Result<KinesisEventRecord<'a>, RecordErrorKind> {
        raw::named(self.identifier(), RecordErrorKind::NoSequenceNumber)?;
        let data = raw::data(self.kinesis.data.as_ref())?;
        Ok(KinesisEventRecord { json: self, data })
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
