//! Everything there is to say about a Kinesis record.

use bytes::Bytes;
use kinesis_aggregation::wire::{Frame, Index};
use kinesis_aggregation::{HashKey, Outcome, PlainReason, ShardMap, md5};
use serde::Serialize;

use super::preview::preview;
use super::tables::{Tables, texts};
use super::user_records::{UserRecord, user_records};
use super::verdict::Verdict;
use crate::coat::Coat;
use crate::record::FoundRecord;
use crate::shards::Shards;
use crate::words::suspicion;

/// A Kinesis record, explained. As JSON it has all keys, always, `null` where there is nothing to
/// say.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explanation<'a> {
    /// Its number in the input.
    pub record: usize,
    /// Its sequence number, if the input has it.
    pub sequence_number: Option<&'a str>,
    /// The shard it was read from, if the input has it.
    pub shard_id: Option<&'a str>,
    /// Its own partition key: `a` for most aggregates.
    pub partition_key: Option<&'a str>,
    /// The shard that its partition key belongs to, unless it is an aggregate.
    pub predicted_shard: Option<&'a str>,
    /// Bytes of data.
    pub data_length: usize,
    /// The start of the data, for a person.
    pub data_preview: String,
    /// Plain, an aggregate, or broken.
    pub kind: Kind,
    /// Its frame, if it has the magic and room for a digest.
    pub frame: Option<FrameReport>,
    /// Why it is broken, or how it was altered.
    pub problem: Option<String>,
    /// How it was altered on its way.
    pub coat: Option<Coat>,
    /// Where its protobuf breaks, in bytes from the start of the data.
    pub breaks_at: Option<usize>,
    /// The digest is right without this many bytes at the end: they were added later.
    pub appended: Option<usize>,
    /// The tables of an aggregate.
    pub tables: Option<Tables>,
    /// The sizes of an aggregate and its user records.
    pub sizes: Option<Sizes>,
    /// Whether anything is wrong: see [`is_bad`](Explanation::is_bad).
    pub bad: bool,
    /// The verdict: how much of it a KCL delivers.
    pub kcl: Verdict<'a>,
    /// All user records, the bad ones too.
    pub user_records: Vec<UserRecord<'a>>,
}

/// The kind of a Kinesis record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Not an aggregate, and not meant to be one.
    Plain,
    /// An aggregate.
    Aggregate,
    /// It starts like an aggregate, but does not read as one.
    Broken,
}

/// The frame of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FrameReport {
    /// Bytes of protobuf.
    pub message_length: usize,
    /// The digest in the frame, in hexadecimal.
    pub digest: String,
    /// The digest that the message has.
    pub computed_digest: String,
}

impl FrameReport {
    /// `is_intact` if the digest is known to be right: it is most of the work.
    fn new(frame: &Frame<'_>, is_intact: bool) -> Self {
        let digest = hex::encode(frame.digest());
        Self {
            message_length: frame.message().len(),
            computed_digest: match is_intact {
                true => digest.clone(),
                false => hex::encode(md5::digest(frame.message())),
            },
            digest,
        }
    }

    /// Returns whether the digest is right.
    pub fn is_intact(&self) -> bool {
        self.digest == self.computed_digest
    }
}

/// The size of the user records in one Kinesis record and alone, in the bytes that the service
/// counts: data and partition keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Sizes {
    /// The number of user records.
    pub user_records: usize,
    /// Bytes of their data.
    pub user_data: usize,
    /// Bytes of the aggregate, its key included.
    pub aggregated: usize,
    /// Bytes of the user records as one Kinesis record each.
    pub alone: usize,
    /// Below 0 where the aggregate is larger.
    pub saved: i64,
}

