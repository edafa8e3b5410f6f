//! The outcome of a user record: where it was delivered, or why it was not.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;

use super::attempt_error::AttemptError;
use super::client::Stored;
use super::tries::{Attempt, Tries};
use kinesis_aggregation::UserRecord;
use kinesis_aggregation::error::AggregateErrorKind;

/// Since the producer started.
pub(super) type Time = Duration;

/// A Kinesis record that the stream stored, for all its user records.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) stored: Stored,
    pub(crate) attempt: Attempt,
}

/// The place where a user record was delivered.
#[derive(Clone)]
pub struct Delivered {
    pub(super) landed: Arc<Landed>,
    pub(super) sub_sequence_number: u64,
    pub(super) accepted: Time,
    pub(super) earlier: Tries,
}

impl Delivered {
    /// Returns the id of the shard.
    pub fn shard_id(&self) -> &str {
        self.landed.stored.shard_id()
    }

    /// Returns the sequence number of the Kinesis record.
    pub fn sequence_number(&self) -> &str {
        self.landed.stored.sequence_number()
    }

    /// Returns the user record's place in its Kinesis record, counted from 0.
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }

    /// Returns how many times it was put.
    pub fn tries(&self) -> usize {
        self.earlier.count() + 1
    }

    /// Returns the tries: the first one, and the last ones, of which the last succeeded. Of more
    /// than five some are left out.
    pub fn attempts(&self) -> impl Iterator<Item = Attempt> + '_ {
        let all = self.earlier.kept().iter().chain([&self.landed.attempt]);
        all.map(|attempt| attempt.since(self.accepted))
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered")
            .field("shard_id", &self.shard_id())
            .field("sequence_number", &self.sequence_number())
            .field("sub_sequence_number", &self.sub_sequence_number)
            .field("attempts", &self.tries())
            .finish()
    }
}

/// Why a user record was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// Its `record_ttl` is over.
    #[error("its record_ttl is over")]
    Expired,
    /// It landed in a shard whose hash key range did not become known within five minutes, or before
    /// its `record_ttl` was over, so nobody can tell whether a KCL delivers it.
    #[error("the hash key range of the shard that it landed in is not known")]
    UnknownShard,
    /// Its shard throttled it, and `fail_if_throttled` is set.
    #[error("its shard throttled it")]
    Throttled,
    /// The request failed, and asking again is no use.
    #[error("the request failed: {code}")]
    Request {
        /// The service's code.
        code: ByteString,
    },
    /// The stream's distribution became service-managed after the put, and the data looks like
    /// an aggregate, which a consumer would take apart.
    #[error("its data looks like an aggregate, and the stream's distribution is service-managed")]
    LooksLikeAggregate,
    /// The stream's distribution became service-managed after the put, so there is no order.
    #[error("order is wanted, and the stream's distribution is service-managed")]
    NoOrder,
    /// It is larger than the stream takes, as the stream's description told after the put.
    #[error("it has {size} bytes, more than the {max} that the stream takes")]
    TooLarge {
        /// Its data and partition key.
        size: usize,
        /// The most that the stream takes.
        max: usize,
    },
    /// An earlier user record of the same partition key failed, and `fail_later_in_order` is set.
    #[error("an earlier record of its partition key failed")]
    EarlierFailed,
    /// The producer was closed with a time limit, which ended before it was resolved.
    #[error("the producer was closed before it was resolved")]
    GivenUp,
    /// The runtime that the producer ran on is gone.
    #[error("the producer's runtime is gone")]
    Aborted,
}

/// A user record that was not delivered, and why.
///
/// Displays with the reason why the last try failed, and has that [`AttemptError`] as its source.
#[derive(Clone)]
pub struct DeliveryError(pub(super) Box<Undelivered>);

#[derive(Clone)]
pub(super) struct Undelivered {
    pub(super) kind: FailureKind,
    pub(super) record: Option<UserRecord>,
    pub(super) maybe_stored: bool,
    pub(super) accepted: Time,
    pub(super) attempts: Tries,
}

