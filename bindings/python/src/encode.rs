//! One aggregate of any user records, for the compatible interface.

use kinesis_aggregation::wire::{self, RecordIndices};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::put::Put;
use crate::table::Table;

/// One frame of all user records, with their explicit hash keys as they are.
#[pyfunction]
pub(crate) fn encode<'py>(user_records: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let mut puts = Vec::new();
    for (index, given) in user_records.try_iter()?.enumerate() {
        puts.push(Put::any(&given?, index)?);
    }
    let (mut partition_keys, mut hash_keys) = (Table::default(), Table::default());
    let mut records = Vec::with_capacity(puts.len());
    for put in &puts {
        let (key, hash_key, data) = put.texts()?;
        let indices = RecordIndices {
            partition_key: partition_keys.index(key.unwrap_or_default()),
            explicit_hash_key: hash_key.map(|key| hash_keys.index(key)),
        };
        records.push((indices, data));
    }
    let frame = wire::encode(partition_keys.entries(), hash_keys.entries(), records);
    Ok(PyBytes::new(user_records.py(), &frame))
}
