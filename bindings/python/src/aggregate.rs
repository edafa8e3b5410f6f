//! User records into Kinesis records.

use kinesis_aggregation::error::AggregatorConfigError;
use kinesis_aggregation::packing::Settings;
use kinesis_aggregation::{KinesisRecord, ShardMap, ShardedAggregator, UserRecord};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::packer::Packer;
use crate::put::{Put, Refused};
use crate::settings;

/// The entries for PutRecords, and each refused user record's place with the reason.
type Aggregated<'py> = (Bound<'py, PyList>, Vec<(usize, String)>);

/// Packs user records into Kinesis records, as the KPL does. Those that cannot be put are told.
#[pyfunction]
#[pyo3(signature = (user_records, **options))]
pub(crate) fn aggregate<'py>(
    user_records: &Bound<'py, PyAny>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Aggregated<'py>> {
    let py = user_records.py();
    let aggregator = py.get_type::<RecordAggregator>().call((), options)?;
    let mut aggregator = aggregator.cast::<RecordAggregator>()?.try_borrow_mut()?;
    let mut accepted = Vec::new();
    let mut refused = Vec::new();
    for (index, given) in user_records.try_iter()?.enumerate() {
        let put = Put::any(&given?, index)?;
        match put.user_record().and_then(|it| aggregator.checked(it)) {
            Ok(user_record) => accepted.push(user_record),
            Err(Refused(why)) => refused.push((index, why)),
        }
    }
    let packer = &mut aggregator.packer;
    let (closed, _) = py.detach(|| packer.aggregate_batch(accepted));
    Ok((entries(py, &closed)?, refused))
}

/// Packs user records one after another.
#[pyclass(module = "kinesis_aggregation")]
pub(crate) struct RecordAggregator {
    settings: Settings,
    packer: Packer,
}

#[pymethods]
impl RecordAggregator {
    #[new]
    #[pyo3(signature = (
        *, shards=None, mixing_shards=false, max_size=None, max_count=None, max_record_size=None,
        outer_key=None, outer_key_first=false
    ))]
    fn new(
        shards: Option<&Bound<'_, PyAny>>,
        mixing_shards: bool,
        max_size: Option<usize>,
        max_count: Option<usize>,
        max_record_size: Option<usize>,
        outer_key: Option<String>,
        outer_key_first: bool,
    ) -> PyResult<Self> {
        let builder = settings::builder(
            max_size,
            max_count,
            max_record_size,
            outer_key,
            outer_key_first,
        )?;
        let settings = builder.clone().into_settings().map_err(value_error)?;
        let packer = match shards {
            Some(_) if mixing_shards => {
                return Err(PyValueError::new_err("either shards or mixing_shards"));
            }
            None if mixing_shards => builder
                .mixing_shards()
                .build()
                .map(|it| Packer::Mixing(it.into())),
            None => ShardedAggregator::per_hash_key(builder).map(|it| Packer::Sharded(it.into())),
            Some(shards) => ShardedAggregator::new(settings::shard_map(shards)?, builder)
                .map(|it| Packer::Sharded(it.into())),
        };
        Ok(Self {
            settings,
            packer: packer.map_err(value_error)?,
        })
    }

    /// Adds a user record. What it does not fit is closed and returned; the user record itself
    /// never is.
    #[pyo3(signature = (partition_key, data, explicit_hash_key=None))]
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        partition_key: &Bound<'py, PyAny>,
        data: &Bound<'py, PyAny>,
        explicit_hash_key: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let put = Put::parts(partition_key, data, explicit_hash_key, &"the user record")?;
        let user_record = put.user_record().and_then(|it| self.checked(it));
        let closed = user_record.and_then(|user_record| {
            let closed = self.packer.push(user_record);
            closed.map_err(|error| Refused(error.kind().to_string()))
        });
        let closed = closed.map_err(|Refused(why)| PyValueError::new_err(why))?;
        entries(py, closed.as_slice())
    }

    /// Closes and returns what is held.
    fn flush<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let (closed, _) = self.packer.aggregate_batch([]);
        entries(py, &closed)
    }

    /// Goes by these shards from now on, and returns what had to be closed for that.
    fn set_shards<'py>(&mut self, shards: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let map: ShardMap = settings::shard_map(shards)?;
        match &mut self.packer {
            Packer::Sharded(aggregator) => entries(shards.py(), &aggregator.set_shard_map(map)),
            Packer::Mixing(_) => Err(PyValueError::new_err("the aggregator mixes shards")),
        }
    }

    /// How many user records are held.
    fn __len__(&self) -> usize {
        self.packer.len()
    }

    /// An aggregator that holds nothing is no less an aggregator.
    fn __bool__(&self) -> bool {
        true
    }

    /// The bytes of all Kinesis records that `flush` would return.
    #[getter]
    fn size(&self) -> usize {
        self.packer.encoded_len()
    }

    fn __repr__(&self) -> String {
        let (len, size) = (self.__len__(), self.size());
        format!("<aggregator of {len} user records: {size} bytes>")
    }
}

impl RecordAggregator {
    fn checked(&self, user_record: UserRecord) -> Result<UserRecord, Refused> {
        match self.settings.check(&user_record) {
            Ok(()) => Ok(user_record),
            Err(kind) => Err(Refused(kind.to_string())),
        }
    }
}

fn value_error(error: AggregatorConfigError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// As boto3's `put_records` takes them.
fn entries<'py>(py: Python<'py>, records: &[KinesisRecord]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for record in records {
        let entry = PyDict::new(py);
        entry.set_item(intern!(py, "Data"), PyBytes::new(py, record.data()))?;
        if let Some(key) = record.partition_key() {
            entry.set_item(intern!(py, "PartitionKey"), key)?;
        }
        if let Some(hash_key) = record.explicit_hash_key() {
            entry.set_item(intern!(py, "ExplicitHashKey"), hash_key.to_string())?;
        }
        list.append(entry)?;
    }
    Ok(list)
}
