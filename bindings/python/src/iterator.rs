//! User records as objects, made one Kinesis record at a time.

use std::vec;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::batches::{Batches, Ready};
use crate::options::Options;
use crate::user_record::UserRecord;

/// Reads Kinesis records as the KCL does: gives user records and losses one at a time, in order.
#[pyfunction]
#[pyo3(signature = (
    records_or_event, *, hash_key_range=None, salvage=false, salvage_damaged=false, after=None
))]
pub(crate) fn deaggregate(
    records_or_event: &Bound<'_, PyAny>,
    hash_key_range: Option<&Bound<'_, PyAny>>,
    salvage: bool,
    salvage_damaged: bool,
    after: Option<&Bound<'_, PyAny>>,
) -> PyResult<UserRecords> {
    let options = Options {
        hash_key_range,
        salvage,
        salvage_damaged,
        after,
    };
    Ok(UserRecords {
        batches: Batches::new(records_or_event, &options)?,
        current: Vec::new().into_iter(),
    })
}

/// The user records and losses of many Kinesis records.
#[pyclass(module = "kinesis_aggregation")]
pub(crate) struct UserRecords {
    batches: Batches,
    /// The objects of one Kinesis record.
    current: vec::IntoIter<Py<UserRecord>>,
}

#[pymethods]
impl UserRecords {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// A generator that is read here may refer to this: Python's collector frees such a circle.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.batches.traverse(&visit)
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Py<UserRecord>>> {
        loop {
            if let Some(user_record) = self.current.next() {
                return Ok(Some(user_record));
            }
            let objects = self.batches.next(py, |ready| objects(py, ready))?;
            let Some(objects) = objects else {
                return Ok(None);
            };
            self.current = objects.into_iter();
        }
    }
}

fn objects(py: Python<'_>, ready: &Ready) -> PyResult<Vec<Py<UserRecord>>> {
    let keys = ready.keys(py);
    let items = ready.opened.items.iter();
    items
        .map(|item| Py::new(py, UserRecord::new(py, ready, item, &keys)))
        .collect()
}
