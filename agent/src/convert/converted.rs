//! What a converter gives.

use bytes::Bytes;

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Converted {
    /// This is sent.
    Record(Bytes),
    /// Nothing is sent: the record has not the form that was asked for.
    Skipped,
}
