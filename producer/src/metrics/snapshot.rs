//! What is seen from outside, under the KPL's names.

use std::collections::BTreeMap;
use std::fmt;

use super::name::{Kind, METRICS, Name};

/// A summary of observations: how many, and their sum, lowest and highest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistic {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Statistic {
    /// Adds an observation.
    #[inline]
    pub fn observe(&mut self, value: f64) {
        (self.min, self.max) = if self.count == 0 {
            (value, value)
        } else {
            (self.min.min(value), self.max.max(value))
        };
        self.count += 1;
        self.sum += value;
    }

    /// Of both together.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        match (self.count, other.count) {
            (_, 0) => self,
            (0, _) => other,
            _ => Self {
                count: self.count + other.count,
                sum: self.sum + other.sum,
                min: self.min.min(other.min),
                max: self.max.max(other.max),
            },
        }
    }

    /// How many observations.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The lowest; 0 without any.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The highest; 0 without any.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Their mean; 0 without any.
    pub fn mean(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            // Counts stay far below 2^53.
            self.sum / self.count as f64
        }
    }
}

/// The totals of a producer since it started, under the KPL's names. Times are in milliseconds.
#[derive(Clone, Default, PartialEq)]
pub struct Metrics {
    statistics: [Statistic; METRICS.len()],
    pub(super) errors_by_code: BTreeMap<String, u64>,
}

impl Metrics {
    #[inline(always)]
    pub(super) fn observe(&mut self, name: Name, value: f64) {
        self.statistics[name as usize].observe(value);
    }

    /// With so many user records received.
    pub(crate) fn with_received(mut self, count: u64) -> Self {
        let received = &mut self.statistics[Name::UserRecordsReceived as usize];
        (received.count, received.sum) = (count, count as f64);
        self
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&'static str, Statistic)> {
        let all = METRICS.iter().zip(self.statistics);
        all.filter_map(move |(metric, one)| (metric.kind == kind).then_some((metric.name, one)))
    }

    /// The counters, by name: `UserRecordsReceived`, `UserRecordsPut`, `UserRecordsDataPut` (in
    /// bytes), `KinesisRecordsPut`, `KinesisRecordsDataPut` (in bytes), `AllErrors`.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counters = self.of_kind(Kind::Counter);
        counters.map(|(name, one)| (name, one.sum() as u64))
    }

    /// `UserRecordsPending`: accepted, and not resolved.
    pub fn user_records_pending(&self) -> u64 {
        let received = self.statistics[Name::UserRecordsReceived as usize].count();
        received.saturating_sub(self.user_records_resolved())
    }

    /// Delivered or failed: of each one is observed whether it was put.
    pub(crate) fn user_records_resolved(&self) -> u64 {
        self.statistics[Name::UserRecordsPut as usize].count()
    }

    /// `ErrorsByCode`: how often each happened, for a request or for a record in one.
    pub fn errors_by_code(&self) -> &BTreeMap<String, u64> {
        &self.errors_by_code
    }

    /// The statistics, by name: `RetriesPerRecord` of a resolved user record, `BufferingTime`
    /// from a user record's acceptance to the start of its first request, `RequestTime`,
    /// `UserRecordsPerKinesisRecord`, `KinesisRecordsPerPutRecordsRequest`,
    /// `UserRecordsPerPutRecordsRequest`.
    pub fn statistics(&self) -> impl Iterator<Item = (&'static str, Statistic)> {
        self.of_kind(Kind::Histogram)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.counters())
            .entries(self.statistics())
            .entry(&"ErrorsByCode", &self.errors_by_code)
            .finish()
    }
}
