//! The event of a Kinesis event source mapping, with or without a tumbling window.

use std::fmt;

use aws_lambda_events::event::kinesis as aws;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::RecordError;
use super::kinesis_record::{KinesisEventRecord, RecordJson};
use super::raw::{self, event};
use super::text::{self, Text};

/// What Lambda sends a function that reads a stream: one batch of one shard.
///
/// Its strings are parts of the payload, and the data are decoded once; the owned user records
/// share them. With a tumbling window, the window and its state are there too.
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
pub struct KinesisEvent<'a>(EventJson<'a, KinesisEventRecord<'a>>);

event!(KinesisEvent, EventJson, RecordJson => KinesisEventRecord);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a, R> {
    #[serde(rename = "Records")]
    records: Vec<R>,
    // The rest is there with a tumbling window only.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    window: Option<Window<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Box<RawValue>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    shard_id: Option<Text<'a>>,
    #[serde(
        borrow,
        rename = "eventSourceARN",
        skip_serializing_if = "Option::is_none"
    )]
    event_source_arn: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_final_invoke_for_window: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_window_terminated_early: Option<bool>,
}

impl<'a> EventJson<'a, RecordJson<'a>> {
    fn complete(self) -> Result<EventJson<'a, KinesisEventRecord<'a>>, RecordError> {
        Ok(EventJson {
            records: raw::complete(self.records)?,
            window: self.window,
            state: self.state,
            shard_id: self.shard_id,
            event_source_arn: self.event_source_arn,
            is_final_invoke_for_window: self.is_final_invoke_for_window,
            is_window_terminated_early: self.is_window_terminated_early,
        })
    }
}

/// The bounds of a tumbling window, as the event has them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Window<'a> {
    #[serde(borrow)]
    start: Text<'a>,
    #[serde(borrow)]
    end: Text<'a>,
}

impl Window<'_> {
    fn into_owned(self) -> Window<'static> {
        Window {
            start: self.start.into_owned(),
            end: self.end.into_owned(),
        }
    }

    /// Where it starts, in the form `2026-01-31T10:00:00Z`.
    pub fn start(&self) -> &str {
        self.start.as_str()
    }

    /// Where it ends.
    pub fn end(&self) -> &str {
        self.end.as_str()
    }
}

impl fmt::Debug for Window<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({}..{})", self.start(), self.end())
    }
}

impl<'a> KinesisEvent<'a> {
    /// The same without the payload: the strings are copied, the data are not.
    pub fn into_owned(self) -> KinesisEvent<'static> {
        let event = self.0;
        let records = event.records.into_iter();
        KinesisEvent(EventJson {
            records: records.map(KinesisEventRecord::into_owned).collect(),
            window: event.window.map(Window::into_owned),
            state: event.state,
            shard_id: text::owned(event.shard_id),
            event_source_arn: text::owned(event.event_source_arn),
            is_final_invoke_for_window: event.is_final_invoke_for_window,
            is_window_terminated_early: event.is_window_terminated_early,
        })
    }

    /// The window, with a tumbling window.
    pub fn window(&self) -> Option<&Window<'a>> {
        self.0.window.as_ref()
    }

    /// The state that the last answer gave, as JSON.
    pub fn state_json(&self) -> Option<&str> {
        self.0.state.as_deref().map(RawValue::get)
    }

    /// The state that the last answer gave. At the start of a window, when there is none or an
    /// empty object that is no `S`, it is the default.
    ///
    /// # Errors
    ///
    /// If the state is not an `S`.
    pub fn state<S: DeserializeOwned + Default>(&self) -> Result<S, serde_json::Error> {
        let Some(json) = self.state_json() else {
            return Ok(S::default());
        };
        serde_json::from_str(json).or_else(|error| {
            // Lambda starts every window with `{}`, whatever the type of the answers' states.
            let blank: String = json.chars().filter(|c| !c.is_whitespace()).collect();
            if blank == "{}" || blank == "null" {
                Ok(S::default())
            } else {
                Err(error)
            }
        })
    }

    /// The shard, with a tumbling window; every record knows its shard too.
    pub fn shard_id(&self) -> Option<&str> {
        text::as_str(&self.0.shard_id)
    }

    /// The stream, with a tumbling window; every record knows its stream too.
    pub fn event_source_arn(&self) -> Option<&str> {
        text::as_str(&self.0.event_source_arn)
    }

    /// Whether this is the window's last invocation. It may come without records.
    pub fn is_final_invoke_for_window(&self) -> bool {
        self.0.is_final_invoke_for_window.unwrap_or_default()
    }

    /// Whether Lambda ended the window early, because its state grew past the limit.
    pub fn is_window_terminated_early(&self) -> bool {
        self.0.is_window_terminated_early.unwrap_or_default()
    }
}

/// The event as `aws_lambda_events` reads it. Its type has no place for a tumbling window's fields,
/// and nothing is under `other`, which that crate has with its feature `catch-all-fields`. For the
/// records see [`KinesisEventRecord`].
impl From<KinesisEvent<'_>> for aws::KinesisEvent {
    fn from(event: KinesisEvent<'_>) -> Self {
        let mut converted = Self::default();
        converted.records = event.0.records.into_iter().map(Into::into).collect();
        converted
    }
}

/// Counts only.
impl fmt::Debug for KinesisEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisEvent")
            .field("records", &self.records().len())
            .field("window", &self.window())
            .field("state_len", &self.state_json().map(str::len))
            .finish()
    }
}
