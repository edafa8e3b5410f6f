//! What comes out.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::batches::Ready;
use crate::opened::Item;

/// A user record, or a loss: then `loss` says what is lost and why, and `data` is None.
#[pyclass(frozen, freelist = 1024, module = "kinesis_aggregation")]
pub(crate) struct UserRecord {
    /// The partition key; None only for a plain record that came without one. Of a loss, the
    /// Kinesis record's.
    #[pyo3(get)]
    pub(crate) partition_key: Option<Py<PyString>>,
    /// The explicit hash key as it was written, if the user record has one.
    #[pyo3(get)]
    pub(crate) explicit_hash_key: Option<Py<PyString>>,
    /// The data, base64 already decoded; None for a loss.
    #[pyo3(get)]
    pub(crate) data: Option<Py<PyBytes>>,
    /// The Kinesis record's sequence number, if it is known.
    #[pyo3(get)]
    pub(crate) sequence_number: Option<Py<PyString>>,
    /// The place in the Kinesis record, counted from 0. Of a loss, that of its cause.
    #[pyo3(get)]
    pub(crate) sub_sequence_number: u64,
    /// Whether the Kinesis record is an aggregate.
    #[pyo3(get)]
    pub(crate) aggregated: bool,
    /// Whether the Kinesis record is damaged, so that any byte of the key and the data may be wrong.
    #[pyo3(get)]
    pub(crate) damaged: bool,
    /// What is lost and why, without data or keys; None for a user record.
    #[pyo3(get)]
    pub(crate) loss: Option<Py<PyString>>,
}

#[pymethods]
impl UserRecord {
    /// No data and no keys: it ends up in logs.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let position = match &self.sequence_number {
            Some(text) => format!("{}:{}", text.bind(py).to_str()?, self.sub_sequence_number),
            None => self.sub_sequence_number.to_string(),
        };
        Ok(match (&self.loss, &self.data) {
            (Some(loss), _) => format!("<loss at {position}: {}>", loss.bind(py).to_str()?),
            (None, data) => {
                let len = data.as_ref().map_or(0, |data| data.as_bytes(py).len());
                format!("<user record {position}: {len} bytes>")
            }
        })
    }
}

impl UserRecord {
    /// `keys` are the Kinesis record's: see [`Ready::keys`].
    pub(crate) fn new(
        py: Python<'_>,
        ready: &Ready,
        item: &Item,
        keys: &[Bound<'_, PyString>],
    ) -> Self {
        let key = |place: usize| keys.get(place).map(|key| key.clone().unbind());
        let own_key = || ready.partition_key(py).map(Bound::unbind);
        let mut user_record = Self {
            partition_key: None,
            explicit_hash_key: None,
            data: None,
            sequence_number: ready.sequence_number(py).map(Bound::unbind),
            sub_sequence_number: 0,
            aggregated: true,
            damaged: ready.opened.damaged,
            loss: None,
        };
        match item {
            Item::UserRecord {
                data,
                partition_key,
                explicit_hash_key,
                sub_sequence_number,
            } => {
                let data = ready.data(py).get(data.clone()).unwrap_or_default();
                user_record.partition_key = key(*partition_key);
                user_record.explicit_hash_key = explicit_hash_key.and_then(key);
                user_record.data = Some(PyBytes::new(py, data).unbind());
                user_record.sub_sequence_number = *sub_sequence_number;
            }
            Item::Plain => {
                user_record.partition_key = own_key();
                user_record.data = Some(ready.whole_data(py).unbind());
                user_record.aggregated = false;
            }
            Item::Loss {
                message,
                sub_sequence_number,
            } => {
                user_record.partition_key = own_key();
                user_record.sub_sequence_number = *sub_sequence_number;
                user_record.loss = Some(PyString::new(py, message).unbind());
            }
        }
        user_record
    }
}
