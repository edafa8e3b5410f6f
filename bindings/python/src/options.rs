//! The keyword arguments of reading.

use std::fmt::Display;
use std::str::FromStr;

use kinesis_aggregation::{Deaggregator, HashKeyRange};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};

/// How to read, as Python says it.
pub(crate) struct Options<'a, 'py> {
    pub(crate) hash_key_range: Option<&'a Bound<'py, PyAny>>,
    pub(crate) salvage: bool,
    pub(crate) salvage_damaged: bool,
    pub(crate) after: Option<&'a Bound<'py, PyAny>>,
}

impl Options<'_, '_> {
    pub(crate) fn deaggregator(&self) -> PyResult<Deaggregator> {
        let mut deaggregator = Deaggregator::new()
            .salvage(self.salvage)
            .salvage_damaged(self.salvage_damaged);
        if let Some(given) = self.hash_key_range {
            deaggregator = deaggregator.hash_key_range(range("hash_key_range", given)?);
        }
        if let Some(position) = self.after {
            deaggregator = deaggregator.after(parse("after", &position_text(position)?)?);
        }
        Ok(deaggregator)
    }
}

/// Refuses a callback that cannot be called, before there is anything to lose.
pub(crate) fn check_callable(name: &str, callback: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match callback {
        Some(callback) if !callback.is_callable() => {
            Err(PyTypeError::new_err(format!("{name} is not callable")))
        }
        _ => Ok(()),
    }
}

fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> PyResult<T> {
    text.parse()
        .map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

/// From `START-END`, from a pair, or from a shard's HashKeyRange as boto3 gives it.
pub(crate) fn range(name: &str, value: &Bound<'_, PyAny>) -> PyResult<HashKeyRange> {
    parse(name, &range_text(name, value)?)
}

fn range_text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let wrong = || {
        let message = "is neither 'START-END', nor a pair, nor a shard's HashKeyRange";
        PyTypeError::new_err(format!("{name} {message}"))
    };
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    let (start, end) = if let Ok(range) = value.cast::<PyDict>() {
        let start = range.get_item("StartingHashKey")?.ok_or_else(wrong)?;
        (start, range.get_item("EndingHashKey")?.ok_or_else(wrong)?)
    } else {
        pair(value).ok_or_else(wrong)?
    };
    let start = number(&start)?.ok_or_else(wrong)?;
    let end = number(&end)?.ok_or_else(wrong)?;
    Ok(format!("{start}-{end}"))
}

/// `SEQUENCE:SUB` or `SEQUENCE`, from that text or from a pair.
fn position_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let wrong = || {
        PyTypeError::new_err(
            "after is neither 'SEQUENCE:SUB' nor a pair of sequence and sub-sequence number",
        )
    };
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    let (sequence, sub) = pair(value).ok_or_else(wrong)?;
    let sequence = number(&sequence)?.ok_or_else(wrong)?;
    let sub = number(&sub)?.ok_or_else(wrong)?;
    Ok(format!("{sequence}:{sub}"))
}

fn pair<'py>(value: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    value.cast::<PyTuple>().ok()?.extract().ok()
}

/// A number as text: sequence numbers and hash keys are longer than any of Rust's.
pub(crate) fn number(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_str()?.to_owned()));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Some(value.str()?.to_str()?.to_owned()));
    }
    Ok(None)
}
