//! The KPL's metrics through the `metrics` facade.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Label, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram,
};

use super::metrics::Metrics;
use super::outcome::Outcome;
use kinesis_aggregation::KinesisRecord;

pub(super) struct Publisher {
    labels: Vec<Label>,
    counters: Vec<(Counter, u64)>,
    pending: Gauge,
    errors: BTreeMap<String, (Counter, u64)>,
    retries_per_record: Histogram,
    buffering_time: Histogram,
    request_time: Histogram,
    user_records_per_kinesis_record: Histogram,
    kinesis_records_per_put_records_request: Histogram,
    user_records_per_put_records_request: Histogram,
}

impl Publisher {
    /// All under the label `StreamName`, if there is a name.
    pub(super) fn new(name: Option<&str>) -> Self {
        describe();
        let labels: Vec<_> = name
            .map(|name| Label::new("StreamName", name.to_owned()))
            .into_iter()
            .collect();
        let counters = Metrics::default()
            .counters()
            .map(|(name, _)| (counter!(name, labels.clone()), 0))
            .collect();
        let histogram = |name: &'static str| histogram!(name, labels.clone());
        Self {
            counters,
            pending: gauge!("UserRecordsPending", labels.clone()),
            errors: BTreeMap::new(),
            retries_per_record: histogram("RetriesPerRecord"),
            buffering_time: histogram("BufferingTime"),
            request_time: histogram("RequestTime"),
            user_records_per_kinesis_record: histogram("UserRecordsPerKinesisRecord"),
            kinesis_records_per_put_records_request: histogram(
                "KinesisRecordsPerPutRecordsRequest",
            ),
            user_records_per_put_records_request: histogram("UserRecordsPerPutRecordsRequest"),
            labels,
        }
    }

    pub(super) fn request(&self, records: &[KinesisRecord]) {
        let mut user_records = 0;
        for record in records {
            // No aggregator made it: it is one user record, as it was put.
            let count = record.user_record_count().unwrap_or(1);
            user_records += count;
            self.user_records_per_kinesis_record.record(to_f64(count));
        }
        self.kinesis_records_per_put_records_request
            .record(to_f64(records.len()));
        self.user_records_per_put_records_request
            .record(to_f64(user_records));
    }

    pub(super) fn resolved(&self, outcome: &Outcome) {
        let (tries, first) = match outcome {
            Ok(delivered) => (delivered.tries(), delivered.first_started()),
            Err(error) => (error.tries(), error.first_started()),
        };
        self.retries_per_record
            .record(to_f64(tries.saturating_sub(1)));
        if let Some(first) = first {
            self.buffering_time.record(first.as_secs_f64() * 1000.0);
        }
    }

    /// A request was answered, or its time was up.
    pub(super) fn answered(&self, took: Duration) {
        self.request_time.record(took.as_secs_f64() * 1000.0);
    }

    /// Publishes what was added since the last call.
    pub(super) fn publish(&mut self, metrics: &Metrics) {
        for ((counter, published), (_, now)) in self.counters.iter_mut().zip(metrics.counters()) {
            counter.increment(now.saturating_sub(*published));
            *published = now;
        }
        // Counts stay far below 2^53.
        self.pending.set(metrics.user_records_pending() as f64);
        for (code, &now) in metrics.errors_by_code() {
            if !self.errors.contains_key(code) {
                let mut labels = self.labels.clone();
                labels.push(Label::new("ErrorCode", code.clone()));
                let counter = counter!("ErrorsByCode", labels);
                self.errors.insert(code.clone(), (counter, 0));
            }
            if let Some((counter, published)) = self.errors.get_mut(code) {
                counter.increment(now.saturating_sub(*published));
                *published = now;
            }
        }
    }
}

/// Units and descriptions.
fn describe() {
    let count = Unit::Count;
    describe_counter!("UserRecordsReceived", count, "User records accepted");
    describe_counter!("UserRecordsPut", count, "User records delivered");
    describe_counter!(
        "UserRecordsDataPut",
        Unit::Bytes,
        "Data of user records delivered"
    );
    describe_counter!("KinesisRecordsPut", count, "Kinesis records stored");
    describe_counter!(
        "KinesisRecordsDataPut",
        Unit::Bytes,
        "Data of Kinesis records stored"
    );
    describe_counter!(
        "AllErrors",
        count,
        "Requests and Kinesis records that failed"
    );
    describe_counter!(
        "ErrorsByCode",
        count,
        "Requests and Kinesis records that failed, by error code"
    );
    describe_gauge!(
        "UserRecordsPending",
        count,
        "User records accepted and neither delivered nor failed yet"
    );
    describe_histogram!(
        "RetriesPerRecord",
        count,
        "Tries of a user record besides the first"
    );
    describe_histogram!(
        "BufferingTime",
        Unit::Milliseconds,
        "From the acceptance of a user record to the start of its first request"
    );
    describe_histogram!(
        "RequestTime",
        Unit::Milliseconds,
        "From the start of a PutRecords request to its answer or timeout"
    );
    describe_histogram!(
        "UserRecordsPerKinesisRecord",
        count,
        "User records in a Kinesis record that is sent"
    );
    describe_histogram!(
        "KinesisRecordsPerPutRecordsRequest",
        count,
        "Kinesis records in a PutRecords request"
    );
    describe_histogram!(
        "UserRecordsPerPutRecordsRequest",
        count,
        "User records in a PutRecords request"
    );
}

/// Counts stay far below 2^53.
fn to_f64(number: usize) -> f64 {
    number as f64
}
