//! Kinesis records, opened a batch at a time.

use std::vec;

use kinesis_aggregation::Deaggregator;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyString};

use crate::opened::{Opened, open};
use crate::options::Options;
use crate::source::{Given, GivenData, records};

/// Digests are computed together, but more than this is no quicker and needs more memory.
const BATCH: usize = 2 * 1024 * 1024;

/// The Kinesis records of a source, opened.
pub(crate) struct Batches {
    deaggregator: Deaggregator,
    given: Py<PyIterator>,
    /// How many Kinesis records were taken from `given`.
    taken: usize,
    /// To raise after the batch: what comes before a bad record comes out first. It is the end.
    error: Option<PyErr>,
    ended: bool,
    batch: vec::IntoIter<Ready>,
}

/// A Kinesis record that can become objects.
pub(crate) struct Ready {
    /// The data, unless it was base64.
    bytes: Option<Py<PyBytes>>,
    partition_key: Option<Py<PyString>>,
    sequence_number: Option<Py<PyString>>,
    pub(crate) opened: Opened,
}

impl Batches {
    pub(crate) fn new(source: &Bound<'_, PyAny>, options: &Options<'_, '_>) -> PyResult<Self> {
        Ok(Self {
            deaggregator: options.deaggregator()?,
            given: records(source)?.unbind(),
            taken: 0,
            error: None,
            ended: false,
            batch: Vec::new().into_iter(),
        })
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.given)
    }

    /// Returns what `make` makes of the next Kinesis record. After an error there is nothing more,
    /// whether it comes from the source or from `make`.
    pub(crate) fn next<T>(
        &mut self,
        py: Python<'_>,
        make: impl FnOnce(&Ready) -> PyResult<T>,
    ) -> PyResult<Option<T>> {
        let ready = self.next_ready(py);
        let made = ready.and_then(|ready| ready.as_ref().map(make).transpose());
        if made.is_err() {
            self.end();
        }
        made
    }

    /// Forgets what was read ahead, an error too.
    fn end(&mut self) {
        self.ended = true;
        self.error = None;
        self.batch = Vec::new().into_iter();
    }

    fn next_ready(&mut self, py: Python<'_>) -> PyResult<Option<Ready>> {
        loop {
            if let Some(ready) = self.batch.next() {
                return Ok(Some(ready));
            }
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            if self.ended || !self.next_batch(py)? {
                return Ok(None);
            }
        }
    }

    /// Whether there was any Kinesis record left, or an error to raise.
    fn next_batch(&mut self, py: Python<'_>) -> PyResult<bool> {
        let first = self.taken;
        let given = self.take(py);
        let borrowed = given
            .iter()
            .map(Given::borrow)
            .collect::<PyResult<Vec<_>>>()?;
        let deaggregator = &self.deaggregator;
        let opened = py.detach(|| open(deaggregator, &borrowed, first));
        if opened.len() < given.len() {
            let index = first + opened.len();
            let message = format!("record {index}: its data is not base64");
            self.error = Some(PyValueError::new_err(message));
        }
        let ready = given.into_iter().zip(opened).map(Ready::new);
        self.batch = ready.collect::<Vec<_>>().into_iter();
        Ok(self.taken > first || self.error.is_some())
    }

    /// Takes Kinesis records until they are a batch.
    fn take<'py>(&mut self, py: Python<'py>) -> Vec<Given<'py>> {
        let mut taken = Vec::new();
        let mut size = 0;
        let mut given = self.given.bind(py).clone();
        while size < BATCH
            && let Some(record) = given.next()
        {
            let record = record.and_then(|record| Given::new(&record, self.taken));
            match record {
                Ok(record) => {
                    size += record.data.len();
                    taken.push(record);
                }
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
            self.taken += 1;
        }
        taken
    }
}

impl Ready {
    fn new((given, opened): (Given<'_>, Opened)) -> Self {
        Self {
            bytes: match given.data {
                GivenData::Bytes(bytes) => Some(bytes.unbind()),
                GivenData::Base64(_) => None,
            },
            partition_key: given.partition_key.map(Bound::unbind),
            sequence_number: given.sequence_number.map(Bound::unbind),
            opened,
        }
    }

    /// The keys that its items use, each once.
    pub(crate) fn keys<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        let keys = self.opened.keys.iter();
        keys.map(|key| PyString::new(py, key)).collect()
    }

    /// The Kinesis record's own.
    pub(crate) fn partition_key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        let key = self.partition_key.as_ref();
        key.map(|key| key.bind(py).clone())
    }

    /// The Kinesis record's own.
    pub(crate) fn sequence_number<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        let text = self.sequence_number.as_ref();
        text.map(|text| text.bind(py).clone())
    }

    pub(crate) fn data<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match (&self.opened.decoded, &self.bytes) {
            (Some(decoded), _) => decoded.data(),
            (None, Some(bytes)) => bytes.as_bytes(py),
            (None, None) => &[],
        }
    }

    /// All of the data: the very object if they were bytes.
    pub(crate) fn whole_data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        match &self.bytes {
            Some(bytes) => bytes.bind(py).clone(),
            None => PyBytes::new(py, self.data(py)),
        }
    }
}
