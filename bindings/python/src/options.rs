//! The keyword arguments of reading.

use std::fmt::Display;
use std::str::FromStr;

use kinesis_aggregation::{Deaggregator, HashKeyRange};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};

/// Which user records to read that the KCL does not deliver.
#[derive(Clone, Copy)]
pub(crate) struct Salvage {
    /// Those after a bad one.
    pub(crate) bad: bool,
    /// Those of damaged aggregates.
    pub(crate) damaged: bool,
}

/// The reader that the arguments describe.
pub(crate) fn deaggregator(
    hash_key_range: Option<&Bound<'_, PyAny>>,
    salvage: Salvage,
    after: Option<&Bound<'_, PyAny>>,
) -> PyResult<Deaggregator> {
    let mut deaggregator = Deaggregator::new()
        .salvage(salvage.bad)
        .salvage_damaged(salvage.damaged);
    if let Some(given) = hash_key_range {
        deaggregator = deaggregator.hash_key_range(range("hash_key_range", given)?);
    }
    if let Some(position) = after {
        deaggregator = deaggregator.after(parse("after", &position_text(position)?)?);
    }
    Ok(deaggregator)
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
