//! Errors, and the arguments of callbacks.

use std::fmt;

use serde_json::error::Category;

use super::record::EventRecord;
use crate::error::Loss;

/// The error type of `lambda_runtime`, and of a handler as callbacks see it. Any error converts into
/// it, and so does any text.
///
/// A handler may have any error type that converts into this one.
pub type Error = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a payload cannot be read as the event that was asked for; may grow. It shows positions,
/// identifiers and names of fields, never data or keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// It is not JSON, or JSON of a different shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// One record of the event is at fault.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why JSON could not be read. Serde's own error may quote a value; this one never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    problem: JsonProblem,
    field: Option<Box<str>>,
    line: usize,
    column: usize,
}

/// The kinds of a [`JsonError`]; may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonProblem {
    /// It is not JSON.
    Malformed,
    /// It ends too early.
    Truncated,
    /// It is JSON, but a required field is missing.
    MissingField,
    /// It is JSON, but a value in it has the wrong type.
    OtherShape,
}

impl JsonError {
    /// Returns the kind of error.
    pub fn problem(&self) -> JsonProblem {
        self.problem
    }

    /// The name of the missing field, if one is missing.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let field = missing_field(&error.to_string());
        Self {
            problem: match error.classify() {
                Category::Data if field.is_some() => JsonProblem::MissingField,
                Category::Data => JsonProblem::OtherShape,
                Category::Eof => JsonProblem::Truncated,
                Category::Syntax | Category::Io => JsonProblem::Malformed,
            },
            field,
            line: error.line(),
            column: error.column(),
        }
    }
}

/// The field in serde's ``missing field `Records` at line 1 column 2``. The name comes from the type
/// that is read, never from the payload.
fn missing_field(error: &str) -> Option<Box<str>> {
    let (field, _) = error.strip_prefix("missing field `")?.split_once('`')?;
    Some(field.into())
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.problem, &self.field) {
            (JsonProblem::Malformed, _) => f.write_str("malformed JSON")?,
            (JsonProblem::Truncated, _) => f.write_str("the JSON ends too early")?,
            (_, Some(field)) => write!(f, "the JSON has no field `{field}`")?,
            (_, None) => f.write_str("the JSON has a value of another type")?,
        }
        write!(f, " at line {}, column {}", self.line, self.column)
    }
}

impl std::error::Error for JsonError {}

/// A record of an event that makes the event unreadable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {position}{} {kind}", self.identifier_in_brackets())]
pub struct RecordError {
    pub(super) position: usize,
    pub(super) identifier: Option<String>,
    pub(super) kind: RecordErrorKind,
}

impl RecordError {
    /// The record's index in the event, counted from 0.
    pub fn record_index(&self) -> usize {
        self.position
    }

    /// Its sequence number or record id, if it has one.
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    fn identifier_in_brackets(&self) -> String {
        self.identifier()
            .map(|id| format!(" ({id})"))
            .unwrap_or_default()
    }

    /// Returns the kind of error.
    pub fn kind(&self) -> RecordErrorKind {
        self.kind
    }
}

/// Why a record of an event cannot be read; may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// It has no `data`.
    #[error("has no field `data`")]
    NoData,
    /// Its `data` are not base64.
    #[error("has `data` of {len} characters that are not base64")]
    NotBase64 {
        /// The length of the text: its characters if it is ASCII, else its bytes.
        len: usize,
    },
    /// It has no sequence number, so an answer could not name it.
    #[error("has no field `sequenceNumber`, or an empty one")]
    NoSequenceNumber,
    /// It has no record id, so an answer could not name it.
    #[error("has no field `recordId`, or an empty one")]
    NoRecordId,
}

/// Whether a Kinesis record with a cut aggregate fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCut {
    /// It fails: Lambda sends it again.
    Fail,
    /// It counts as done.
    GoOn,
}

/// User records that are lost, and the Kinesis record they were in.
#[derive(Clone, Copy)]
pub struct Lost<'a> {
    loss: &'a Loss,
    event_id: Option<&'a str>,
    sequence_number: Option<&'a str>,
    partition_key: Option<&'a str>,
    data: &'a [u8],
}

