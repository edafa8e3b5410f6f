//! Whether a KCL and this library agree: item by item, and where they do not, by which rule.

use kinesis_aggregation::Outcome;
use kinesis_aggregation::error::LossKind;

use crate::facts::Facts;
use crate::ours::{self, Read};
use crate::peer::{Answer, Case, Status};

/// What a comparison found.
#[derive(Debug)]
pub(crate) enum Verdict {
    Same,
    /// The rule that explains the difference.
    Explained(&'static str),
    Unexplained(String),
}

pub(crate) const DROPS: &str = "drops the whole Kinesis record without a word; we report it";
pub(crate) const CUTS: &str = "logs an error and loses the rest; we report it";
pub(crate) const THROWS: &str =
    "throws NoClassDefFoundError and the page is lost; we deliver what comes before, and report";
pub(crate) const LOW_32: &str =
    "reads an index of 2^32 and more modulo 2^32; for us it is out of range";

/// A KCL, `jaxb` on its class path or not.
pub(crate) fn with_kcl(case: &Case, ours: &Read, theirs: &Answer, jaxb: bool) -> Verdict {
    let Some(difference) = mismatch(ours, theirs, jaxb) else {
        return match ours.outcome {
            Outcome::Dropped => Verdict::Explained(DROPS),
            Outcome::Cut if jaxb => Verdict::Explained(CUTS),
            Outcome::Cut => Verdict::Explained(THROWS),
            _ => Verdict::Same,
        };
    };
    // Does it read just what we read from the same message with the indices' low 32 bits?
    let beyond = ours.losses.iter().any(|loss| match loss.kind() {
        LossKind::PartitionKeyIndex { index, .. }
        | LossKind::ExplicitHashKeyIndex { index, .. } => *index >= 1 << 32,
        _ => false,
    });
    if beyond
        && let Some(facts) = Facts::of(&case.data)
        && let Ok(low) = ours::read(&Case {
            data: facts.with_low_indices(),
            ..case.clone()
        })
        && mismatch(&low, theirs, jaxb).is_none()
    {
        return Verdict::Explained(LOW_32);
    }
    Verdict::Unexplained(difference)
}

/// What differs, apart from what we say where the KCL is silent.
fn mismatch(ours: &Read, theirs: &Answer, jaxb: bool) -> Option<String> {
    let (status, keeps) = match ours.outcome {
        Outcome::Cut if jaxb => (Status::Logged, true),
        Outcome::Cut => (Status::Threw, false),
        _ => (Status::Returned, true),
    };
    if theirs.status != status {
        return Some(format!("status {:?}, expected {status:?}", theirs.status));
    }
    if status == Status::Threw && !theirs.text.contains("NoClassDefFoundError") {
        return Some("throws something else".to_owned());
    }
    let losses = matches!(ours.outcome, Outcome::Dropped | Outcome::Cut);
    if losses != (ours.losses.len() == 1) {
        return Some(format!("{} losses reported", ours.losses.len()));
    }
    if ours.outcome == Outcome::Dropped && !ours.items.is_empty() {
        return Some("dropped, and yet something came out".to_owned());
    }
    let expected = if keeps { &ours.items[..] } else { &[] };
    if theirs.items != expected {
        let first = theirs.items.iter().zip(expected).position(|(a, b)| a != b);
        let first = first.unwrap_or(theirs.items.len().min(expected.len()));
        return Some(format!(
            "{} items, expected {}; the first difference at {first}",
            theirs.items.len(),
            expected.len()
        ));
    }
    None
}
