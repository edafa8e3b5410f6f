//! The event of an EventBridge pipe with a Kinesis stream as its source.

use base64_simd::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::error::{AfterCut, FailureReason};
use super::event::{event, event_record, stream_record};
use super::json::{Data, object};
use super::record::{EventRecord, Timestamp};
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::error::Loss;

/// The event of a function in a pipe: an array of flat records.
///
/// A pipe does not deaggregate. As its *target*, answer with what
/// [`process`](EventUserRecords::process) returns; as its *enrichment*, with
/// [`flatten`](EventUserRecords::flatten) or any other array.
#[derive(Clone, serde::Serialize)]
#[serde(transparent)]
pub struct PipesEvent<'a>(EventJson<'a>);

event!(PipesEvent(EventJson), OwnedPipesEvent, PipesRecord);

/// A [`PipesEvent`] without a lifetime, for runtimes that deserialise the event themselves.
#[derive(Clone, Debug, serde::Serialize)]
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
#[derive(Clone, serde::Serialize)]
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

/// A user record that serialises in the shape of a pipe's record: as the answer of an enrichment, an
/// array of them is what the pipe's target gets.
///
/// Besides a pipe's own fields it has `explicitHashKey`, `subSequenceNumber` and `aggregated`; and
/// `damaged`, if it [is](crate::UserRecordRef::is_damaged).
#[derive(Clone, Copy, Debug)]
pub struct PipesUserRecord<'b>(EventUserRecord<'b, PipesRecord<'b>>);

impl Serialize for PipesUserRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(user_record) = self;
        let source = user_record.source();
        let mut json = serializer.serialize_map(None)?;
        for (key, text) in [
            ("partitionKey", user_record.partition_key()),
            ("explicitHashKey", user_record.explicit_hash_key()),
            ("sequenceNumber", Some(source.sequence_number())),
            ("data", Some(&STANDARD.encode_to_string(user_record.data()))),
            ("eventID", source.event_id()),
            ("eventSourceARN", source.event_source_arn()),
            ("awsRegion", source.aws_region()),
        ] {
            if let Some(text) = text {
                json.serialize_entry(key, text)?;
            }
        }
        json.serialize_entry("subSequenceNumber", &user_record.sub_sequence_number())?;
        json.serialize_entry("aggregated", &user_record.is_aggregated())?;
        if user_record.is_damaged() {
            json.serialize_entry("damaged", &true)?;
        }
        if let Some(arrived) = source.arrival_timestamp() {
            json.serialize_entry("approximateArrivalTimestamp", arrived)?;
        }
        json.end()
    }
}

impl EventUserRecords<'_, PipesRecord<'_>> {
    /// The answer of an enrichment that deaggregates: a flat array of user records. Aggregates outside
    /// the hash key range are dropped.
    ///
    /// # Errors
    ///
    /// The [`Loss`] of the first cut aggregate where [`Processor::on_cut`](super::Processor::on_cut)
    /// does not go on: an enrichment succeeds or fails as a whole.
    pub fn flatten(&self) -> Result<Vec<PipesUserRecord<'_>>, Loss> {
        let mut answer = Vec::new();
        for user_record in self.user_records() {
            match user_record {
                Ok(user_record) => answer.push(PipesUserRecord(user_record)),
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
