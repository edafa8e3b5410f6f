//! Payloads that are still JSON, and events of any shape.

use std::collections::HashMap;
use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::EventError;
use super::firehose::FirehoseEvent;
use super::kinesis::KinesisEvent;
use super::pipes::PipesEvent;

/// A payload that is still JSON, for functions that get events of several shapes: see
/// [`AnyEvent::detect`]. The payload is copied once, and the events borrow from it.
///
/// If all events have the same shape, an owned event such as
/// [`OwnedKinesisEvent`](super::OwnedKinesisEvent) is faster.
///
/// ```
/// use kinesis_aggregation::lambda::{BatchResponse, Error, Payload, Processor};
///
/// // With lambda_runtime: `async fn handler(event: LambdaEvent<Payload>) -> …`
/// fn handler(payload: &Payload) -> Result<BatchResponse, Error> {
///     let event = payload.kinesis_event()?;
///     Ok(Processor::new().read(&event).process(|user_record| {
///         assert_eq!(user_record.data(), b"Hello");
///         Ok::<(), Error>(())
///     }))
/// }
///
/// let payload: Payload = serde_json::from_str(
///     r#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "SGVsbG8="}}]}"#,
/// )?;
/// assert!(handler(&payload)?.is_success());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// The JSON.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The event of a Kinesis event source mapping.
    ///
    /// # Errors
    ///
    /// As [`KinesisEvent::from_slice`].
    pub fn kinesis_event(&self) -> Result<KinesisEvent<'_>, EventError> {
        KinesisEvent::from_slice(self.as_json().as_bytes())
    }
}

/// The length only.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("len", &self.as_json().len())
            .finish()
    }
}

/// The shapes of events that carry Kinesis records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Of a Kinesis event source mapping, with or without a tumbling window.
    Kinesis,
    /// Of an EventBridge pipe.
    Pipes,
    /// Of a Firehose transformation.
    Firehose,
}

impl Shape {
    /// The shape of an event, by its keys. `None` if it has none of these keys, or is not JSON.
    ///
    /// An empty array counts as a pipe's event.
    pub fn detect(json: &[u8]) -> Option<Self> {
        type Keys = HashMap<String, IgnoredAny>;
        #[derive(Deserialize)]
        struct Object {
            #[serde(rename = "Records")]
            kinesis: Option<Vec<Keys>>,
            #[serde(rename = "records")]
            firehose: Option<Vec<Keys>>,
        }

        let array: Option<Vec<Keys>> = serde_json::from_slice(json).ok();
        let (records, key, shape) = if let Some(records) = array {
            (records, "sequenceNumber", Self::Pipes)
        } else {
            let object: Object = serde_json::from_slice(json).ok()?;
            match object.kinesis {
                Some(records) => (records, "kinesis", Self::Kinesis),
                None => (object.firehose?, "recordId", Self::Firehose),
            }
        };
        let fit = records.iter().all(|record| record.contains_key(key));
        fit.then_some(shape)
    }
}

/// An event of any shape.
///
/// ```
/// use kinesis_aggregation::lambda::{AnyEvent, Records};
///
/// let json = br#"[{"sequenceNumber": "495", "data": "SGVsbG8="}]"#;
/// let count = match AnyEvent::detect(json).expect("an event")? {
///     AnyEvent::Kinesis(event) => event.records().len(),
///     AnyEvent::Pipes(event) => event.records().len(),
///     AnyEvent::Firehose(event) => event.records().len(),
///     _ => 0,
/// };
/// assert_eq!(count, 1);
/// # Ok::<(), kinesis_aggregation::lambda::EventError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyEvent<'a> {
    /// Of a Kinesis event source mapping.
    Kinesis(KinesisEvent<'a>),
    /// Of an EventBridge pipe.
    Pipes(PipesEvent<'a>),
    /// Of a Firehose transformation.
    Firehose(FirehoseEvent<'a>),
}

impl<'a> AnyEvent<'a> {
    /// Reads an event of a known shape.
    ///
    /// # Errors
    ///
    /// As [`KinesisEvent::from_slice`].
    pub fn from_slice(shape: Shape, json: &'a [u8]) -> Result<Self, EventError> {
        Ok(match shape {
            Shape::Kinesis => Self::Kinesis(KinesisEvent::from_slice(json)?),
            Shape::Pipes => Self::Pipes(PipesEvent::from_slice(json)?),
            Shape::Firehose => Self::Firehose(FirehoseEvent::from_slice(json)?),
        })
    }

    /// Reads an event whose shape its keys show. `None` if they do not: see [`Shape::detect`].
    ///
    /// # Errors
    ///
    /// As [`KinesisEvent::from_slice`].
    pub fn detect(json: &'a [u8]) -> Option<Result<Self, EventError>> {
        Some(Self::from_slice(Shape::detect(json)?, json))
    }
}
