//! A Lambda event of a Kinesis stream: `{"Records":[{"kinesis":{"data":…},…}]}`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Records;
use super::list::{List, Text, decode};
use crate::input::Stored;

pub(super) fn parse(json: &str) -> Records<'_> {
    let event: LambdaEvent<'_> = serde_json::from_str(json)?;
    Ok(event.records.0)
}

#[derive(Deserialize)]
struct LambdaEvent<'a> {
    #[serde(rename = "Records", borrow)]
    records: List<'a, LambdaRecord<'a>>,
}

#[derive(Deserialize)]
struct LambdaRecord<'a> {
    /// `SHARD:SEQUENCE`.
    #[serde(rename = "eventID", borrow)]
    event_id: Option<Text<'a>>,
    #[serde(borrow)]
    kinesis: LambdaKinesis<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LambdaKinesis<'a> {
    #[serde(borrow)]
    partition_key: Option<Text<'a>>,
    #[serde(borrow)]
    sequence_number: Option<Text<'a>>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Text<'a>,
}

impl<'a> TryFrom<LambdaRecord<'a>> for Stored<'a> {
    type Error = &'static str;

    fn try_from(record: LambdaRecord<'a>) -> std::result::Result<Self, Self::Error> {
        let shard_id = record.event_id.and_then(|id| id.before_colon());
        let kinesis = record.kinesis;
        Ok(Self {
            partition_key: kinesis.partition_key.map(|text| text.0),
            sequence_number: kinesis.sequence_number.map(|text| text.0),
            shard_id,
            approximate_arrival_timestamp: kinesis.approximate_arrival_timestamp,
            data: decode(&kinesis.data.0)?,
        })
    }
}
