//! The shards of a stream, and which of them a record was read from.

use std::borrow::Cow;

use kinesis_aggregation::error::{HashKeyRangeError, ParseHashKeyError, ShardMapError};
use kinesis_aggregation::{HashKey, HashKeyRange, SequenceNumber, Shard, ShardMap};
use serde::Deserialize;

use crate::record::FoundRecord;

/// The shards of a stream, to judge records by.
///
/// ```
/// use kinesis_aggregation_inspect::Shards;
///
/// let shards = Shards::from_json(br#"{"Shards": [{"ShardId": "shardId-000000000000",
///     "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "340282366920938463463374607431768211455"},
///     "SequenceNumberRange": {"StartingSequenceNumber": "495"}}]}"#)?;
/// assert!(shards.map().is_some());
/// # Ok::<(), kinesis_aggregation_inspect::ShardsError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Shards {
    map: Option<ShardMap>,
    spans: Vec<Span>,
    /// Of the shard that all records were read from, whose id may be known.
    read_from: Option<(Option<String>, HashKeyRange)>,
}

/// The sequence numbers of a shard.
#[derive(Clone, Debug)]
struct Span {
    id: String,
    range: HashKeyRange,
    first: SequenceNumber,
    /// `None` while it is open.
    last: Option<SequenceNumber>,
}

/// Why text is not a list of shards, or a shard is not in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardsError {
    /// It is not JSON of `list-shards` or `describe-stream`.
    #[error("not what `aws kinesis list-shards` or `describe-stream` prints: {0}")]
    Json(#[from] serde_json::Error),
    /// A hash key of this shard is not a valid one.
    #[error("{}: a hash key is {}", .0.escape_debug(), .1)]
    HashKey(String, ParseHashKeyError),
    /// The hash keys of this shard do not make a range.
    #[error("{}: {}", .0.escape_debug(), .1)]
    Range(String, HashKeyRangeError),
    /// Together they are not a shard map.
    #[error(transparent)]
    Map(#[from] ShardMapError),
    /// The shard is not in the list.
    #[error("the shard {} is not in the list", .0.escape_debug())]
    UnknownShard(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing<'a> {
    #[serde(borrow)]
    shards: Option<Vec<Listed<'a>>>,
    #[serde(borrow)]
    stream_description: Option<Description<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    #[serde(borrow)]
    shards: Vec<Listed<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    #[serde(borrow)]
    shard_id: Cow<'a, str>,
    #[serde(borrow)]
    hash_key_range: ListedRange<'a>,
    #[serde(borrow)]
    sequence_number_range: Option<ListedNumbers<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedRange<'a> {
    #[serde(borrow)]
    starting_hash_key: Cow<'a, str>,
    #[serde(borrow)]
    ending_hash_key: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedNumbers<'a> {
    #[serde(borrow)]
    starting_sequence_number: Option<Cow<'a, str>>,
    /// Only closed shards have one.
    #[serde(borrow)]
    ending_sequence_number: Option<Cow<'a, str>>,
}

impl Shards {
    /// Reads what `aws kinesis list-shards` or `aws kinesis describe-stream` prints.
    ///
    /// # Errors
    ///
    /// [`ShardsError`] if it is something else, or the open shards do not cover all hash keys.
    pub fn from_json(text: &[u8]) -> Result<Self, ShardsError> {
        let listing: Listing<'_> = serde_json::from_slice(text)?;
        let described = listing.stream_description.map(|stream| stream.shards);
        let Some(listed) = listing.shards.or(described) else {
            let error = serde::de::Error::custom("it has no Shards");
            return Err(ShardsError::Json(error));
        };
        let mut shards = Vec::new();
        let mut spans = Vec::new();
        for listed in listed {
            let id = listed.shard_id.as_ref();
            let range = listed.hash_key_range.range(id)?;
            let numbers = listed.sequence_number_range.as_ref();
            let parse = |text: &Option<Cow<'_, str>>| text.as_deref()?.parse().ok();
            let last = numbers.and_then(|numbers| numbers.ending_sequence_number.as_ref());
            shards.push(match last {
                Some(_) => Shard::closed(id, range),
                None => Shard::open(id, range),
            });
            if let Some(numbers) = numbers
                && let Some(first) = parse(&numbers.starting_sequence_number)
            {
                let last = parse(&numbers.ending_sequence_number);
                let id = id.to_owned();
                spans.push(Span {
                    id,
                    range,
                    first,
                    last,
                });
            }
        }
        Ok(Self {
            map: Some(ShardMap::new(shards)?),
            spans,
            read_from: None,
        })
    }

    /// For records that were all read from a shard with this range.
    #[must_use]
    pub fn read_from_range(mut self, range: HashKeyRange) -> Self {
        self.read_from = Some((None, range));
        self
    }

    /// For records that were all read from this shard.
    ///
    /// # Errors
    ///
    /// [`ShardsError::UnknownShard`] if it is not in the list.
    pub fn read_from(mut self, id: &str) -> Result<Self, ShardsError> {
        let range = self.map.as_ref().and_then(|map| map.hash_key_range(id));
        let range = range.ok_or_else(|| ShardsError::UnknownShard(id.to_owned()))?;
        self.read_from = Some((Some(id.to_owned()), range));
        Ok(self)
    }

    /// Which open shard owns a hash key.
    pub fn map(&self) -> Option<&ShardMap> {
        self.map.as_ref()
    }

    /// The id and the range of the shard that all records were read from.
    pub(crate) fn named(&self) -> Option<(Option<&str>, HashKeyRange)> {
        let (id, range) = self.read_from.as_ref()?;
        Some((id.as_deref(), *range))
    }

    /// The shard that a record was read from, by its sequence number: the one that had it among
    /// its sequence numbers, and owned the record's first hash key. Shards that are open at the
    /// same time have the same sequence numbers.
    pub(crate) fn by_sequence_number(
        &self,
        record: &FoundRecord,
        first: Option<HashKey>,
    ) -> Option<(&str, HashKeyRange)> {
        let number: SequenceNumber = record.sequence_number()?.parse().ok()?;
        let mut held = self.spans.iter().filter(|span| {
            span.first <= number && span.last.as_ref().is_none_or(|last| number <= *last)
        });
        let span = match first {
            Some(key) => held.find(|span| span.range.contains(key))?,
            None => held.next().filter(|_| held.next().is_none())?,
        };
        Some((&span.id, span.range))
    }
}

impl From<ShardMap> for Shards {
    fn from(map: ShardMap) -> Self {
        Self {
            map: Some(map),
            ..Self::default()
        }
    }
}

impl ListedRange<'_> {
    fn range(&self, id: &str) -> Result<HashKeyRange, ShardsError> {
        let key = |text: &str| {
            let key: Result<HashKey, _> = text.parse();
            key.map_err(|error| ShardsError::HashKey(id.to_owned(), error))
        };
        let (start, end) = (key(&self.starting_hash_key)?, key(&self.ending_hash_key)?);
        HashKeyRange::new(start, end).map_err(|error| ShardsError::Range(id.to_owned(), error))
    }
}
