//! A stream's shards, in a request.

use kinesis_aggregation::Shard;

use crate::input::{Bad, Input};

/// How many, then for each its id, its hash key range and 1 if it is closed.
pub(crate) fn shards(input: &mut Input<'_>) -> Result<Vec<Shard>, Bad> {
    let count = input.size()?;
    let mut shards = Vec::new();
    for _ in 0..count {
        let id = input.text()?;
        let range = input.text()?.parse();
        let range = range.map_err(|error| Bad::Owned(format!("shard {id}: {error}")))?;
        let shard = if input.number()? == 0 {
            Shard::open
        } else {
            Shard::closed
        };
        shards.push(shard(id, range));
    }
    Ok(shards)
}
