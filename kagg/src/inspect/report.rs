//! Everything there is to say about a Kinesis record.

use std::borrow::Cow;

use kinesis_aggregation::wire::{Frame, Index, MAGIC, key_text};
use kinesis_aggregation::{
    HashKey, HashKeyRange, Outcome, PlainReason, ShardMap, StoredRecord, md5,
};
use serde::Serialize;

use super::bytes::preview;
use super::user_records::{UserRecord, user_records};
use super::verdict::Verdict;
use crate::input::Stored;
use crate::losses::suspicion;

/// A Kinesis record, explained. As JSON: all keys, always.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'a> {
    /// Its position in the input.
    pub(super) record: usize,
    pub(super) sequence_number: Option<&'a str>,
    /// The shard it was read from, if the input says.
    pub(super) shard_id: Option<&'a str>,
    pub(super) partition_key: Option<&'a str>,
    /// Without a frame, the shard that its partition key belongs to.
    pub(super) predicted_shard: Option<&'a str>,
    pub(super) data_length: usize,
    pub(super) data_preview: String,
    pub(super) kind: Kind,
    pub(super) frame: Option<FrameReport>,
    /// What is broken.
    pub(super) problem: Option<String>,
    /// Where, in bytes from the start of the data, if that is known.
    pub(super) breaks_at: Option<usize>,
    /// The digest is right without so many bytes at the end: something was appended.
    pub(super) appended: Option<usize>,
    pub(super) tables: Option<&'a Tables<'a>>,
    pub(super) sizes: Option<Sizes>,
    pub(super) kcl: Verdict<'a>,
    pub(super) user_records: Vec<UserRecord<'a>>,
    #[serde(skip)]
    pub(super) data: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// Not an aggregate, and not meant as one.
    Plain,
    Aggregate,
    /// It starts as an aggregate, but does not read as one.
    Broken,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FrameReport {
    pub(super) message_length: usize,
    /// As the frame claims, in hexadecimal.
    pub(super) digest: String,
    /// Of the message.
    pub(super) computed_digest: String,
}

impl FrameReport {
    fn new(frame: &Frame<'_>) -> Self {
        Self {
            message_length: frame.message().len(),
            digest: hex::encode(frame.digest()),
            computed_digest: hex::encode(md5::digest(frame.message())),
        }
    }

    pub(super) fn is_intact(&self) -> bool {
        self.digest == self.computed_digest
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tables<'a> {
    pub(super) partition_keys: Vec<Cow<'a, str>>,
    pub(super) explicit_hash_keys: Vec<Cow<'a, str>>,
}

/// What the user records cost in one Kinesis record, and what they would cost alone, in the bytes
/// that the service counts: data and partition keys.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sizes {
    pub(super) user_records: usize,
    pub(super) user_data: usize,
    pub(super) aggregated: usize,
    pub(super) alone: usize,
    /// Below 0 where the aggregate is larger.
    pub(super) saved: i64,
}

/// What is in a Kinesis record. A [`Report`] borrows from it.
pub(super) struct Contents<'a> {
    outcome: Outcome,
    kind: Kind,
    frame: Option<Frame<'a>>,
    index: Index,
    /// Where the protobuf breaks, whatever the digest says.
    breaks_at: Option<usize>,
    tables: Tables<'a>,
}

impl<'a> Contents<'a> {
    pub(super) fn of(stored: &'a Stored<'_>) -> Self {
        let data = stored.data();
        let outcome = super::kcl(HashKeyRange::FULL).deaggregate(stored).outcome();
        let frame = Frame::split(data);
        let message = frame.as_ref().map(Frame::message).unwrap_or_default();
        let mut index = Index::new();
        let read = index.append(message);
        Self {
            outcome,
            kind: match outcome {
                Outcome::Plain(PlainReason::NotFramed) => Kind::Plain,
                Outcome::Plain(_) => Kind::Broken,
                _ => Kind::Aggregate,
            },
            breaks_at: read
                .err()
                .map(|error| error.offset().saturating_add(MAGIC.len())),
            tables: Tables {
                partition_keys: texts(message, index.partition_keys()),
                explicit_hash_keys: texts(message, index.explicit_hash_keys()),
            },
            frame,
            index,
        }
    }

    fn message(&self) -> &'a [u8] {
        self.frame.as_ref().map(Frame::message).unwrap_or_default()
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(
        record: usize,
        stored: &'a Stored<'_>,
        contents: &'a Contents<'a>,
        shard_map: Option<&'a ShardMap>,
    ) -> Self {
        let Contents { kind, tables, .. } = contents;
        let is_aggregate = *kind == Kind::Aggregate;
        let user_records = if is_aggregate {
            let records = contents.index.records();
            user_records(contents.message(), records, tables, shard_map)
        } else {
            Vec::new()
        };
        Self {
            record,
            sequence_number: stored.sequence_number(),
            shard_id: stored.shard_id.as_deref(),
            partition_key: stored.partition_key(),
            predicted_shard: (!is_aggregate)
                .then(|| predict(stored.partition_key(), shard_map))
                .flatten(),
            data_length: stored.data().len(),
            data_preview: preview(stored.data()),
            kind: *kind,
            frame: contents.frame.as_ref().map(FrameReport::new),
            problem: match contents.outcome {
                Outcome::Plain(reason) => suspicion(reason),
                _ => None,
            },
            breaks_at: contents.breaks_at,
            appended: appended(contents.outcome, stored.data()),
            tables: is_aggregate.then_some(tables),
            sizes: is_aggregate.then(|| Sizes::new(stored, &user_records)),
            kcl: Verdict::new(stored, &user_records, shard_map),
            user_records,
            data: stored.data(),
        }
    }

    /// Whether the exit status should tell.
    pub(super) fn is_bad(&self) -> bool {
        self.kind == Kind::Broken || !self.kcl.delivers_all()
    }
}

fn texts<'a>(
    message: &'a [u8],
    entries: impl Iterator<Item = std::ops::Range<usize>>,
) -> Vec<Cow<'a, str>> {
    entries
        .map(|entry| key_text(message.get(entry).unwrap_or_default()))
        .collect()
}

/// Whether the digest is right without a newline, or both of its bytes, at the end.
fn appended(outcome: Outcome, data: &[u8]) -> Option<usize> {
    if outcome != Outcome::Plain(PlainReason::DigestMismatch) {
        return None;
    }
    [1, 2].into_iter().find(|bytes| {
        let shorter = data.len().checked_sub(*bytes);
        let shorter = shorter
            .and_then(|len| data.get(..len))
            .and_then(Frame::split);
        shorter.is_some_and(|frame| frame.is_intact())
    })
}

fn predict<'a>(key: Option<&str>, shard_map: Option<&'a ShardMap>) -> Option<&'a str> {
    let hash_key = HashKey::of_partition_key(key?);
    Some(shard_map?.predict(hash_key).id())
}

impl Sizes {
    fn new(stored: &Stored<'_>, user_records: &[UserRecord<'_>]) -> Self {
        let key = |key: Option<&str>| key.map_or(0, str::len);
        let user_data = user_records.iter().map(|record| record.data_length).sum();
        let keys: usize = user_records
            .iter()
            .map(|record| key(record.partition_key))
            .sum();
        let aggregated = stored.data().len() + key(stored.partition_key());
        let alone = user_data + keys;
        Self {
            user_records: user_records.len(),
            user_data,
            aggregated,
            alone,
            saved: signed(alone) - signed(aggregated),
        }
    }
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
