//! What is lost, and what looks as if it were: one line each on standard error.

use std::fmt;
use std::ops::Range;

use kinesis_aggregation::{Deaggregated, Loss, LossKind, Outcome, PlainReason, StoredRecord};

use crate::exit::Status;
use crate::input::Stored;
use crate::output::complain;

/// Reports what became of `record`, at `position` in the input, unless it came out well.
pub(crate) fn report(position: usize, record: &Deaggregated<&Stored<'_>>, status: &mut Status) {
    let name = Name {
        position,
        sequence_number: record.source().sequence_number(),
    };
    let outcome = record.outcome();
    if let Some(warning) = warning(outcome) {
        // Of a record that stands below the position to resume after, nothing was delivered.
        if outcome == Outcome::Empty || record.user_records().next().is_some() {
            complain(format_args!("{name}: warning: {warning}"));
        }
    }
    for loss in record.losses() {
        status.lose();
        complain(format_args!(
            "{name}: {}; {}",
            Cause(loss),
            Fate(outcome, loss)
        ));
    }
}

/// `record 3 (sequence number 4954…)`.
struct Name<'a> {
    position: usize,
    sequence_number: Option<&'a str>,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.position)?;
        match self.sequence_number {
            // It should be digits, but what is in a log line must not break it.
            Some(number) => write!(f, " (sequence number {})", number.escape_debug()),
            None => Ok(()),
        }
    }
}

/// Why a Kinesis record that comes out, or is empty, is worth a line all the same.
fn warning(outcome: Outcome) -> Option<String> {
    let plain = match outcome {
        Outcome::Plain(reason) => suspicion(reason)?,
        Outcome::Empty => {
            return Some("it is an aggregate of zero user records: nothing to deliver".to_owned());
        }
        _ => return None,
    };
    Some(format!("{plain}; delivered as a plain record, as it is"))
}

/// Why a Kinesis record with the magic is not read as an aggregate.
pub(crate) fn suspicion(reason: PlainReason) -> Option<String> {
    match reason {
        PlainReason::TooShort => {
            Some("it starts as an aggregate, but is too short to be one".to_owned())
        }
        PlainReason::DigestMismatch => {
            Some("it starts as an aggregate, but its digest is not its message's".to_owned())
        }
        PlainReason::Malformed { offset } => Some(format!(
            "it starts as an aggregate and its digest is right, but its protobuf is malformed or \
             incomplete at byte {offset}"
        )),
        _ => None,
    }
}

/// The user record that causes a loss, where it is, and why.
pub(crate) struct Cause<'a>(pub(crate) &'a Loss);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(loss) = self;
        let (user_record, offset) = (loss.sub_sequence_number(), loss.offset());
        write!(
            f,
            "user record {user_record}, at byte {offset}: {}",
            loss.kind()
        )
    }
}

/// What became of the user records.
struct Fate<'a>(Outcome, &'a Loss);

impl fmt::Display for Fate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(outcome, loss) = self;
        let lost = loss.lost();
        match (outcome, loss.kind()) {
            (Outcome::Dropped, _) => {
                write!(f, "the whole Kinesis record is dropped, {}", Lost(&lost))
            }
            (_, LossKind::OutOfRange) => write!(f, "{} left out", Lost(&lost)),
            _ => write!(f, "{} lost", Lost(&lost)),
        }
    }
}

/// `user record 3`, `user records 3 to 7`.
pub(crate) struct Lost<'a>(pub(crate) &'a Range<u64>);

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start, self.0.end.saturating_sub(1));
        if first == last {
            write!(f, "user record {first}")
        } else {
            write!(f, "user records {first} to {last}")
        }
    }
}
