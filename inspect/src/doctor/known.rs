//! The faults of known writers, as far as one Kinesis record shows them.

use super::newlines::is_joined;
use super::shuffled::is_shuffled;
use super::trouble::Trouble;
use crate::explain::{Explanation, Kind};
use crate::record::FoundRecord;

/// A fault that a writer is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownFault {
    /// Its name, that of the [`Finding`](super::Finding).
    pub name: &'static str,
    /// What is wrong, and who writes such records.
    pub title: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// Returns the faults of known writers that a Kinesis record shows: what [`Doctor`](super::Doctor)
/// finds in many of them.
///
/// ```
/// use kinesis_aggregation_inspect::doctor::known_faults;
/// use kinesis_aggregation_inspect::{FoundRecord, explain};
///
/// let record = FoundRecord::new("{\"a\":1}\n{\"a\":2}\n");
/// let faults = known_faults(&record, &explain(&record, None));
/// assert_eq!(faults[0].name, "newline-joined");
/// ```
pub fn known_faults(record: &FoundRecord, report: &Explanation<'_>) -> Vec<KnownFault> {
    let lost = Trouble::of(record, report, false);
    let lost = lost.filter(|trouble| {
        matches!(
            trouble,
            Trouble::UndefinedHashKey | Trouble::NegativeHashKey
        )
    });
    let zero = is_all_at_zero(report).then_some(Trouble::AllAtZero);
    let troubles = lost.into_iter().chain(zero);
    troubles
        .chain(in_detail(record, report).into_iter().flatten())
        .map(|trouble| {
            let words = trouble.words();
            KnownFault {
                name: words.name,
                title: words.title,
                advice: words.advice,
            }
        })
        .collect()
}

/// Two user records and more, all with the explicit hash key 0.
fn is_all_at_zero(report: &Explanation<'_>) -> bool {
    let mut user_records = report.user_records.iter();
    report.kind == Kind::Aggregate
        && user_records.len() > 1
        && user_records.all(|user_record| user_record.explicit_hash_key.as_deref() == Some("0"))
}

/// What is wrong with the user records, although the KCL delivers them.
pub(super) fn in_detail(record: &FoundRecord, report: &Explanation<'_>) -> [Option<Trouble>; 3] {
    if report.kind != Kind::Aggregate {
        let joined = is_joined(record.data());
        return [joined.then_some(Trouble::Joined), None, None];
    }
    let data = |offset: usize, len: usize| {
        let end = offset.saturating_add(len);
        record.data().get(offset..end).unwrap_or_default()
    };
    let keyed = report.user_records.iter().filter_map(|user_record| {
        let key = user_record.partition_key.as_ref()?;
        Some((key, data(user_record.data_offset, user_record.data_length)))
    });
    let keys = report.tables.as_ref();
    let keys = keys.map_or(&[][..], |tables| &tables.partition_keys);
    let first = keyed.clone().next();
    [
        is_shuffled(keys, keyed.clone()).then_some(Trouble::ShuffledKeys),
        first
            .is_some_and(|(_, data)| is_joined(data))
            .then_some(Trouble::Joined),
        keyed
            .clone()
            .any(|(key, _)| key.is_empty())
            .then_some(Trouble::EmptyKeys),
    ]
}
