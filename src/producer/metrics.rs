//! What is seen from outside, under the KPL's names.

use std::collections::BTreeMap;
use std::time::Duration;

use super::item::{Item, Pending};
use super::outcome::Time;

/// How often something was observed, and what.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistic {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Statistic {
    fn observe(&mut self, value: f64) {
        (self.min, self.max) = if self.count == 0 {
            (value, value)
        } else {
            (self.min.min(value), self.max.max(value))
        };
        self.count += 1;
        self.sum += value;
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

/// What a producer has done since it started, under the KPL's names. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    pub(super) user_records_received: u64,
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

/// The names under which errors are counted: a transport that makes up ever new ones must not
/// fill the memory.
const MAX_CODES: usize = 100;

impl Metrics {
    pub(super) fn received(&mut self) {
        self.user_records_received += 1;
    }

    pub(super) fn error(&mut self, code: &str) {
        if let Some(count) = self.errors_by_code.get_mut(code) {
            *count += 1;
        } else {
            let full = self.errors_by_code.len() >= MAX_CODES;
            let code = if full { "Other" } else { code };
            *self.errors_by_code.entry(code.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn failed<T>(&mut self, pending: &Pending<T>) {
        self.user_records_resolved += 1;
        let tries = pending.attempts.len().saturating_sub(1);
        self.retries_per_record.observe(to_f64(tries));
    }

    pub(super) fn delivered<T>(&mut self, pending: &Pending<T>) {
        self.user_records_resolved += 1;
        self.user_records_put += 1;
        self.user_records_data_put += to_u64(pending.record.data().len());
        self.retries_per_record
            .observe(to_f64(pending.attempts.len()));
    }

    pub(super) fn stored(&mut self, data_len: usize) {
        self.kinesis_records_put += 1;
        self.kinesis_records_data_put += to_u64(data_len);
    }

    pub(super) fn request<T>(&mut self, now: Time, items: &[Item<T>]) {
        let mut user_records = 0;
        for item in items {
            user_records += item.len();
            self.user_records_per_kinesis_record
                .observe(to_f64(item.len()));
            for pending in item.members() {
                if pending.attempts.is_empty() {
                    let buffered = now.saturating_sub(pending.accepted);
                    self.buffering_time.observe(milliseconds(buffered));
                }
            }
        }
        self.kinesis_records_per_put_records_request
            .observe(to_f64(items.len()));
        self.user_records_per_put_records_request
            .observe(to_f64(user_records));
    }

    pub(super) fn answered(&mut self, took: Duration) {
        self.request_time.observe(milliseconds(took));
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Counts stay far below 2^53.
fn to_f64(number: usize) -> f64 {
    number as f64
}
