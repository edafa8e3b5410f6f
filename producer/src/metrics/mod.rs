//! The KPL's metrics: one meter, which feeds the snapshot, those who take intervals, and the facade.

mod facade;
mod interval;
mod meter;
mod name;
mod snapshot;

pub use interval::{MetricsRecorder, RecordedMetrics};
pub(crate) use meter::Meter;
pub use snapshot::{Metrics, Statistic};
