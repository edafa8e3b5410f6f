//! The shards of a stream, from what `aws kinesis list-shards` prints.

use std::borrow::Cow;
use std::path::Path;

use kinesis_aggregation::{HashKey, HashKeyRange, Shard, ShardMap};
use serde::Deserialize;

use crate::exit::{Failure, Result};
use crate::source::{open, without_bom};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListShards<'a> {
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
    sequence_number_range: Option<ListedSequence>,
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
struct ListedSequence {
    /// Only closed shards have one.
    ending_sequence_number: Option<serde::de::IgnoredAny>,
}

/// Reads the shard map in the file at `path`.
pub(crate) fn read(path: &Path) -> Result<ShardMap> {
    let mut text = Vec::new();
    let read = open(Some(path))?.read_to_end(&mut text);
    read.map_err(|error| Failure::of_file("read", path, &error))?;
    parse(without_bom(&text))
        .map_err(|error| Failure::new(format_args!("shards in {}: {error}", path.display())))
}

fn parse(text: &[u8]) -> std::result::Result<ShardMap, String> {
    let list: ListShards<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let shards: std::result::Result<Vec<_>, _> = list.shards.into_iter().map(shard).collect();
    ShardMap::new(shards?).map_err(|error| error.to_string())
}

fn shard(listed: Listed<'_>) -> std::result::Result<Shard, String> {
    let Listed {
        shard_id,
        hash_key_range,
        sequence_number_range,
    } = listed;
    let key = |text: &str| {
        let key: std::result::Result<HashKey, _> = text.parse();
        key.map_err(|error| format!("{shard_id}: {text:?} is no hash key: {error}"))
    };
    let start = key(&hash_key_range.starting_hash_key)?;
    let end = key(&hash_key_range.ending_hash_key)?;
    let range = HashKeyRange::new(start, end).map_err(|error| format!("{shard_id}: {error}"))?;
    let closed = sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some());
    let id = shard_id.into_owned();
    Ok(if closed {
        Shard::closed(id, range)
    } else {
        Shard::open(id, range)
    })
}
