//! The Kinesis event for runtimes that want a type without a lifetime.

use std::ops::Deref;

use aws_lambda_events::event::kinesis as aws;
use serde::{Deserialize, Deserializer, Serialize};

use super::kinesis::KinesisEvent;
use super::kinesis_record::KinesisEventRecord;
use super::record::Records;

/// A [`KinesisEvent`] that needs no payload: the quickest for runtimes that want a type without a
/// lifetime. The payload is read once and not copied; the strings are, the data are decoded.
///
/// A [`Payload`](super::Payload) is copied and read twice, but is of any shape.
///
/// ```
/// use kinesis_aggregation::lambda::{BatchResponse, OwnedKinesisEvent, Processor};
///
/// // With lambda_runtime: `async fn handler(event: LambdaEvent<OwnedKinesisEvent>) -> …`
/// fn handler(event: &OwnedKinesisEvent) -> BatchResponse {
///     Processor::new().read(event).process(|user_record| {
///         assert_eq!(user_record.data(), b"Hello");
///         Ok(())
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
/// Code that is written against `aws_lambda_events`' `KinesisEvent` gets one from it, sooner than
/// that crate reads the JSON itself, and with the right arrival times:
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
pub struct OwnedKinesisEvent(KinesisEvent<'static>);

impl<'de> Deserialize<'de> for OwnedKinesisEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        KinesisEvent::deserialize(deserializer).map(Self::from)
    }
}

impl From<KinesisEvent<'_>> for OwnedKinesisEvent {
    fn from(event: KinesisEvent<'_>) -> Self {
        Self(event.into_owned())
    }
}

/// As from a [`KinesisEvent`].
impl From<OwnedKinesisEvent> for aws::KinesisEvent {
    fn from(event: OwnedKinesisEvent) -> Self {
        event.0.into()
    }
}

impl Deref for OwnedKinesisEvent {
    type Target = KinesisEvent<'static>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Records for OwnedKinesisEvent {
    type Record = KinesisEventRecord<'static>;

    fn records(&self) -> &[Self::Record] {
        self.0.records()
    }
}
