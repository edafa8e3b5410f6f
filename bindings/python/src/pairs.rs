//! User records as plain pairs, a list of them for each Kinesis record: the least that Python can
//! be given.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::batches::{Batches, Ready};
use crate::opened::Item;
use crate::options::{self, Options};
use crate::user_record::UserRecord;

create_exception!(
    kinesis_aggregation,
    LostUserRecords,
    PyException,
    "User records that the KCL would not deliver, and why, without data or keys."
);

/// Reads Kinesis records as the KCL does: gives a list of `(partition_key, data)` for each.
#[pyfunction]
#[pyo3(signature = (
    records_or_event, *, on_loss=None, hash_key_range=None, salvage=false, after=None
))]
pub(crate) fn deaggregate_pairs(
    records_or_event: &Bound<'_, PyAny>,
    on_loss: Option<Bound<'_, PyAny>>,
    hash_key_range: Option<&Bound<'_, PyAny>>,
    salvage: bool,
    after: Option<&Bound<'_, PyAny>>,
) -> PyResult<Pairs> {
    options::check_callable("on_loss", on_loss.as_ref())?;
    let options = Options {
        hash_key_range,
        salvage,
        salvage_damaged: false,
        after,
    };
    Ok(Pairs {
        batches: Batches::new(records_or_event, &options)?,
        on_loss: on_loss.map(Bound::unbind),
    })
}

/// The pairs of many Kinesis records.
#[pyclass(module = "kinesis_aggregation")]
pub(crate) struct Pairs {
    batches: Batches,
    on_loss: Option<Py<PyAny>>,
}

#[pymethods]
impl Pairs {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// The input or the callback may refer back to this iterator: Python's collector frees such a cycle.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_loss)?;
        self.batches.traverse(&visit)
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let on_loss = self.on_loss.as_ref();
        self.batches.next(py, |ready| pairs(py, ready, on_loss))
    }
}

fn pairs<'py>(
    py: Python<'py>,
    ready: &Ready,
    on_loss: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let keys = ready.keys(py);
    let data = ready.data(py);
    let mut pairs = Vec::with_capacity(ready.opened.items.len());
    for item in &ready.opened.items {
        pairs.push(match item {
            Item::UserRecord {
                data: range,
                partition_key,
                ..
            } => {
                let data = data.get(range.clone()).unwrap_or_default();
                (keys.get(*partition_key).cloned(), PyBytes::new(py, data))
            }
            Item::Plain => (ready.partition_key(py), ready.whole_data(py)),
            Item::Loss { message, .. } => {
                let loss = UserRecord::new(py, ready, item, &keys);
                lose(py, message, loss, on_loss)?;
                continue;
            }
        });
    }
    PyList::new(py, pairs)
}

/// Tells `on_loss`, and raises the loss unless it returns True.
fn lose(
    py: Python<'_>,
    message: &str,
    loss: UserRecord,
    on_loss: Option<&Py<PyAny>>,
) -> PyResult<()> {
    if let Some(on_loss) = on_loss {
        let says = on_loss.call1(py, (loss,))?;
        if says.is(&*true.into_pyobject(py)?) {
            return Ok(());
        }
    }
    Err(LostUserRecords::new_err(message.to_owned()))
}
