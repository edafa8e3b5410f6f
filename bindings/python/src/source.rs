//! Kinesis records, in the shapes that they come in.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyIterator, PyList, PyMemoryView, PyString};

use crate::opened::{Borrowed, BorrowedData};

/// A Kinesis record as Python has it.
pub(crate) struct Given<'py> {
    pub(crate) data: GivenData<'py>,
    pub(crate) partition_key: Option<Bound<'py, PyString>>,
    pub(crate) sequence_number: Option<Bound<'py, PyString>>,
}

pub(crate) enum GivenData<'py> {
    Bytes(Bound<'py, PyBytes>),
    Base64(Bound<'py, PyString>),
}

impl GivenData<'_> {
    /// Its size before it is decoded.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.as_bytes().len(),
            Self::Base64(text) => text.len().unwrap_or_default(),
        }
    }
}

/// The Kinesis records of an event, of a page of GetRecords, of any iterable, or the only one.
pub(crate) fn records<'py>(source: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    if let Ok(event) = source.cast::<PyDict>() {
        for name in ["Records", "records"] {
            if let Some(records) = event.get_item(name)? {
                return iterate(&records);
            }
        }
    }
    if source.is_instance_of::<PyDict>() || is_bytes(source) {
        return PyList::new(source.py(), [source])?.try_iter();
    }
    iterate(source)
}

fn iterate<'py>(records: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    // Their items are no records, and the message would not say what is wrong.
    if records.is_instance_of::<PyString>() || records.is_instance_of::<PyDict>() {
        return Err(neither());
    }
    records.try_iter().map_err(|_| neither())
}

fn neither() -> PyErr {
    PyTypeError::new_err("neither an event with records, nor Kinesis records, nor bytes")
}

pub(crate) fn is_bytes(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyByteArray>()
        || value.is_instance_of::<PyMemoryView>()
}

impl<'py> Given<'py> {
    /// Whatever its shape: Lambda's, that of Pipes, Firehose's, boto3's, or its data alone.
    pub(crate) fn new(record: &Bound<'py, PyAny>, index: usize) -> PyResult<Self> {
        if is_bytes(record) {
            return Ok(Self {
                data: GivenData::Bytes(bytes(record)?),
                partition_key: None,
                sequence_number: None,
            });
        }
        let outer = dict(record, "it", index)?;
        // An event source mapping of Lambda nests the record; Firehose nests all but the data.
        let inner = match outer.get_item("kinesis")? {
            Some(inner) => dict(&inner, "its 'kinesis'", index)?,
            None => outer.clone(),
        };
        let metadata = match outer.get_item("kinesisRecordMetadata")? {
            Some(metadata) if !metadata.is_none() => {
                dict(&metadata, "its 'kinesisRecordMetadata'", index)?
            }
            _ => inner.clone(),
        };
        let given = Self {
            data: data(&inner, index)?,
            partition_key: text(&metadata, ["partitionKey", "PartitionKey"], index)?,
            sequence_number: text(&metadata, ["sequenceNumber", "SequenceNumber"], index)?,
        };
        if given.borrow().is_err() {
            let message =
                format!("record {index}: half a surrogate pair in its data or sequence number");
            return Err(PyValueError::new_err(message));
        }
        Ok(given)
    }

    /// What opening needs of it, which does without the GIL.
    ///
    /// # Errors
    ///
    /// Python's strings can hold half a surrogate pair, which UTF-8 cannot.
    pub(crate) fn borrow(&self) -> PyResult<Borrowed<'_>> {
        Ok(Borrowed {
            data: match &self.data {
                GivenData::Bytes(bytes) => BorrowedData::Bytes(bytes.as_bytes()),
                GivenData::Base64(text) => BorrowedData::Base64(text.to_str()?),
            },
            sequence_number: match &self.sequence_number {
                Some(text) => Some(text.to_str()?),
                None => None,
            },
        })
    }
}

fn dict<'py>(value: &Bound<'py, PyAny>, what: &str, index: usize) -> PyResult<Bound<'py, PyDict>> {
    let dict = value.cast::<PyDict>().cloned();
    dict.map_err(|_| PyTypeError::new_err(format!("record {index}: {what} is not a dict")))
}

/// The value under the first of `names` that has one.
fn get<'py>(from: &Bound<'py, PyDict>, names: [&str; 2]) -> PyResult<Option<Bound<'py, PyAny>>> {
    for name in names {
        if let Some(value) = from.get_item(name)?.filter(|value| !value.is_none()) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn data<'py>(record: &Bound<'py, PyDict>, index: usize) -> PyResult<GivenData<'py>> {
    let Some(value) = get(record, ["data", "Data"])? else {
        return Err(PyValueError::new_err(format!("record {index}: no data")));
    };
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(GivenData::Base64(text.clone()));
    }
    if is_bytes(&value) {
        return bytes(&value).map(GivenData::Bytes);
    }
    let message = format!("record {index}: its data is neither base64 text nor bytes");
    Err(PyTypeError::new_err(message))
}

/// The bytes themselves, or a copy of what could change while they are read without the GIL.
pub(crate) fn bytes<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let copy = value.py().get_type::<PyBytes>().call1((value,))?;
    Ok(copy.cast_into()?)
}

fn text<'py>(
    from: &Bound<'py, PyDict>,
    names: [&str; 2],
    index: usize,
) -> PyResult<Option<Bound<'py, PyString>>> {
    let Some(value) = get(from, names)? else {
        return Ok(None);
    };
    let text = value.cast_into::<PyString>();
    let [name, _] = names;
    let text = text
        .map_err(|_| PyTypeError::new_err(format!("record {index}: its {name} is not a string")))?;
    Ok(Some(text))
}
