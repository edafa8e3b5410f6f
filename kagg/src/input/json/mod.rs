//! Kinesis records in JSON: the events and answers that hold them.
//!
//! The library reads the events; what the AWS CLI prints is read here.

mod event;
mod kinesis;
mod list;
mod probe;

use kinesis_aggregation::lambda::Shape;
use serde_json::value::RawValue;

use super::{TakeBatch, without_bom};
use crate::exit::{Failure, Result};
use crate::output::without_values;
use probe::{Probes, TopProbe};

/// The JSON shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// An event of one of the library's shapes.
    Event(Shape),
    /// `aws kinesis get-records`: `{"Records":[{"Data":…,…}]}`.
    Kinesis,
}

impl Document {
    /// The shape of `json`, by its keys.
    fn of(json: &str) -> Option<Self> {
        if let Some(shape) = Shape::detect(json.as_bytes()) {
            return Some(Self::Event(shape));
        }
        let Probes(first) = if json.starts_with('[') {
            serde_json::from_str(json).ok()?
        } else {
            let top: TopProbe = serde_json::from_str(json).ok()?;
            top.records?
        };
        first?.is_kinesis().then_some(Self::Kinesis)
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
        first += match document {
            Document::Event(shape) => event::take_all(shape, json, first, take)?,
            Document::Kinesis => {
                let records = kinesis::parse(json).map_err(|error| not_json(&error))?;
                take(first, &records)?;
                records.len()
            }
        };
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