impl DeliveryError {
    /// The producer ended without a word.
    pub(super) fn aborted() -> Self {
        Self(Box::new(Undelivered {
            kind: FailureKind::Aborted,
            record: None,
            maybe_stored: true,
            accepted: Time::ZERO,
            attempts: Tries::default(),
        }))
    }

    /// The producer ended before it was sent.
    pub(super) fn not_sent(record: UserRecord) -> Self {
        let mut error = Self::aborted();
        error.0.record = Some(record);
        error.0.maybe_stored = false;
        error
    }

    /// Returns the reason.
    pub fn kind(&self) -> &FailureKind {
        &self.0.kind
    }

    /// Returns whether the stream may hold the record all the same: an answer never came, or it landed
    /// in an aggregate that the KCL drops and other readers may not. Putting it again may then
    /// deliver it twice.
    pub fn is_maybe_stored(&self) -> bool {
        self.0.maybe_stored
    }

    /// Returns how many times it was put.
    pub fn tries(&self) -> usize {
        self.0.attempts.count()
    }

    /// Returns the tries: the first one, and the last ones. Of more than four some are left out.
    pub fn attempts(&self) -> impl Iterator<Item = Attempt> + '_ {
        let kept = self.0.attempts.kept().iter();
        kept.map(|attempt| attempt.since(self.0.accepted))
    }

    fn last_error(&self) -> Option<&AttemptError> {
        self.0.attempts.kept().last()?.error()
    }

    /// Returns the record.
    pub fn record(&self) -> Option<&UserRecord> {
        self.0.record.as_ref()
    }

    /// Returns the record, to be put again; `None` only if the producer's task ended without a word.
    pub fn into_record(self) -> Option<UserRecord> {
        self.0.record
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the user record was not delivered: {}", self.0.kind)?;
        match (&self.0.kind, self.last_error()) {
            // The kind has the code.
            (FailureKind::Request { .. }, Some(error)) => match error.message() {
                Some(message) => write!(f, ": {message}"),
                None => Ok(()),
            },
            (_, Some(error)) => match self.tries() {
                1 => write!(f, " (its only try failed with {error})"),
                tries => write!(f, " ({tries} tries failed, the last with {error})"),
            },
            (_, None) => Ok(()),
        }
    }
}

impl Error for DeliveryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last_error().map(|error| error as _)
    }
}

impl fmt::Debug for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryError")
            .field("kind", &self.0.kind)
            .field("record", &self.0.record)
            .field("maybe_stored", &self.0.maybe_stored)
            .field("tries", &self.tries())
            .field("attempts", &self.0.attempts.kept())
            .finish()
    }
}

/// The output of a [`Delivery`](super::Delivery).
pub type Outcome = Result<Delivered, DeliveryError>;

/// Why a user record was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutErrorKind {
    /// The record is one that the stream would refuse.
    #[error("{0}")]
    Refused(AggregateErrorKind),
    /// The stream's distribution is service-managed, where every record travels raw, and the
    /// data looks like an aggregate, which a consumer would take apart.
    #[error("its data looks like an aggregate, and the stream's distribution is service-managed")]
    LooksLikeAggregate,
    /// The stream's distribution is service-managed, so the order that is wanted cannot be had.
    #[error("order is wanted, and the stream's distribution is service-managed")]
    NoOrder,
    /// There is no room now; `put` waits for it.
    #[error("there is no room for it now")]
    NoRoom,
    /// The producer is closed.
    #[error("the producer is closed")]
    Closed,
    /// The runtime that the producer ran on is gone.
    #[error("the producer's runtime is gone")]
    Aborted,
}

/// A user record that was not accepted, and why.
#[derive(Debug, thiserror::Error)]
#[error("the user record is not accepted: {kind}")]
pub struct PutError {
    record: Box<UserRecord>,
    kind: PutErrorKind,
}

impl PutError {
    pub(super) fn new(record: UserRecord, kind: PutErrorKind) -> Self {
        Self {
            record: Box::new(record),
            kind,
        }
    }

    /// Returns the reason.
    pub fn kind(&self) -> PutErrorKind {
        self.kind
    }

    /// Returns the record, to be mended, or put later or elsewhere.
    pub fn into_record(self) -> UserRecord {
        *self.record
    }
}
