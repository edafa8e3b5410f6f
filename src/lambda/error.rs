//! The errors of this room, and what callbacks are told.

use std::fmt;

use serde_json::error::Category;

use super::record::EventRecord;
use crate::error::Loss;

/// What a handler may fail with: anything that is an error, and any text. It is the error type
/// of `lambda_runtime`.
pub type Error = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a payload is not the event that was asked for. It shows positions and identifiers, never
/// data or keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// It is not JSON, or JSON of another shape.
    #[error("{problem} at line {line}, column {column}")]
    Json {
        /// What is the matter.
        problem: JsonProblem,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// One record of the event is at fault.
    #[error("{0}")]
    Record(#[from] RecordError),
}

/// What is the matter with JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonProblem {
    /// It is not JSON.
    Malformed,
    /// It ends too early.
    Truncated,
    /// It is JSON, but a field that must be there is not, or has another type.
    OtherShape,
}

impl fmt::Display for JsonProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed JSON",
            Self::Truncated => "JSON that ends too early",
            Self::OtherShape => "JSON of another shape",
        })
    }
}

impl From<serde_json::Error> for EventError {
    fn from(error: serde_json::Error) -> Self {
        // Serde's own text may quote a value, and so a key.
        Self::Json {
            problem: match error.classify() {
                Category::Data => JsonProblem::OtherShape,
                Category::Eof => JsonProblem::Truncated,
                Category::Syntax | Category::Io => JsonProblem::Malformed,
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

/// A record of an event without which the event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    pub(super) position: usize,
    pub(super) identifier: Option<String>,
    pub(super) kind: RecordErrorKind,
}

impl RecordError {
    /// The record's position in the event, counted from 0.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Its sequence number or record id, if it has one.
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    /// What is the matter.
    pub fn kind(&self) -> RecordErrorKind {
        self.kind
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.position)?;
        if let Some(identifier) = &self.identifier {
            write!(f, " ({identifier})")?;
        }
        write!(f, " {}", self.kind)
    }
}

impl std::error::Error for RecordError {}

/// Why a record of an event cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// It has no `data`.
    #[error("has no data")]
    NoData,
    /// Its `data` are not base64.
    #[error("has data of {len} characters that are not base64")]
    NotBase64 {
        /// The length of what is there.
        len: usize,
    },
    /// It has no sequence number, so an answer could not name it.
    #[error("has no sequence number")]
    NoSequenceNumber,
    /// It has no record id, so an answer could not name it.
    #[error("has no record id")]
    NoRecordId,
}

/// What becomes of a Kinesis record whose aggregate is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCut {
    /// It fails: Lambda sends it again.
    Fail,
    /// It counts as done.
    GoOn,
}

impl AfterCut {
    pub(super) fn is_fail(self) -> bool {
        self == Self::Fail
    }
}

/// User records that are lost, with the Kinesis record that they were in.
#[derive(Clone, Copy)]
pub struct Lost<'a> {
    loss: &'a Loss,
    event_id: Option<&'a str>,
    sequence_number: Option<&'a str>,
    partition_key: Option<&'a str>,
    data: &'a [u8],
}

impl<'a> Lost<'a> {
    pub(super) fn new<R: EventRecord>(loss: &'a Loss, source: &'a R) -> Self {
        Self {
            loss,
            event_id: source.event_id(),
            sequence_number: source.sequence_number(),
            partition_key: source.partition_key(),
            data: source.data(),
        }
    }

    /// Which, and why.
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

/// Why a Kinesis record fails.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    position: usize,
    event_id: Option<&'a str>,
    sequence_number: Option<&'a str>,
    sub_sequence_number: Option<u64>,
    reason: FailureReason<'a>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FailureReason<'a> {
    /// The handler returned an error.
    Handler(&'a Error),
    /// The handler panicked; the panic hook had the message.
    Panicked,
    /// The aggregate is cut.
    Cut(&'a Loss),
}

impl<'a> Failure<'a> {
    pub(super) fn new<R: EventRecord>(
        position: usize,
        source: &'a R,
        sub_sequence_number: Option<u64>,
        reason: FailureReason<'a>,
    ) -> Self {
        Self {
            position,
            event_id: source.event_id(),
            sequence_number: source.sequence_number(),
            sub_sequence_number,
            reason,
        }
    }

    /// The Kinesis record's position in the event, counted from 0.
    pub fn position(&self) -> usize {
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

    /// The user record's place in its Kinesis record, if one user record is at fault.
    pub fn sub_sequence_number(&self) -> Option<u64> {
        self.sub_sequence_number
    }

    /// What went wrong.
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
        match self.reason {
            FailureReason::Handler(error) => write!(f, ": {error}"),
            FailureReason::Panicked => f.write_str(": the handler panicked"),
            FailureReason::Cut(loss) => write!(f, ": {loss}"),
        }
    }
}
