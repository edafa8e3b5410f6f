//! The SDK's shards.

use std::collections::HashSet;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::list_shards::builders::ListShardsFluentBuilder;
use aws_sdk_kinesis::operation::list_shards::{ListShardsError, ListShardsOutput};
use aws_sdk_kinesis::types;

use super::lineage::ListedShard;
use crate::error::HashKeyRangeError;
use crate::hash_key::HashKeyRange;
use crate::shard::Shard;

/// Why a shard of the SDK's cannot be read or written by its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertShardError {
    /// It has no hash key range.
    #[error("the shard has no hash key range")]
    NoHashKeyRange,
    /// Its hash key range is not valid.
    #[error("the shard's hash key range is not valid")]
    HashKeyRange(#[from] HashKeyRangeError),
}

/// Reads a hash key range as the service writes it.
///
/// # Errors
///
/// Every [`HashKeyRangeError`] but `NotARange`.
impl TryFrom<&types::HashKeyRange> for HashKeyRange {
    type Error = HashKeyRangeError;

    fn try_from(range: &types::HashKeyRange) -> Result<Self, HashKeyRangeError> {
        Self::new(
            range.starting_hash_key().parse()?,
            range.ending_hash_key().parse()?,
        )
    }
}

/// A shard as `ListShards` describes it: closed if it has an ending sequence number, whatever
/// filter was asked for (not every server that stands in for Kinesis honours one).
///
/// # Errors
///
/// Every [`ConvertShardError`].
impl TryFrom<&types::Shard> for Shard {
    type Error = ConvertShardError;

    fn try_from(shard: &types::Shard) -> Result<Self, ConvertShardError> {
        let range = shard
            .hash_key_range()
            .ok_or(ConvertShardError::NoHashKeyRange)?
            .try_into()?;
        let numbers = shard.sequence_number_range();
        let ending = numbers.and_then(types::SequenceNumberRange::ending_sequence_number);
        let converted = match ending {
            Some(_) => Self::closed(shard.shard_id(), range),
            None => Self::open(shard.shard_id(), range),
        };
        let starting = numbers.and_then(|numbers| numbers.starting_sequence_number().parse().ok());
        Ok(match starting {
            Some(number) => converted.with_starting_sequence_number(number),
            None => converted,
        })
    }
}

/// A shard with its parents, as `ListShards` describes it.
///
/// # Errors
///
/// Every [`ConvertShardError`].
impl TryFrom<&types::Shard> for ListedShard {
    type Error = ConvertShardError;

    fn try_from(listed: &types::Shard) -> Result<Self, ConvertShardError> {
        let parents = [listed.parent_shard_id(), listed.adjacent_parent_shard_id()];
        Ok(Self::new(listed.try_into()?, parents.into_iter().flatten()))
    }
}

/// A shard with its parents, as the last page of a closed shard describes it. It is open: the
/// page does not tell otherwise.
///
/// # Errors
///
/// Every [`ConvertShardError`].
impl TryFrom<&types::ChildShard> for ListedShard {
    type Error = ConvertShardError;

    fn try_from(child: &types::ChildShard) -> Result<Self, ConvertShardError> {
        let range = child
            .hash_key_range()
            .ok_or(ConvertShardError::NoHashKeyRange)?;
        let shard = Shard::open(child.shard_id(), range.try_into()?);
        Ok(Self::new(shard, child.parent_shards()))
    }
}

/// Returns whether `stream` is an ARN rather than a name: no stream name has a colon.
pub fn is_arn(stream: &str) -> bool {
    stream.starts_with("arn:")
}

/// Lists all shards of a stream, by its name or its ARN: every page of `ListShards`, open shards
/// and closed ones as long as their records are kept.
///
/// ```no_run
/// # async fn example(client: &aws_sdk_kinesis::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use kinesis_aggregation::{Shard, ShardMap, sdk};
///
/// let shards = sdk::list_shards(client, "orders").await?;
/// let shards: Result<Vec<_>, _> = shards.iter().map(Shard::try_from).collect();
/// let shard_map = ShardMap::new(shards?)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The [`SdkError`] of the first page that fails.
pub async fn list_shards(
    client: &Client,
    stream: &str,
) -> Result<Vec<types::Shard>, SdkError<ListShardsError>> {
    let mut pages = ShardPages::new(stream);
    loop {
        let page = pages.ask(client.list_shards()).send().await?;
        if !pages.add(page) {
            return Ok(pages.into_shards());
        }
    }
}

