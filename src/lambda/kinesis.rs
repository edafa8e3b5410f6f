//! The event of a Kinesis event source mapping, with or without a tumbling window.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::JsonError;
use super::event::{event, event_record, stream_record};
use super::json::{Data, object};
use super::record::Timestamp;

/// The event of a function that reads a stream: one batch of one shard.
///
/// Its strings borrow from the payload. The data are decoded once, and owned user records share them.
/// With a tumbling window, it has the window and its state too.
///
/// ```
/// use kinesis_aggregation::lambda::KinesisEvent;
///
/// let event = KinesisEvent::from_slice(br#"{"Records": [{
///     "eventID": "shardId-000000000000:495",
///     "kinesis": {"sequenceNumber": "495", "partitionKey": "key", "data": "SGVsbG8="}
/// }]}"#)?;
/// assert_eq!(event.records()[0].data(), "Hello");
/// # Ok::<(), kinesis_aggregation::lambda::EventError>(())
/// ```
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct KinesisEvent<'a>(pub(super) EventJson<'a>);

event!(
    KinesisEvent(EventJson),
    OwnedKinesisEvent,
    KinesisEventRecord
);

/// A [`KinesisEvent`] without a lifetime, for runtimes that deserialise the event themselves. The
/// payload is read once; its strings are copied, the data are decoded.
///
/// ```
/// use kinesis_aggregation::lambda::{BatchResponse, Error, OwnedKinesisEvent, Processor};
///
/// // With lambda_runtime: `async fn handler(event: LambdaEvent<OwnedKinesisEvent>) -> …`
/// fn handler(event: &OwnedKinesisEvent) -> BatchResponse {
///     Processor::new().read(event).process(|user_record| {
///         assert_eq!(user_record.data(), b"Hello");
///         Ok::<(), Error>(())
///     })
/// }
///
/// let event: OwnedKinesisEvent = serde_json::from_str(
///     r#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "SGVsbG8="}}]}"#,
/// )?;
/// assert!(handler(&event).is_success());
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// It converts into `aws_lambda_events`' `KinesisEvent`, for code that takes one: faster than that
/// crate reads the JSON itself, and with the right arrival times.
///
/// ```
/// use kinesis_aggregation::lambda::OwnedKinesisEvent;
///
/// let event: OwnedKinesisEvent = serde_json::from_str(
///     r#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "SGVsbG8="}}]}"#,
/// )?;
/// let event: aws_lambda_events::event::kinesis::KinesisEvent = event.into();
/// assert_eq!(*event.records[0].kinesis.data, b"Hello");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct OwnedKinesisEvent(pub(super) KinesisEvent<'static>);

// Beside `Records`, all is there with a tumbling window only.
object!(pub(in crate::lambda) EventJson {
    texts {
        shard_id,
        #[serde(rename = "eventSourceARN")]
        event_source_arn,
    }
    options {
        state: Box<RawValue>,
        is_final_invoke_for_window: bool,
        is_window_terminated_early: bool,
    }
    parts {
        #[serde(borrow, rename = "Records")]
        #[serde(deserialize_with = "super::event::records::<_, RecordJson<'_>, _>")]
        records: Vec<KinesisEventRecord<'a>>,
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        window: Option<Window<'a>>,
    }
});

object!(
    /// The bounds of a tumbling window, as the event has them.
    #[derive(Debug)]
    pub Window {
        parts {
            #[serde(borrow)]
            start: Cow<'a, str>,
            #[serde(borrow)]
            end: Cow<'a, str>,
        }
    }
);

impl Window<'_> {
    /// Where it starts, as `2026-01-31T10:00:00Z`.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Where it ends.
    pub fn end(&self) -> &str {
        &self.end
    }
}

impl<'a> KinesisEvent<'a> {
    /// The window, if the mapping has a tumbling window.
    pub fn window(&self) -> Option<&Window<'a>> {
        self.0.window.as_ref()
    }

    /// The state from the last answer, as JSON.
    pub fn state_json(&self) -> Option<&str> {
        self.0.state.as_deref().map(RawValue::get)
    }

    /// The state from the last answer. At the start of a window it is the default: Lambda then sends
    /// no state, or an empty object even if that is not an `S`.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the state is not an `S`. It quotes none of the state.
    pub fn state<S: DeserializeOwned + Default>(&self) -> Result<S, JsonError> {
        let Some(json) = self.state_json() else {
            return Ok(S::default());
        };
        serde_json::from_str(json).or_else(|error: serde_json::Error| {
            // Lambda starts every window with `{}`, whatever the type of the answers' states.
            let blank: String = json.split_whitespace().collect();
            match &*blank {
                "{}" | "null" => Ok(S::default()),
                _ => Err(error.into()),
            }
        })
    }

    /// The shard, if the mapping has a tumbling window; each record has its shard too.
    pub fn shard_id(&self) -> Option<&str> {
        self.0.shard_id.as_deref()
    }

    /// The stream, if the mapping has a tumbling window; each record has its stream too.
    pub fn event_source_arn(&self) -> Option<&str> {
        self.0.event_source_arn.as_deref()
    }

    /// Whether this is the window's last invocation. It may come without records.
    pub fn is_final_invoke_for_window(&self) -> bool {
        self.0.is_final_invoke_for_window.unwrap_or_default()
    }

    /// Whether Lambda ended the window early, because its state was too large.
    pub fn is_window_terminated_early(&self) -> bool {
        self.0.is_window_terminated_early.unwrap_or_default()
    }
}

/// A Kinesis record, as Lambda sends it. It serialises as it was read.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct KinesisEventRecord<'a>(pub(super) RecordJson<'a>);

event_record!(KinesisEventRecord(RecordJson), (kinesis.) sequence_number or NoSequenceNumber);

stream_record!(KinesisEventRecord, (kinesis.) KinesisJson);

object!(pub(in crate::lambda) RecordJson {
    texts {
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
    parts {
        #[serde(borrow)]
        kinesis: KinesisJson<'a>,
    }
});

object!(pub(in crate::lambda) KinesisJson {
    texts { kinesis_schema_version, partition_key, sequence_number, encryption_type }
    options { approximate_arrival_timestamp: Timestamp }
    parts {
        #[serde(default)]
        data: Data,
    }
});
