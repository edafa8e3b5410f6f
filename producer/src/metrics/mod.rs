//! The KPL's metrics: one meter, which feeds the snapshot and those who take intervals.

mod interval;
mod meter;
mod snapshot;

pub use interval::{MetricsRecorder, RecordedMetrics};
pub(crate) use meter::Meter;
pub use snapshot::{Metrics, Statistic};
