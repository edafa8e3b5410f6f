//! What is lost, and what looks as if it were: one line each on standard error.

use std::fmt;

use bytes::Bytes;
use kinesis_aggregation::{Deaggregated, Loss, LossKind, Outcome};
use kinesis_aggregation_inspect::words::{Cause, Lost, suspicion};
use kinesis_aggregation_inspect::{Coat, FoundRecord};

use crate::exit::Status;
use crate::output::complain;

/// Reports what became of `record`, at `position` in the input, unless it came out well.
pub(crate) fn report(position: usize, record: &Deaggregated<&FoundRecord>, status: &Status) {
    let name = Name {
        position,
        sequence_number: record.source().sequence_number(),
    };
    let outcome = record.outcome();
    if let Some(warning) = warning(outcome, record.source().data()) {
        // Of a record below the position to resume after, nothing was delivered.
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
fn warning(outcome: Outcome, data: &Bytes) -> Option<String> {
    let plain = match outcome {
        Outcome::Plain(reason) => {
            let coat = Coat::of(data).filter(|coat| !matches!(coat, Coat::Compressed { .. }));
            coat.map(|coat| coat.to_string())
                .or_else(|| suspicion(reason))?
        }
        Outcome::Empty => {
            return Some("it is an aggregate of zero user records: nothing to deliver".to_owned());
        }
        _ => return None,
    };
    Some(format!("{plain}; delivered as a plain record, as it is"))
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
            (_, LossKind::DigestMismatch) => {
                write!(
                    f,
                    "the aggregate is opened all the same; the KCL delivers it as a plain record"
                )
            }
            (_, LossKind::Malformed) => write!(
                f,
                "user records from {} on are lost; the KCL delivers the aggregate as a plain record",
                lost.start
            ),
            _ if lost.is_empty() => write!(f, "salvaged all the same"),
            (_, LossKind::ExplicitHashKeyNumber { .. }) => {
                write!(
                    f,
                    "{} lost; the KCL drops the whole Kinesis record",
                    Lost(&lost)
                )
            }
            _ => write!(f, "{} lost", Lost(&lost)),
        }
    }
}
