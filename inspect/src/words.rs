//! The sentences that say what is lost or looks lost, the same wherever they are printed.

use std::fmt;
use std::ops::Range;

use kinesis_aggregation::{Loss, PlainReason};

/// Why a Kinesis record that starts with the magic is not read as an aggregate. `None` for one
/// that does not start with it.
///
/// ```
/// use kinesis_aggregation::PlainReason;
/// use kinesis_aggregation_inspect::words::suspicion;
///
/// assert!(suspicion(PlainReason::TooShort).unwrap().contains("too short"));
/// assert_eq!(suspicion(PlainReason::NotFramed), None);
/// ```
pub fn suspicion(reason: PlainReason) -> Option<String> {
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

/// Displays the user record that causes a loss, where it is, and why.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a>(pub &'a Loss);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(loss) = self;
        let (user_record, offset) = (loss.sub_sequence_number(), loss.offset());
        let kind = loss.kind();
        write!(f, "user record {user_record}, at byte {offset}: {kind}")
    }
}

/// Displays sub-sequence numbers: `user record 3`, `user records 3 to 7`.
///
/// ```
/// use kinesis_aggregation_inspect::words::Lost;
///
/// assert_eq!(Lost(&(3..8)).to_string(), "user records 3 to 7");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lost<'a>(pub &'a Range<u64>);

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
