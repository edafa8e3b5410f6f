//! User records as columns of an Arrow table, which kinesis_aggregation/arrow.py puts together.

use kinesis_aggregation::{Deaggregator, Loss, Outcome, StoredRecord, UserRecordRef};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::opened::{message, range};
use crate::options::Options;
use crate::views::{Bits, Texts, Views, view};

/// As it is in memory.
type Number = [u8; 8];

/// Columns, to which batches of Kinesis records are added.
#[pyclass(module = "kinesis_aggregation")]
pub(crate) struct Columns {
    deaggregator: Deaggregator,
    /// How many batches were added. The buffers that a batch's views refer to have its number.
    batches: i32,
    record_index: Vec<Number>,
    sub_sequence_number: Vec<Number>,
    aggregated: Bits,
    damaged: Bits,
    partition_key: Views,
    explicit_hash_key: Views,
    data: Views,
    loss: Views,
}

/// The bits that tell where there is a value, if they are needed, and the values; `None` if there
/// are none.
type Column<'py> = Option<(Option<Bound<'py, PyBytes>>, Bound<'py, PyBytes>)>;

#[pymethods]
impl Columns {
    #[new]
    #[pyo3(signature = (hash_key_range, salvage, salvage_damaged))]
    fn new(
        hash_key_range: Option<&Bound<'_, PyAny>>,
        salvage: bool,
        salvage_damaged: bool,
    ) -> PyResult<Self> {
        let options = Options {
            hash_key_range,
            salvage,
            salvage_damaged,
            after: None,
        };
        Ok(Self {
            deaggregator: options.deaggregator()?,
            batches: 0,
            record_index: Vec::new(),
            sub_sequence_number: Vec::new(),
            aggregated: Bits::default(),
            damaged: Bits::default(),
            partition_key: Views::default(),
            explicit_hash_key: Views::default(),
            data: Views::default(),
            loss: Views::default(),
        })
    }

    /// Adds the rows of a batch. Its Kinesis records are in `data`, each from one of `offsets` (64
    /// bits each) to the next; one whose byte in `valid` is 0 is not there. `first` is the number of
    /// the first one. Returns the texts that the rows refer to.
    #[pyo3(signature = (data, offsets, valid, first))]
    fn add<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        offsets: &[u8],
        valid: Option<&[u8]>,
        first: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let text = py.detach(|| {
            let records = records(data, offsets, valid, first)?;
            self.read(&records)
        });
        let text = text.ok_or_else(|| PyValueError::new_err("the column is no sound Arrow"))?;
        Ok(PyBytes::new(py, &text))
    }

    /// The number of rows, and the columns in the order of the fields.
    fn finish<'py>(&mut self, py: Python<'py>) -> (usize, Vec<Column<'py>>) {
        let plain = |values: &[u8]| Some((None, PyBytes::new(py, values)));
        let views = |column: &mut Views| {
            let (valid, views) = column.finish()?;
            Some((Some(PyBytes::new(py, valid)), PyBytes::new(py, views)))
        };
        let columns = vec![
            plain(self.record_index.as_flattened()),
            plain(self.sub_sequence_number.as_flattened()),
            views(&mut self.partition_key),
            views(&mut self.explicit_hash_key),
            views(&mut self.data),
            plain(self.aggregated.finish()),
            plain(self.damaged.finish()),
            views(&mut self.loss),
        ];
        (self.record_index.len(), columns)
    }
}

impl Columns {
    fn read(&mut self, records: &[Record<'_>]) -> Option<Vec<u8>> {
        let deaggregator = self.deaggregator.clone();
        let mut texts = Texts::new(self.batches);
        let batch = deaggregator.deaggregate_batch(records);
        self.reserve(
            batch
                .records()
                .iter()
                .map(|read| read.user_records().len())
                .sum(),
        );
        for read in batch.records() {
            texts.forget();
            let record = read.source();
            for user_record in read.user_records() {
                match user_record {
                    Ok(user_record) => self.user_record(&user_record, record, &mut texts)?,
                    Err(loss) => self.loss(&loss, record, &mut texts)?,
                }
            }
            self.end_record(read.outcome(), record)?;
        }
        self.batches = self.batches.checked_add(1)?;
        Some(texts.bytes)
    }

    fn reserve(&mut self, rows: usize) {
        self.record_index.reserve(rows);
        self.sub_sequence_number.reserve(rows);
        self.partition_key.reserve(rows);
        self.data.reserve(rows);
    }

    fn user_record(
        &mut self,
        user_record: &UserRecordRef<'_>,
        record: &Record<'_>,
        texts: &mut Texts,
    ) -> Option<()> {
        let data = user_record.data();
        let offset = record.start + range(record.data, data).start;
        let number = user_record.sub_sequence_number();
        self.sub_sequence_number.push(number.to_ne_bytes());
        match user_record.partition_key() {
            Some(key) => self.partition_key.push(texts.key(key)?),
            None => self.partition_key.push_null(),
        }
        match user_record.explicit_hash_key() {
            Some(key) => self.explicit_hash_key.push(texts.key(key)?),
            None => self.explicit_hash_key.push_null(),
        }
        self.data.push(view(data, self.batches, offset)?);
        self.loss.push_null();
        Some(())
    }

    fn loss(&mut self, loss: &Loss, record: &Record<'_>, texts: &mut Texts) -> Option<()> {
        let number = loss.sub_sequence_number();
        self.sub_sequence_number.push(number.to_ne_bytes());
        self.partition_key.push_null();
        self.explicit_hash_key.push_null();
        self.data.push_null();
        let message = message(loss, record.index);
        self.loss.push(texts.text(&message)?);
        Some(())
    }

    /// Writes what is the same in all rows of a Kinesis record.
    fn end_record(&mut self, outcome: Outcome, record: &Record<'_>) -> Option<()> {
        let end = self.sub_sequence_number.len();
        let count = end - self.record_index.len();
        let index = i64::try_from(record.index).ok()?;
        self.record_index.resize(end, index.to_ne_bytes());
        let is_plain = matches!(outcome, Outcome::Plain(_));
        self.aggregated.push(!is_plain, count);
        let is_damaged = matches!(outcome, Outcome::Damaged(_));
        self.damaged.push(is_damaged, count);
        Some(())
    }
}

/// A Kinesis record of the column.
struct Record<'a> {
    index: usize,
    /// Where its data start in the batch's.
    start: usize,
    data: &'a [u8],
}

/// `None` if the offsets are not those of the data.
fn records<'a>(
    data: &'a [u8],
    offsets: &[u8],
    valid: Option<&[u8]>,
    first: usize,
) -> Option<Vec<Record<'a>>> {
    let (offsets, []) = offsets.as_chunks() else {
        return None;
    };
    let mut offsets = offsets.iter().map(|bytes| i64::from_ne_bytes(*bytes));
    // They count from the start of the whole column.
    let base = offsets.next()?;
    let mut start = 0;
    let mut records = Vec::with_capacity(offsets.len());
    for (place, end) in offsets.enumerate() {
        let end = usize::try_from(end.checked_sub(base)?).ok()?;
        let record = Record {
            index: first + place,
            start,
            data: data.get(start..end)?,
        };
        if valid.is_none_or(|valid| valid.get(place).is_some_and(|it| *it != 0)) {
            records.push(record);
        }
        start = end;
    }
    Some(records)
}

impl StoredRecord for Record<'_> {
    /// The column is of data alone.
    fn partition_key(&self) -> Option<&str> {
        None
    }

    fn data(&self) -> &[u8] {
        self.data
    }

    fn sequence_number(&self) -> Option<&str> {
        None
    }
}
