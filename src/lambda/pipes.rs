//! The event of an EventBridge pipe with a Kinesis stream as its source.

use std::fmt;

use serde::Serialize;

use super::error::{AfterCut, FailureReason};
use super::event::{event, event_record, stream_record};
use super::json::{Data, as_base64, object};
use super::record::{EventRecord, Timestamp};
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::error::Loss;

/// The event of a function in a pipe: an array of flat records.
///
/// A pipe does not deaggregate. As its *target*, answer with what
/// [`process`](EventUserRecords::process) returns; as its *enrichment*, with
/// [`flatten`](EventUserRecords::flatten) or any other array.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct PipesEvent<'a>(EventJson<'a>);

event!(PipesEvent(EventJson), OwnedPipesEvent, PipesRecord);

/// A [`PipesEvent`] without a lifetime, for runtimes that deserialise the event themselves.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct OwnedPipesEvent(PipesEvent<'static>);

object!(
    #[serde(transparent)]
    EventJson {
        parts {
            #[serde(borrow, deserialize_with = "super::event::records::<_, RecordJson<'_>, _>")]
            records: Vec<PipesRecord<'a>>,
        }
    }
);

/// A Kinesis record, as a pipe sends it. It serialises as it was read.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct PipesRecord<'a>(RecordJson<'a>);

event_record!(PipesRecord(RecordJson), () sequence_number or NoSequenceNumber);

stream_record!(PipesRecord, () RecordJson);

object!(RecordJson {
    texts {
        kinesis_schema_version,
        partition_key,
        sequence_number,
        encryption_type,
        event_source,
        event_version,
        #[serde(rename = "eventID")]
        event_id,
        event_name,
        invoke_identity_arn,
        aws_region,
        #[serde(rename = "eventSourceARN")]
        event_source_arn,
    }
    options { approximate_arrival_timestamp: Timestamp }
    parts {
        #[serde(default)]
        data: Data,
    }
});

/// A user record in the shape of a pipe's record, to answer as an enrichment: the flat array of
/// them is what the pipe's target gets.
///
/// Besides a pipe's own fields it has `explicitHashKey`, `subSequenceNumber` and `aggregated`; and
/// `damaged`, if it [is](crate::UserRecordRef::is_damaged).
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
    #[serde(serialize_with = "as_base64")]
    data: &'b [u8],
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
            data: user_record.data(),
            approximate_arrival_timestamp: source.arrival_timestamp(),
            event_id: source.event_id(),
            event_source_arn: source.event_source_arn(),
            aws_region: source.aws_region(),
        }
    }
}

/// Lengths only.
impl fmt::Debug for PipesUserRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipesUserRecord")
            .field("sequence_number", &self.sequence_number)
            .field("sub_sequence_number", &self.sub_sequence_number)
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

impl<'a> EventUserRecords<'_, PipesRecord<'a>> {
    /// The answer of an enrichment that deaggregates: a flat array. Aggregates outside the hash key
    /// range are dropped.
    ///
    /// # Errors
    ///
    /// The [`Loss`] of the first cut aggregate, unless [`Processor::on_cut`](super::Processor::on_cut)
    /// goes on after it: an enrichment succeeds or fails as a whole.
    pub fn flatten(&self) -> Result<Vec<PipesUserRecord<'_>>, Loss> {
        let mut answer = Vec::new();
        for user_record in self.user_records() {
            match user_record {
                Ok(user_record) => answer.push(PipesUserRecord::new(&user_record)),
                Err(loss) => {
                    if !self.is_dropped(&loss) && self.after_cut(&loss) == AfterCut::Fail {
                        self.fail(loss.record_index(), FailureReason::Cut(&loss));
                        return Err(loss);
                    }
                }
            }
        }
        Ok(answer)
    }
}
