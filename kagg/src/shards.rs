//! The shards of a stream, from what the AWS CLI prints.

use std::path::Path;

use kinesis_aggregation::ShardMap;
use kinesis_aggregation_inspect::Shards;

use crate::exit::{Failure, Result};
use crate::source::{open, without_bom};

/// Reads the shards in the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Shards> {
    let mut text = Vec::new();
    let read = open(Some(path))?.read_to_end(&mut text);
    read.map_err(|error| Failure::of_file("read", path, &error))?;
    Shards::from_json(without_bom(&text))
        .map_err(|error| Failure::new(format_args!("shards in {}: {error}", path.display())))
}

/// Reads the shard map in the file at `path`.
pub(crate) fn read_map(path: &Path) -> Result<ShardMap> {
    let shards = read(path)?;
    shards
        .map()
        .cloned()
        .ok_or_else(|| Failure::new("no shards"))
}
