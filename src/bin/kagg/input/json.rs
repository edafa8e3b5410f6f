//! Kinesis records in JSON: the events and answers that hold them.
//!
//! To add a shape: a name in `InputShape`, a [`Document`], how to tell it in [`Document::of`],
//! and its parse function.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Stored, TakeBatch, without_bom};
use crate::exit::{Failure, Result};
use crate::output::without_values;

/// The JSON shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// A Lambda event: `{"Records":[{"kinesis":{"data":…},…}]}`.
    Lambda,
    /// `aws kinesis get-records`: `{"Records":[{"Data":…,…}]}`.
    Kinesis,
}

type Records<'a> = std::result::Result<Vec<Stored<'a>>, serde_json::Error>;

impl Document {
    /// The shape of `json`, by its keys.
    fn of(json: &str) -> Option<Self> {
        if json.starts_with('[') {
            // Of all arrays, only the first element counts.
            let Probes(first) = serde_json::from_str(json).ok()?;
            return first?.data.map(|_| Self::Kinesis);
        }
        let top: TopProbe = serde_json::from_str(json).ok()?;
        let Probes(first) = top.records?;
        match first {
            Some(RecordProbe {
                kinesis: Some(_), ..
            }) => Some(Self::Lambda),
            Some(RecordProbe { data: Some(_), .. }) => Some(Self::Kinesis),
            Some(_) => None,
            // A page without records.
            None => Some(Self::Kinesis),
        }
    }

    fn parse(self, json: &str) -> Records<'_> {
        match self {
            Self::Lambda => lambda(json),
            Self::Kinesis => kinesis(json),
        }
    }
}

/// Hands on the records of each JSON document in `text`: usually one, but several may follow one
/// another, as in a log of events. Of a document that cannot be read, nothing is handed on.
pub(super) fn each_batch(
    text: &[u8],
    named: Option<Document>,
    take: &mut impl TakeBatch,
) -> Result<()> {
    let mut first = 0;
    let documents =
        serde_json::Deserializer::from_slice(without_bom(text)).into_iter::<&RawValue>();
    let mut nothing = true;
    for json in documents {
        let json = json.map_err(|error| not_json(&error))?.get();
        let document = named.or_else(|| Document::of(json)).ok_or_else(|| {
            Failure::new("cannot tell the shape of this JSON: name it with --input")
        })?;
        let records = document.parse(json).map_err(|error| not_json(&error))?;
        take(first, &records)?;
        first += records.len();
        nothing = false;
    }
    if nothing {
        return Err(Failure::new("the input is empty"));
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> Failure {
    let what = without_values(error);
    Failure::new(format_args!("cannot read the input: {what}"))
}

fn lambda(json: &str) -> Records<'_> {
    let event: LambdaEvent<'_> = serde_json::from_str(json)?;
    Ok(event.records.0)
}

fn kinesis(json: &str) -> Records<'_> {
    if json.starts_with('[') {
        // What `--query Records` leaves of the answer.
        let records: List<'_, GetRecord<'_>> = serde_json::from_str(json)?;
        return Ok(records.0);
    }
    let answer: GetRecords<'_> = serde_json::from_str(json)?;
    Ok(answer.records.0)
}

#[derive(Deserialize)]
struct TopProbe {
    #[serde(rename = "Records")]
    records: Option<Probes>,
}

#[derive(Deserialize)]
struct RecordProbe {
    kinesis: Option<IgnoredAny>,
    #[serde(rename = "Data")]
    data: Option<IgnoredAny>,
}

/// The keys of the first of many records.
struct Probes(Option<RecordProbe>);

impl<'de> Deserialize<'de> for Probes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct First;

        impl<'de> Visitor<'de> for First {
            type Value = Probes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of records")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut records: A,
            ) -> std::result::Result<Probes, A::Error> {
                let first = records.next_element()?;
                while records.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Probes(first))
            }
        }

        deserializer.deserialize_seq(First)
    }
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
            approximate_arrival_timestamp: record.approximate_arrival_timestamp,
            data: decode(&record.data.0)?,
        })
    }
}

fn decode(base64: &str) -> std::result::Result<Vec<u8>, &'static str> {
    let decoded = base64_simd::STANDARD.decode_to_vec(base64);
    decoded.map_err(|_| "its data is not base64")
}

/// A string that borrows from the input where no escape forbids it; inside an `Option`, serde
/// would copy a plain `Cow`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    fn before_colon(self) -> Option<Cow<'a, str>> {
        match self.0 {
            Cow::Borrowed(text) => Some(Cow::Borrowed(text.split_once(':')?.0)),
            Cow::Owned(text) => Some(Cow::Owned(text.split_once(':')?.0.to_owned())),
        }
    }
}

/// Records, each turned into [`Stored`] as it is read; an error names the record.
struct List<'a, T>(Vec<Stored<'a>>, PhantomData<T>);

impl<'de: 'a, 'a, T> Deserialize<'de> for List<'a, T>
where
    T: Deserialize<'de> + TryInto<Stored<'a>, Error = &'static str>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T> Visitor<'de> for ListVisitor<'a, T>
where
    T: Deserialize<'de> + TryInto<Stored<'a>, Error = &'static str>,
{
    type Value = List<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut records: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let position = list.len();
            let name = |error: &dyn fmt::Display| {
                de::Error::custom(format_args!("record {position}: {error}"))
            };
            match records.next_element::<T>() {
                Ok(Some(record)) => list.push(record.try_into().map_err(|error| name(&error))?),
                Ok(None) => return Ok(List(list, PhantomData)),
                Err(error) => return Err(name(&error)),
            }
        }
    }
}
