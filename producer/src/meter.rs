//! Where the pipeline counts: for the snapshot, and for those who want intervals.

use std::time::Duration;

use super::item::{Item, Pending};
use super::metrics::Metrics;
use super::outcome::{Delivered, Time};
use super::recorder::{MetricsRecorder, Name, StreamRecorder};

/// The names under which errors are counted: a transport that makes up ever new ones must not
/// fill the memory.
const MAX_CODES: usize = 100;

pub(super) struct Meter {
    total: Metrics,
    recorder: Option<StreamRecorder>,
}

impl Meter {
    /// Records for `recorder` too, under the stream's `name`.
    pub(super) fn new(recorder: Option<&MetricsRecorder>, name: Option<&str>) -> Self {
        Self {
            total: Metrics::default(),
            recorder: recorder.map(|recorder| recorder.stream(name)),
        }
    }

    /// Since the start.
    pub(super) fn total(&self) -> &Metrics {
        &self.total
    }

    pub(super) fn received(&mut self) {
        self.total.user_records_received += 1;
        if let Some(recorder) = &self.recorder {
            recorder.received();
        }
    }

    pub(super) fn error(&mut self, code: &str) {
        let codes = &mut self.total.errors_by_code;
        let known = codes.contains_key(code) || codes.len() < MAX_CODES;
        let code = if known { code } else { "Other" };
        if let Some(count) = codes.get_mut(code) {
            *count += 1;
        } else {
            codes.insert(code.to_owned(), 1);
        }
        if let Some(recorder) = &self.recorder {
            recorder.error(code);
        }
    }

    pub(super) fn failed<T>(&mut self, pending: &Pending<T>) {
        self.total.user_records_resolved += 1;
        let retries = to_f64(pending.attempts.len().saturating_sub(1));
        self.total.retries_per_record.observe(retries);
        if let Some(recorder) = &self.recorder {
            recorder.resolved(
                None,
                &[
                    (Name::UserRecordsPut, 0.0),
                    (Name::RetriesPerRecord, retries),
                ],
            );
        }
    }

    pub(super) fn delivered<T>(&mut self, pending: &Pending<T>, delivered: &Delivered) {
        let data_len = pending.record.data().len();
        let retries = to_f64(delivered.earlier.len());
        self.total.user_records_resolved += 1;
        self.total.user_records_put += 1;
        self.total.user_records_data_put += to_u64(data_len);
        self.total.retries_per_record.observe(retries);
        if let Some(recorder) = &self.recorder {
            recorder.resolved(
                Some(delivered.shard_id()),
                &[
                    (Name::UserRecordsPut, 1.0),
                    (Name::UserRecordsDataPut, to_f64(data_len)),
                    (Name::RetriesPerRecord, retries),
                ],
            );
        }
    }

    /// The stream stored a Kinesis record.
    pub(super) fn stored<T>(&mut self, shard_id: &str, item: &Item<T>, data_len: usize) {
        self.total.kinesis_records_put += 1;
        self.total.kinesis_records_data_put += to_u64(data_len);
        let Some(recorder) = &self.recorder else {
            return;
        };
        recorder.observe(
            Some(shard_id),
            &[
                (Name::KinesisRecordsPut, 1.0),
                (Name::AllErrors, 0.0),
                (Name::KinesisRecordsDataPut, to_f64(data_len)),
            ],
        );
        // Which shard they are for is known now; the stream's were counted when they were sent.
        recorder.observe_shard(
            shard_id,
            &[(Name::UserRecordsPerKinesisRecord, to_f64(item.len()))],
        );
        for pending in item.members() {
            if pending.attempts.is_empty() {
                let buffered = milliseconds(item.sent.saturating_sub(pending.accepted));
                recorder.observe_shard(shard_id, &[(Name::BufferingTime, buffered)]);
            }
        }
    }

    pub(super) fn request<T>(&mut self, now: Time, items: &[Item<T>]) {
        let total = &mut self.total;
        let mut observed = Vec::new();
        let mut user_records = 0;
        for item in items {
            let count = to_f64(item.len());
            user_records += item.len();
            total.user_records_per_kinesis_record.observe(count);
            observed.push((Name::UserRecordsPerKinesisRecord, count));
            for pending in item.members() {
                if pending.attempts.is_empty() {
                    let buffered = milliseconds(now.saturating_sub(pending.accepted));
                    total.buffering_time.observe(buffered);
                    if self.recorder.is_some() {
                        observed.push((Name::BufferingTime, buffered));
                    }
                }
            }
        }
        let (kinesis_records, user_records) = (to_f64(items.len()), to_f64(user_records));
        total
            .kinesis_records_per_put_records_request
            .observe(kinesis_records);
        total
            .user_records_per_put_records_request
            .observe(user_records);
        if let Some(recorder) = &self.recorder {
            observed.push((Name::KinesisRecordsPerPutRecordsRequest, kinesis_records));
            observed.push((Name::UserRecordsPerPutRecordsRequest, user_records));
            recorder.observe(None, &observed);
        }
    }

    pub(super) fn answered(&mut self, took: Duration) {
        let took = milliseconds(took);
        self.total.request_time.observe(took);
        if let Some(recorder) = &self.recorder {
            recorder.observe(None, &[(Name::RequestTime, took)]);
        }
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
