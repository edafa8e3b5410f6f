//! Kinesis records in JSON: the events and answers that hold them.
//!
//! To add a shape: a name in `InputShape`, a [`Document`], how to tell it in [`Document::of`],
//! and a file with its parse function.

mod kinesis;
mod lambda;
mod list;
mod probe;

use serde_json::value::RawValue;

use super::{Stored, TakeBatch, without_bom};
use crate::exit::{Failure, Result};
use crate::output::without_values;
use probe::{Probes, TopProbe};

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
            let Probes(first) = serde_json::from_str(json).ok()?;
            return first?.is_kinesis().then_some(Self::Kinesis);
        }
        let top: TopProbe = serde_json::from_str(json).ok()?;
        let Probes(first) = top.records?;
        match first {
            Some(record) if record.kinesis.is_some() => Some(Self::Lambda),
            Some(record) => record.is_kinesis().then_some(Self::Kinesis),
            // A page without records.
            None => Some(Self::Kinesis),
        }
    }

    fn parse(self, json: &str) -> Records<'_> {
        match self {
            Self::Lambda => lambda::parse(json),
            Self::Kinesis => kinesis::parse(json),
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
