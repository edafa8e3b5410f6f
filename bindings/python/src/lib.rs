//! The library for Python: see python/kinesis_aggregation.
//!
//! A batch of Kinesis records is taken from Python, opened without the GIL into plain tables
//! ([`opened`], [`batches`]), and then becomes Python objects, one Kinesis record's at a time
//! ([`iterator`], [`pairs`]).

mod aggregate;
mod arrow;
mod batches;
mod encode;
mod iterator;
mod opened;
mod options;
#[path = "../../shared/packer.rs"]
mod packer;
mod pairs;
mod put;
mod settings;
mod source;
mod user_record;
mod views;

use pyo3::prelude::*;

/// What kinesis_aggregation/__init__.py is made of.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use super::aggregate::{RecordAggregator, aggregate};
    #[pymodule_export]
    use super::arrow::Columns;
    #[pymodule_export]
    use super::encode::encode;
    #[pymodule_export]
    use super::iterator::{UserRecords, deaggregate};
    #[pymodule_export]
    use super::pairs::{LostUserRecords, Pairs, deaggregate_pairs};
    #[pymodule_export]
    use super::user_record::UserRecord;
}
