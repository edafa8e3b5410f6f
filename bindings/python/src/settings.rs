//! The keyword arguments of writing.

use kinesis_aggregation::{Aggregator, AggregatorBuilder, OuterKey, Shard, ShardMap};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::options::range;

pub(crate) fn builder(
    max_size: Option<usize>,
    max_count: Option<usize>,
    max_record_size: Option<usize>,
    outer_key: Option<String>,
    outer_key_first: bool,
) -> PyResult<AggregatorBuilder> {
    let mut builder = Aggregator::builder();
    if let Some(bytes) = max_size {
        builder = builder.max_size(bytes);
    }
    if let Some(user_records) = max_count {
        builder = builder.max_count(user_records);
    }
    if let Some(bytes) = max_record_size {
        builder = builder.max_record_size(bytes);
    }
    match outer_key {
        Some(_) if outer_key_first => {
            let message = "either outer_key or outer_key_first";
            return Err(PyValueError::new_err(message));
        }
        Some(key) => builder = builder.outer_key(OuterKey::Fixed(key.into())),
        None if outer_key_first => builder = builder.outer_key(OuterKey::First),
        None => {}
    }
    Ok(builder)
}

/// The shards of boto3's `list_shards`.
pub(crate) fn shard_map(shards: &Bound<'_, PyAny>) -> PyResult<ShardMap> {
    let mut all = Vec::new();
    for shard in shards.try_iter()? {
        all.push(to_shard(&shard?)?);
    }
    ShardMap::new(all).map_err(|error| PyValueError::new_err(format!("shards: {error}")))
}

fn to_shard(given: &Bound<'_, PyAny>) -> PyResult<Shard> {
    let wrong = || PyTypeError::new_err("shards are not the Shards of boto3's list_shards");
    let given = given.cast::<PyDict>().map_err(|_| wrong())?;
    let id = given.get_item("ShardId")?.ok_or_else(wrong)?;
    let id = id.cast::<PyString>().map_err(|_| wrong())?.to_str()?;
    let hash_keys = given.get_item("HashKeyRange")?.ok_or_else(wrong)?;
    let hash_keys = range("HashKeyRange", &hash_keys)?;
    // `ListShards` gives an open shard no ending sequence number.
    let ended = match given.get_item("SequenceNumberRange")? {
        Some(numbers) => {
            let numbers = numbers.cast::<PyDict>().map_err(|_| wrong())?;
            let end = numbers.get_item("EndingSequenceNumber")?;
            end.is_some_and(|end| !end.is_none())
        }
        None => false,
    };
    let shard = if ended { Shard::closed } else { Shard::open };
    Ok(shard(id, hash_keys))
}