/// Explains a Kinesis record: what it is, what is in it, and what a KCL delivers of it and why.
///
/// It is judged by the hash key range of the shard it was read from: the one that `shards` names for
/// all records, the one that the record names, or the one that had its sequence number. If none of
/// these is known, by the shard where its first user record belongs; without `shards`, by the full
/// range. A stream with service-managed distribution has no ranges: give none.
///
/// Of a broken aggregate, the user records are shown as far as its protobuf goes.
///
/// ```
/// use kinesis_aggregation::wire::{RecordIndices, encode};
/// use kinesis_aggregation_inspect::{FoundRecord, Kind, explain};
///
/// let indices = RecordIndices { partition_key: 0, explicit_hash_key: None };
/// let aggregate = encode(["key"], [""; 0], [(indices, b"data".as_slice())]);
/// let record = FoundRecord::new(aggregate);
/// let explanation = explain(&record, None);
/// assert_eq!(explanation.kind, Kind::Aggregate);
/// assert_eq!(explanation.user_records[0].data_preview, "data");
/// ```
pub fn explain<'a>(record: &'a FoundRecord, shards: Option<&'a Shards>) -> Explanation<'a> {
    let data = record.data();
    let frame = Frame::split(data);
    let contents = Contents::of(data, frame.as_ref());
    let map = shards.and_then(Shards::map);
    let records = contents.index.records();
    let user_records = user_records(data, records, &contents.tables, map);
    let (kcl, outcome) = Verdict::new(record, &user_records, shards);
    let kind = match outcome {
        Outcome::Plain(PlainReason::NotFramed) => Kind::Plain,
        Outcome::Plain(_) => Kind::Broken,
        _ => Kind::Aggregate,
    };
    let is_aggregate = kind == Kind::Aggregate;
    let coat = Some(data).filter(|_| !is_aggregate).and_then(Coat::of);
    let mut explanation = Explanation {
        bad: false,
        record: record.index(),
        sequence_number: record.sequence_number(),
        shard_id: record.shard_id(),
        partition_key: record.partition_key(),
        predicted_shard: (!is_aggregate)
            .then(|| predict(record.partition_key(), map))
            .flatten(),
        data_length: data.len(),
        data_preview: preview(data),
        kind,
        frame: frame.map(|frame| FrameReport::new(&frame, is_aggregate)),
        problem: match (outcome, &coat) {
            (_, Some(coat)) => Some(coat.to_string()),
            (Outcome::Plain(reason), None) => suspicion(reason),
            _ => None,
        },
        coat,
        breaks_at: contents.breaks_at,
        appended: appended(outcome, data),
        sizes: is_aggregate.then(|| Sizes::new(record, &user_records)),
        kcl,
        tables: (kind != Kind::Plain).then_some(contents.tables),
        user_records,
    };
    explanation.bad = explanation.is_bad();
    explanation
}

impl Explanation<'_> {
    /// Returns whether something is wrong with it: it is broken, or was an aggregate once, or the
    /// KCL does not deliver all of it.
    pub fn is_bad(&self) -> bool {
        let was_an_aggregate = !matches!(self.coat, None | Some(Coat::Compressed { .. }));
        self.kind == Kind::Broken || was_an_aggregate || !self.kcl.delivers_all()
    }
}

/// The contents of a frame's message, whether or not its digest is right.
struct Contents {
    index: Index,
    breaks_at: Option<usize>,
    tables: Tables,
}

impl Contents {
    fn of(data: &Bytes, frame: Option<&Frame<'_>>) -> Self {
        let mut index = Index::default();
        let read = frame.map(|frame| index.refill_up_to_error(frame));
        let breaks_at = read.and_then(Result::err).map(|error| error.offset());
        Self {
            breaks_at,
            tables: Tables {
                partition_keys: texts(data, index.partition_keys()),
                explicit_hash_keys: texts(data, index.explicit_hash_keys()),
            },
            index,
        }
    }
}

/// Whether the digest is right without a newline, of one byte or two, at the end.
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

fn predict<'a>(key: Option<&str>, shards: Option<&'a ShardMap>) -> Option<&'a str> {
    let hash_key = HashKey::of_partition_key(key?);
    Some(shards?.predict(hash_key).id())
}

impl Sizes {
    fn new(record: &FoundRecord, user_records: &[UserRecord<'_>]) -> Self {
        let key = |key: Option<&str>| key.map_or(0, str::len);
        let user_data = user_records.iter().map(|record| record.data_length).sum();
        let keys: usize = user_records
            .iter()
            .map(|record| key(record.partition_key.as_deref()))
            .sum();
        let aggregated = record.data().len() + key(record.partition_key());
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
