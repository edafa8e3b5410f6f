//! What `aws kinesis get-records` prints: `{"Records":[{"Data":…,…}]}`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::{List, Text, decode};
use crate::input::Stored;

pub(super) fn parse(json: &str) -> Result<Vec<Stored<'_>>, serde_json::Error> {
    if json.starts_with('[') {
        // What `--query Records` leaves of the answer.
        let records: List<'_, GetRecord<'_>> = serde_json::from_str(json)?;
        return Ok(records.0);
    }
    let answer: GetRecords<'_> = serde_json::from_str(json)?;
    Ok(answer.records.0)
}

#[derive(Deserialize)]
struct GetRecords<'a> {
    #[serde(rename = "Records", borrow)]
    records: List<'a, GetRecord<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetRecord<'a> {
    #[serde(borrow)]
    partition_key: Option<Text<'a>>,
    #[serde(borrow)]
    sequence_number: Option<Text<'a>>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Text<'a>,
}

impl<'a> TryFrom<GetRecord<'a>> for Stored<'a> {
    type Error = &'static str;

    fn try_from(record: GetRecord<'a>) -> std::result::Result<Self, Self::Error> {
        Ok(Self {
            partition_key: record.partition_key.map(|text| text.0),
            sequence_number: record.sequence_number.map(|text| text.0),
            shard_id: None,
            approximate_arrival_timestamp: record.approximate_arrival_timestamp.map(RawValue::get),
            data: decode(&record.data.0)?.into(),
        })
    }
}
