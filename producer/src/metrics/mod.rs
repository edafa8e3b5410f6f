//! The KPL's metrics: one meter, which feeds the snapshot, those who take intervals, and the facade.

mod facade;
mod interval;
mod meter;
mod name;
mod snapshot;

pub use interval::{MetricsRecorder, RecordedMetrics};
pub(crate) use meter::Meter;
pub use snapshot::{Metrics, Statistic};

use std::ops::RangeInclusive;
use std::time::Duration;

/// The shortest and the longest time from one upload of metrics to CloudWatch to the next. CloudWatch
/// keeps nothing finer than a second, and after more than a day the account of what happened comes too
/// late for anyone.
pub const METRICS_UPLOAD_DELAYS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
