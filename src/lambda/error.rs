//! The errors of this room.

use std::fmt;

use serde_json::error::Category;

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
