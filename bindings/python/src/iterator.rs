//! User records, made one Kinesis record at a time.

use std::vec;

use kinesis_aggregation::Deaggregator;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyString};

use crate::opened::{Item, Opened, open};
use crate::options;
use crate::source::{Given, GivenData, records};
use crate::user_record::UserRecord;

/// Digests are computed together, but more than this is no quicker and needs more memory.
const BATCH: usize = 2 * 1024 * 1024;

/// Reads Kinesis records as the KCL does: gives user records and losses one at a time, in order.
#[pyfunction]
#[pyo3(signature = (records_or_event, *, hash_key_range=None, salvage=false, after=None))]
pub(crate) fn deaggregate(
    records_or_event: &Bound<'_, PyAny>,
    hash_key_range: Option<&Bound<'_, PyAny>>,
    salvage: bool,
    after: Option<&Bound<'_, PyAny>>,
) -> PyResult<UserRecords> {
    Ok(UserRecords {
        deaggregator: options::deaggregator(hash_key_range, salvage, after)?,
        given: records(records_or_event)?.unbind(),
        taken: 0,
        error: None,
        ended: false,
        batch: Vec::new().into_iter(),
        current: Vec::new().into_iter(),
    })
}

/// The user records and losses of many Kinesis records.
#[pyclass(module = "kinesis_aggregation")]
pub(crate) struct UserRecords {
    deaggregator: Deaggregator,
    given: Py<PyIterator>,
    /// How many Kinesis records were taken from `given`.
    taken: usize,
    /// To raise after the batch: what comes before a bad record comes out first. It is the end.
    error: Option<PyErr>,
    ended: bool,
    /// Opened Kinesis records.
    batch: vec::IntoIter<Ready>,
    /// The objects of one of them.
    current: vec::IntoIter<Py<UserRecord>>,
}

/// A Kinesis record that can become objects.
struct Ready {
    /// The data, unless it was base64.
    bytes: Option<Py<PyBytes>>,
    partition_key: Option<Py<PyString>>,
    sequence_number: Option<Py<PyString>>,
    opened: Opened,
}

#[pymethods]
impl UserRecords {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// A generator that is read here may refer to this: Python's collector frees such a circle.
    #[allow(clippy::needless_pass_by_value, reason = "as PyO3 wants it")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.given)
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Py<UserRecord>>> {
        loop {
            if let Some(user_record) = self.current.next() {
                return Ok(Some(user_record));
            }
            if let Some(ready) = self.batch.next() {
                self.current = ready.objects(py)?.into_iter();
            } else if let Some(error) = self.error.take() {
                self.ended = true;
                return Err(error);
            } else if self.ended || !self.next_batch(py)? {
                return Ok(None);
            }
        }
    }
}

impl UserRecords {
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

    fn objects(&self, py: Python<'_>) -> PyResult<Vec<Py<UserRecord>>> {
        let keys: Vec<Py<PyString>> = self
            .opened
            .keys
            .iter()
            .map(|key| PyString::new(py, key).unbind())
            .collect();
        let items = self.opened.items.iter();
        items
            .map(|item| Py::new(py, self.user_record(py, item, &keys)))
            .collect()
    }

    fn user_record(&self, py: Python<'_>, item: &Item, keys: &[Py<PyString>]) -> UserRecord {
        let key = |place: usize| keys.get(place).map(|key| key.clone_ref(py));
        let own_key = || self.partition_key.as_ref().map(|key| key.clone_ref(py));
        let mut user_record = UserRecord {
            partition_key: None,
            explicit_hash_key: None,
            data: None,
            sequence_number: self.sequence_number.as_ref().map(|text| text.clone_ref(py)),
            sub_sequence_number: 0,
            aggregated: true,
            loss: None,
        };
        match item {
            Item::UserRecord {
                data,
                partition_key,
                explicit_hash_key,
                sub_sequence_number,
            } => {
                let data = self.data(py).get(data.clone()).unwrap_or_default();
                user_record.partition_key = key(*partition_key);
                user_record.explicit_hash_key = explicit_hash_key.and_then(key);
                user_record.data = Some(PyBytes::new(py, data).unbind());
                user_record.sub_sequence_number = *sub_sequence_number;
            }
            Item::Plain => {
                user_record.partition_key = own_key();
                user_record.data = Some(match &self.bytes {
                    Some(bytes) => bytes.clone_ref(py),
                    None => PyBytes::new(py, self.data(py)).unbind(),
                });
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

    fn data<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match (&self.opened.decoded, &self.bytes) {
            (Some(decoded), _) => decoded,
            (None, Some(bytes)) => bytes.as_bytes(py),
            (None, None) => &[],
        }
    }
}
