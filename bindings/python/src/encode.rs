//! One aggregate of any user records, for the compatible interface.

use indexmap::IndexSet;
use kinesis_aggregation::wire::{self, RecordIndices};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::put::Put;

/// One frame of all user records, with their explicit hash keys as they are.
#[pyfunction]
pub(crate) fn encode<'py>(user_records: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let mut puts = Vec::new();
    for (index, given) in user_records.try_iter()?.enumerate() {
        puts.push(Put::any(&given?, index)?);
    }
    let (mut partition_keys, mut hash_keys) = (IndexSet::new(), IndexSet::new());
    let mut records = Vec::with_capacity(puts.len());
    for put in &puts {
        let (key, hash_key, data) = put.texts()?;
        let indices = RecordIndices {
            partition_key: index(&mut partition_keys, key.unwrap_or_default()),
            explicit_hash_key: hash_key.map(|key| index(&mut hash_keys, key)),
        };
        records.push((indices, data));
    }
    let frame = wire::encode(partition_keys, hash_keys, records);
    Ok(PyBytes::new(user_records.py(), &frame))
}

/// The position of `key` in a table, to which it is added if it is new.
fn index<'a>(table: &mut IndexSet<&'a str>, key: &'a str) -> u32 {
    let (index, _) = table.insert_full(key);
    u32::try_from(index).unwrap_or(u32::MAX)
}
