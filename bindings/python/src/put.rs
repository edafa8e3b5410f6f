//! User records, as Python gives them to be put.

use std::fmt::Display;

use bytes::Bytes;
use kinesis_aggregation::{ByteString, HashKey, UserRecord};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::options::number;
use crate::source::{bytes, is_bytes};
use crate::user_record;

/// Why a user record cannot be put, without data or keys.
pub(crate) struct Refused(pub(crate) String);

/// A user record of the right types.
pub(crate) struct Put<'py> {
    partition_key: Option<Bound<'py, PyString>>,
    explicit_hash_key: Option<String>,
    data: Data<'py>,
}

enum Data<'py> {
    Bytes(Bound<'py, PyBytes>),
    Text(Bound<'py, PyString>),
}

impl<'py> Put<'py> {
    /// `(partition_key, data)`, `(partition_key, data, explicit_hash_key)`, or one that was read.
    pub(crate) fn any(given: &Bound<'py, PyAny>, index: usize) -> PyResult<Self> {
        let name = format_args!("user record {index}");
        if let Ok(read) = given.cast::<user_record::UserRecord>() {
            let py = given.py();
            let read = read.get();
            let Some(data) = &read.data else {
                return Err(PyTypeError::new_err(format!("{name} is a loss")));
            };
            let explicit_hash_key = read.explicit_hash_key.as_ref();
            return Ok(Self {
                partition_key: read.partition_key.as_ref().map(|key| key.bind(py).clone()),
                explicit_hash_key: explicit_hash_key
                    .map(|key| key.bind(py).to_str().map(str::to_owned))
                    .transpose()?,
                data: Data::Bytes(data.bind(py).clone()),
            });
        }
        let Ok(parts) = given.cast::<PyTuple>() else {
            let message = format!("{name} is neither a tuple nor a UserRecord");
            return Err(PyTypeError::new_err(message));
        };
        let parts: Vec<_> = parts.iter().collect();
        match parts.as_slice() {
            [key, data] => Self::parts(key, data, None, &name),
            [key, data, hash_key] => Self::parts(key, data, Some(hash_key), &name),
            _ => {
                let parts = "(partition_key, data) or (partition_key, data, explicit_hash_key)";
                Err(PyTypeError::new_err(format!("{name} is not {parts}")))
            }
        }
    }

    pub(crate) fn parts(
        partition_key: &Bound<'py, PyAny>,
        data: &Bound<'py, PyAny>,
        explicit_hash_key: Option<&Bound<'py, PyAny>>,
        name: &dyn Display,
    ) -> PyResult<Self> {
        let wrong = |what: &str| PyTypeError::new_err(format!("{name}: its {what}"));
        let key = partition_key.cast::<PyString>();
        let partition_key = match key {
            Ok(key) => Some(key.clone()),
            Err(_) if partition_key.is_none() => None,
            Err(_) => return Err(wrong("partition_key is neither a string nor None")),
        };
        let explicit_hash_key = match explicit_hash_key.filter(|key| !key.is_none()) {
            Some(key) => Some(
                number(key)?
                    .ok_or_else(|| wrong("explicit_hash_key is neither a number nor a string"))?,
            ),
            None => None,
        };
        let data = if let Ok(text) = data.cast::<PyString>() {
            Data::Text(text.clone())
        } else if is_bytes(data) {
            Data::Bytes(bytes(data)?)
        } else {
            return Err(wrong("data is neither bytes nor a string"));
        };
        let put = Self {
            partition_key,
            explicit_hash_key,
            data,
        };
        if put.texts().is_err() {
            let message = format!("{name}: half a surrogate pair in its partition_key or data");
            return Err(PyValueError::new_err(message));
        }
        Ok(put)
    }

    /// Its partition key, explicit hash key and data.
    ///
    /// # Errors
    ///
    /// Python's strings can hold half a surrogate pair, which UTF-8 cannot.
    pub(crate) fn texts(&self) -> PyResult<(Option<&str>, Option<&str>, &[u8])> {
        let key = self.partition_key.as_ref();
        let key = key.map(|key| key.to_str()).transpose()?;
        let data = match &self.data {
            Data::Bytes(bytes) => bytes.as_bytes(),
            Data::Text(text) => text.to_str()?.as_bytes(),
        };
        Ok((key, self.explicit_hash_key.as_deref(), data))
    }

    /// A copy: Python's own stays with Python.
    pub(crate) fn user_record(&self) -> Result<UserRecord, Refused> {
        let (key, hash_key, data) = self.texts().map_err(|error| Refused(error.to_string()))?;
        let data = Bytes::copy_from_slice(data);
        let user_record = match key {
            Some(key) => UserRecord::new(ByteString::from(key), data),
            None => UserRecord::without_partition_key(data),
        };
        match hash_key {
            None => Ok(user_record),
            Some(text) => match text.parse::<HashKey>() {
                Ok(hash_key) => Ok(user_record.with_explicit_hash_key(hash_key)),
                Err(error) => Err(Refused(format!("its explicit hash key is {error}"))),
            },
        }
    }
}
