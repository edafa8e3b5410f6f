//! Whether the KCL would deliver a Kinesis record, and if not why.

use kinesis_aggregation::{Deaggregator, HashKeyRange, Loss, Outcome};
use serde::Serialize;

use super::user_records::UserRecord;
use crate::record::FoundRecord;
use crate::shards::Shards;
use crate::words::{Cause, Lost};

/// The verdict of a KCL on a Kinesis record: how much of it is delivered, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Verdict<'a> {
    /// How much of it is delivered.
    pub delivers: Delivers,
    /// In a sentence.
    pub explanation: String,
    /// The shard that it is judged for; `None` for the full range.
    pub shard: Option<&'a str>,
    /// `START-END`.
    pub hash_key_range: String,
    /// Whether the input names the shard, or the first user record's hash key does.
    pub judged_by: JudgedBy,
    /// The user record that causes a loss.
    pub user_record: Option<u64>,
    /// Where it starts, in bytes from the start of the data.
    pub breaks_at: Option<usize>,
}

/// How much of a Kinesis record a KCL delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivers {
    /// Every user record, or the Kinesis record as it is.
    All,
    /// The user records before a bad one.
    Some,
    /// No user record.
    Nothing,
}

/// The source of the hash key range that a Kinesis record is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum JudgedBy {
    /// [`Shards::read_from`] or [`Shards::read_from_range`].
    Named,
    /// The shard that the input names.
    Input,
    /// The shard that had this sequence number, and owned the first user record's hash key.
    SequenceNumber,
    /// The open shard that the first user record belongs to.
    FirstUserRecord,
    /// The full range: there is no shard map, or no shard to find in it.
    FullRange,
}

impl<'a> Verdict<'a> {
    /// The verdict, and the outcome that it is based on, so that the digest is computed once.
    pub(super) fn new(
        record: &'a FoundRecord,
        user_records: &[UserRecord<'_>],
        shards: Option<&'a Shards>,
    ) -> (Self, Outcome) {
        let (judged_by, shard, range) = shard(record, user_records, shards);
        // The library reads as a KCL on that shard does, so what it gives back is the verdict: its rules
        // are in the library's `deaggregate/judge.rs`, and `open.rs` says what is an aggregate at all.
        let kcl = Deaggregator::new().hash_key_range(range);
        let read = kcl.deaggregate(record);
        let loss = read.user_records().find_map(Result::err);
        let count = user_records.len();
        let delivers = match read.outcome() {
            Outcome::Dropped => Delivers::Nothing,
            Outcome::Cut => match &loss {
                Some(loss) if loss.sub_sequence_number() == 0 => Delivers::Nothing,
                _ => Delivers::Some,
            },
            _ => Delivers::All,
        };
        let explanation = match (read.outcome(), &loss) {
            (Outcome::Plain(_), _) => "delivers it as a plain record, as it is".to_owned(),
            (Outcome::Empty, _) => "has nothing to deliver: there is no user record".to_owned(),
            (outcome, Some(loss)) => describe_loss(outcome, loss, count, user_records),
            (_, None) => format!("delivers {}", counted(count)),
        };
        let verdict = Self {
            delivers,
            explanation,
            shard,
            hash_key_range: range.to_string(),
            judged_by,
            user_record: loss.as_ref().map(Loss::sub_sequence_number),
            breaks_at: loss.as_ref().map(Loss::offset),
        };
        (verdict, read.outcome())
    }

    /// Returns whether the KCL delivers all of it.
    pub fn delivers_all(&self) -> bool {
        self.delivers == Delivers::All
    }
}

fn counted(count: usize) -> String {
    match count {
        1 => "the one user record".to_owned(),
        count => format!("all {count} user records"),
    }
}

/// Says what the KCL does at a loss, and to which shard a user record out of range belongs.
fn describe_loss(
    outcome: Outcome,
    loss: &Loss,
    count: usize,
    user_records: &[UserRecord<'_>],
) -> String {
    let cause = Cause(loss);
    if outcome == Outcome::Dropped {
        let at = usize::try_from(loss.sub_sequence_number()).ok();
        let at = at.and_then(|at| user_records.get(at));
        let home = at.and_then(|record| record.predicted_shard);
        let home = home.map(|id| format!(" and belongs to {}", id.escape_debug()));
        return format!(
            "drops {}, without a word: {cause}{}",
            counted(count),
            home.unwrap_or_default()
        );
    }
    let delivered = match loss.sub_sequence_number() {
        0 => "delivers nothing".to_owned(),
        bad => format!("delivers {}", Lost(&(0..bad))),
    };
    format!(
        "{delivered} and loses {}: {cause} (without javax.xml.bind on its class path, it loses the \
         whole page)",
        Lost(&loss.lost())
    )
}

/// The shard to judge by, and its range.
fn shard<'a>(
    record: &'a FoundRecord,
    user_records: &[UserRecord<'_>],
    shards: Option<&'a Shards>,
) -> (JudgedBy, Option<&'a str>, HashKeyRange) {
    let full = (JudgedBy::FullRange, None, HashKeyRange::FULL);
    let Some(shards) = shards else {
        return full;
    };
    if let Some((id, range)) = shards.named() {
        return (JudgedBy::Named, id, range);
    }
    let Some(map) = shards.map() else {
        return full;
    };
    if let Some(id) = record.shard_id()
        && let Some(range) = map.hash_key_range(id)
    {
        return (JudgedBy::Input, Some(id), range);
    }
    let first = user_records.first().and_then(|record| record.hash_key);
    if let Some((id, range)) = shards.by_sequence_number(record, first) {
        return (JudgedBy::SequenceNumber, Some(id), range);
    }
    match first {
        Some(hash_key) => {
            let shard = map.predict(hash_key);
            let range = shard.hash_key_range();
            (JudgedBy::FirstUserRecord, Some(shard.id()), range)
        }
        None => full,
    }
}