/// More pages in a row without a new shard are not asked for.
const MAX_IDLE_PAGES: usize = 10;

/// [`list_shards`] page by page, for those who send the requests themselves: with a timeout for
/// each, for example.
///
/// ```no_run
/// # async fn example(client: &aws_sdk_kinesis::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use kinesis_aggregation::sdk::ShardPages;
///
/// let mut pages = ShardPages::new("orders");
/// while pages.add(pages.ask(client.list_shards()).send().await?) {}
/// let shards = pages.into_shards();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ShardPages {
    stream: String,
    shards: Vec<types::Shard>,
    ids: HashSet<String>,
    tokens: HashSet<String>,
    idle_pages: usize,
    token: Option<String>,
}

impl ShardPages {
    /// Before the first page of the stream with this name or ARN.
    pub fn new(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            shards: Vec::new(),
            ids: HashSet::new(),
            tokens: HashSet::new(),
            idle_pages: 0,
            token: None,
        }
    }

    /// Makes the request for the next page of a fresh one.
    pub fn ask(&self, request: ListShardsFluentBuilder) -> ListShardsFluentBuilder {
        match &self.token {
            // The service refuses a stream beside a token.
            Some(token) => request.next_token(token),
            None if is_arn(&self.stream) => request.stream_arn(&self.stream),
            None => request.stream_name(&self.stream),
        }
    }

    /// Adds a page. Returns whether there is another one.
    ///
    /// A server that gives a token a second time, or ten pages without a new shard, has told what
    /// it has: some that stand in for Kinesis page for ever.
    pub fn add(&mut self, page: ListShardsOutput) -> bool {
        let known = self.shards.len();
        for shard in page.shards.unwrap_or_default() {
            if self.ids.insert(shard.shard_id.clone()) {
                self.shards.push(shard);
            }
        }
        self.idle_pages = if self.shards.len() > known {
            0
        } else {
            self.idle_pages + 1
        };
        self.token = page
            .next_token
            .filter(|token| self.idle_pages < MAX_IDLE_PAGES && self.tokens.insert(token.clone()));
        self.token.is_some()
    }

    /// Returns all shards so far, each once.
    pub fn into_shards(self) -> Vec<types::Shard> {
        self.shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HashKey;

    fn shard(range: Option<(&str, &str)>, ending: Option<&str>) -> types::Shard {
        let range = range.map(|(start, end)| {
            types::HashKeyRange::builder()
                .starting_hash_key(start)
                .ending_hash_key(end)
                .build()
                .unwrap()
        });
        let numbers = types::SequenceNumberRange::builder()
            .starting_sequence_number("1")
            .set_ending_sequence_number(ending.map(str::to_owned))
            .build()
            .unwrap();
        types::Shard::builder()
            .shard_id("shardId-000000000000")
            .set_hash_key_range(range)
            .sequence_number_range(numbers)
            .build()
            .unwrap()
    }

    #[test]
    fn an_ending_sequence_number_closes() {
        let range = HashKeyRange::new(HashKey::new(5), HashKey::MAX).unwrap();
        let ends = Some(("5", "340282366920938463463374607431768211455"));
        assert_eq!(
            Shard::try_from(&shard(ends, None)),
            Ok(Shard::open("shardId-000000000000", range)
                .with_starting_sequence_number("1".parse().unwrap()))
        );
        assert_eq!(
            Shard::try_from(&shard(ends, Some("9"))),
            Ok(Shard::closed("shardId-000000000000", range)
                .with_starting_sequence_number("1".parse().unwrap()))
        );
    }

    #[test]
    fn a_shard_without_a_valid_range_is_refused() {
        for (range, error) in [
            (None, ConvertShardError::NoHashKeyRange),
            (Some(("2", "1")), HashKeyRangeError::Reversed.into()),
        ] {
            assert_eq!(Shard::try_from(&shard(range, None)), Err(error));
        }
        assert!(Shard::try_from(&shard(Some(("", "1")), None)).is_err());
    }
}
