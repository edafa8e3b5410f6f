//! What is seen from outside, under the KPL's names.

use std::collections::BTreeMap;

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    pub(crate) user_records_received: u64,
    pub(super) user_records_resolved: u64,
    pub(super) user_records_put: u64,
    pub(super) user_records_data_put: u64,
    pub(super) kinesis_records_put: u64,
    pub(super) kinesis_records_data_put: u64,
    pub(super) errors_by_code: BTreeMap<String, u64>,
    pub(super) retries_per_record: Statistic,
    pub(super) buffering_time: Statistic,
    pub(super) request_time: Statistic,
    pub(super) user_records_per_kinesis_record: Statistic,
    pub(super) kinesis_records_per_put_records_request: Statistic,
    pub(super) user_records_per_put_records_request: Statistic,
}

impl Metrics {
    /// The counters, by name: `UserRecordsReceived`, `UserRecordsPut`, `UserRecordsDataPut` (in
    /// bytes), `KinesisRecordsPut`, `KinesisRecordsDataPut` (in bytes), `AllErrors`.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("UserRecordsReceived", self.user_records_received),
            ("UserRecordsPut", self.user_records_put),
            ("UserRecordsDataPut", self.user_records_data_put),
            ("KinesisRecordsPut", self.kinesis_records_put),
            ("KinesisRecordsDataPut", self.kinesis_records_data_put),
            ("AllErrors", self.errors_by_code.values().sum()),
        ]
        .into_iter()
    }

    /// `UserRecordsPending`: accepted, and not resolved.
    pub fn user_records_pending(&self) -> u64 {
        self.user_records_received
            .saturating_sub(self.user_records_resolved)
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
        [
            ("RetriesPerRecord", self.retries_per_record),
            ("BufferingTime", self.buffering_time),
            ("RequestTime", self.request_time),
            (
                "UserRecordsPerKinesisRecord",
                self.user_records_per_kinesis_record,
            ),
            (
                "KinesisRecordsPerPutRecordsRequest",
                self.kinesis_records_per_put_records_request,
            ),
            (
                "UserRecordsPerPutRecordsRequest",
                self.user_records_per_put_records_request,
            ),
        ]
        .into_iter()
    }
}
