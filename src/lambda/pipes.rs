//! The event of an EventBridge pipe with a Kinesis stream as its source.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::{Failure, FailureReason};
use super::event::{event, event_json, event_record};
use super::json::{self, AsBase64, Data, Text, into_owned};
use super::record::EventRecord;
use super::timestamp::Timestamp;
use super::user_record::EventUserRecord;
use super::user_records::EventUserRecords;
use crate::error::Loss;

/// The event of a function in a pipe: an array of flat records.
///
/// A pipe does not deaggregate. As its *target*, answer with what
/// [`process`](EventUserRecords::process) returns; as its *enrichment*, with
/// [`flatten`](EventUserRecords::flatten) or any other array.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct PipesEvent<'a>(EventJson<'a, PipesRecord<'a>>);

event!(PipesEvent, OwnedPipesEvent, EventJson, RecordJson => PipesRecord);

/// A [`PipesEvent`] without a lifetime, for runtimes that deserialise the event themselves.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct OwnedPipesEvent(PipesEvent<'static>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct EventJson<'a, R> {
    records: Vec<R>,
    #[serde(skip)]
    payload: std::marker::PhantomData<&'a ()>,
}

event_json!(EventJson { payload });

/// Counts only.
impl fmt::Debug for PipesEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipesEvent")
            .field("records", &self.records().len())
            .finish()
    }
}

/// A Kinesis record, as a pipe sends it.
#[derive(Clone)]
pub struct PipesRecord<'a> {
    json: RecordJson<'a>,
    data: Bytes,
}

event_record!(RecordJson => PipesRecord, ()sequence_number or NoSequenceNumber);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordJson<'a> {
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

into_owned!(RecordJson {
    kinesis_schema_version,
    partition_key,
    sequence_number,
    data,
    approximate_arrival_timestamp,
    encryption_type,
    event_source,
    event_version,
    event_id,
    event_name,
    invoke_identity_arn,
    aws_region,
    event_source_arn,
});

impl PipesRecord<'_> {
    /// The partition key; a stream with service-managed distribution may leave it out.
    pub fn partition_key(&self) -> Option<&str> {
        json::as_str(&self.json.partition_key)
    }

    /// The sequence number.
    pub fn sequence_number(&self) -> &str {
        json::as_str(&self.json.sequence_number).unwrap_or_default()
    }

    fn metadata(&self) -> Option<&RecordJson<'_>> {
        Some(&self.json)
    }
}

impl EventRecord for PipesRecord<'_> {
    fn event_id(&self) -> Option<&str> {
        json::as_str(&self.json.event_id)
    }

    fn event_source_arn(&self) -> Option<&str> {
        json::as_str(&self.json.event_source_arn)
    }

    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        self.json.approximate_arrival_timestamp.as_ref()
    }
}

/// A user record in the shape of a pipe's record, to answer as an enrichment: the flat array of
/// them is what the pipe's target gets.
///
/// Besides a pipe's own fields it has `explicitHashKey`, `subSequenceNumber` and `aggregated`; and
/// `damaged`, if it [is](super::EventUserRecord::is_damaged).
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PipesUserRecord<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explicit_hash_key: Option<&'b str>,
    sequence_number: &'b str,
    sub_sequence_number: u64,
    aggregated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    damaged: bool,
    data: AsBase64<&'b [u8]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_arrival_timestamp: Option<&'b Timestamp>,
    #[serde(rename = "eventID", skip_serializing_if = "Option::is_none")]
    event_id: Option<&'b str>,
    #[serde(rename = "eventSourceARN", skip_serializing_if = "Option::is_none")]
    event_source_arn: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_region: Option<&'b str>,
}

impl<'b> PipesUserRecord<'b> {
    fn new(user_record: &EventUserRecord<'b, PipesRecord<'_>>) -> Self {
        let source = user_record.source();
        Self {
            partition_key: user_record.partition_key(),
            explicit_hash_key: user_record.explicit_hash_key(),
            sequence_number: source.sequence_number(),
            sub_sequence_number: user_record.sub_sequence_number(),
            aggregated: user_record.is_aggregated(),
            damaged: user_record.is_damaged(),
            data: AsBase64(user_record.data()),
            approximate_arrival_timestamp: source.arrival_timestamp(),
            event_id: source.event_id(),
            event_source_arn: source.event_source_arn(),
            aws_region: json::as_str(&source.json.aws_region),
        }
    }
}

/// Lengths only.
impl fmt::Debug for PipesUserRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipesUserRecord")
            .field("sequence_number", &self.sequence_number)
            .field("sub_sequence_number", &self.sub_sequence_number)
            .field("data_len", &self.data.0.len())
            .finish_non_exhaustive()
    }
}

impl<'a> EventUserRecords<'_, PipesRecord<'a>> {
    /// The answer of an enrichment that deaggregates: a flat array. What is outside the hash key
    /// range is dropped.
    ///
    /// # Errors
    ///
    /// The [`Loss`] of the first cut aggregate, unless [`Processor::on_cut`](super::Processor::on_cut)
    /// goes on after it: an enrichment succeeds or fails as a whole.
    pub fn flatten(&self) -> Result<Vec<PipesUserRecord<'_>>, Loss> {
        let (processor, mut answer) = (self.processor(), Vec::new());
        for (position, record) in self.batch().records().iter().enumerate() {
            let source: &PipesRecord<'_> = record.source();
            for user_record in record.user_records() {
                match user_record {
                    Ok(user_record) => {
                        let user_record = EventUserRecord::new(position, source, user_record);
                        answer.push(PipesUserRecord::new(&user_record));
                    }
                    Err(loss) => {
                        if !processor.is_dropped(&loss, source)
                            && processor.after_cut(&loss, source).is_fail()
                        {
                            let reason = FailureReason::Cut(&loss);
                            processor.report(&Failure::new(position, source, None, reason));
                            return Err(loss);
                        }
                    }
                }
            }
        }
        Ok(answer)
    }
}
