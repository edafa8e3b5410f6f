//! What callbacks are told.

use std::fmt;

use super::error::Error;
use super::record::EventRecord;
use crate::error::Loss;

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