impl<'a> Lost<'a> {
    pub(super) fn new<R: EventRecord>(loss: &'a Loss, records: &'a [R]) -> Self {
        let source = records.get(loss.record_index());
        Self {
            loss,
            event_id: source.and_then(R::event_id),
            sequence_number: source.and_then(R::sequence_number),
            partition_key: source.and_then(R::partition_key),
            data: source.map(R::data).unwrap_or_default(),
        }
    }

    /// Which user records are lost, and why.
    pub fn loss(&self) -> &'a Loss {
        self.loss
    }

    /// The Kinesis record's event id.
    pub fn event_id(&self) -> Option<&'a str> {
        self.event_id
    }

    /// The Kinesis record's sequence number.
    pub fn sequence_number(&self) -> Option<&'a str> {
        self.sequence_number
    }

    /// The Kinesis record's partition key.
    pub fn partition_key(&self) -> Option<&'a str> {
        self.partition_key
    }

    /// The Kinesis record's data, whole.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }
}

/// Lengths only.
impl fmt::Debug for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lost")
            .field("loss", &self.loss)
            .field("event_id", &self.event_id)
            .field("sequence_number", &self.sequence_number)
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// A Kinesis record that will come again, and why.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    position: usize,
    event_id: Option<&'a str>,
    sequence_number: Option<&'a str>,
    sub_sequence_number: Option<u64>,
    reason: FailureReason<'a>,
}

/// Why a Kinesis record fails; may grow.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FailureReason<'a> {
    /// The handler returned an error.
    Handler(&'a Error),
    /// The handler panicked; the panic hook got the message.
    Panicked,
    /// The aggregate is cut.
    Cut(&'a Loss),
    /// A handler of the whole slice reported this user record as not done.
    NotDone,
    /// A handler of the whole slice named a user record that is not in it. Its answer cannot be
    /// trusted, so the whole slice fails.
    NoSuchIndex {
        /// The index, counted from 0, or the count of `Handled::First`.
        index: usize,
        /// How many user records the slice has.
        len: usize,
    },
    /// The [deadline](super::EventUserRecords::until) passed before it was done.
    Deadline,
    /// Two user records of one Firehose record have different dynamic partition keys; the answer can
    /// have only one set.
    PartitionKeysDiffer,
}

impl<'a> Failure<'a> {
    pub(super) fn new<R: EventRecord>(
        records: &'a [R],
        position: usize,
        sub_sequence_number: Option<u64>,
        reason: FailureReason<'a>,
    ) -> Self {
        let source = records.get(position);
        Self {
            position,
            event_id: source.and_then(R::event_id),
            sequence_number: source.and_then(R::sequence_number),
            sub_sequence_number,
            reason,
        }
    }

    /// The Kinesis record's index in the event, counted from 0.
    pub fn record_index(&self) -> usize {
        self.position
    }

    /// The Kinesis record's event id.
    pub fn event_id(&self) -> Option<&'a str> {
        self.event_id
    }

    /// The Kinesis record's sequence number.
    pub fn sequence_number(&self) -> Option<&'a str> {
        self.sequence_number
    }

    /// The user record's sub-sequence number, if one user record is at fault.
    pub fn sub_sequence_number(&self) -> Option<u64> {
        self.sub_sequence_number
    }

    /// Returns the reason.
    pub fn reason(&self) -> FailureReason<'a> {
        self.reason
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sequence_number {
            Some(sequence_number) => write!(f, "Kinesis record {sequence_number}")?,
            None => write!(f, "Kinesis record {} of the event", self.position)?,
        }
        if let Some(sub) = self.sub_sequence_number {
            write!(f, ", user record {sub}")?;
        }
        f.write_str(": ")?;
        match self.reason {
            FailureReason::Handler(error) => error.fmt(f),
            FailureReason::Panicked => f.write_str("the handler panicked"),
            FailureReason::Cut(loss) => loss.fmt(f),
            FailureReason::NotDone => f.write_str("the handler did not do it"),
            FailureReason::NoSuchIndex { index, len } => {
                write!(
                    f,
                    "the handler named {index} of a slice of {len} user records"
                )
            }
            FailureReason::Deadline => f.write_str("out of time"),
            FailureReason::PartitionKeysDiffer => {
                f.write_str("its user records have different dynamic partition keys")
            }
        }
    }
}
