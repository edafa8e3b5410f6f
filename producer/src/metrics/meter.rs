//! Where the pipeline counts: for the snapshot, and for those who want intervals.

use std::time::Duration;

use super::interval::{MetricsRecorder, Name, StreamRecorder};
use super::snapshot::Metrics;

/// The names under which errors are counted: a transport that makes up ever new ones must not
/// fill the memory.
const MAX_CODES: usize = 100;

pub(crate) struct Meter {
    total: Metrics,
    recorder: Option<StreamRecorder>,
}

impl Meter {
    /// Records for `recorder` too, under the stream's `name`.
    pub(crate) fn new(recorder: Option<&MetricsRecorder>, name: Option<&str>) -> Self {
        Self {
            total: Metrics::default(),
            recorder: recorder.map(|recorder| recorder.stream(name)),
        }
    }

    /// Since the start.
    pub(crate) fn total(&self) -> &Metrics {
        &self.total
    }

    /// A user record was accepted.
    pub(crate) fn received(&mut self) {
        self.total.user_records_received += 1;
        if let Some(recorder) = &self.recorder {
            recorder.received();
        }
    }

    /// A request failed, or one record of it.
    pub(crate) fn error(&mut self, code: &str) {
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

    /// A user record failed after so many tries.
    pub(crate) fn failed(&mut self, tries: usize) {
        self.total.user_records_resolved += 1;
        let retries = to_f64(tries.saturating_sub(1));
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

    /// A user record was delivered after so many tries that failed.
    pub(crate) fn delivered(&mut self, shard_id: &str, data_len: usize, retries: usize) {
        let retries = to_f64(retries);
        self.total.user_records_resolved += 1;
        self.total.user_records_put += 1;
        self.total.user_records_data_put += to_u64(data_len);
        self.total.retries_per_record.observe(retries);
        if let Some(recorder) = &self.recorder {
            recorder.resolved(
                Some(shard_id),
                &[
                    (Name::UserRecordsPut, 1.0),
                    (Name::UserRecordsDataPut, to_f64(data_len)),
                    (Name::RetriesPerRecord, retries),
                ],
            );
        }
    }

    /// The stream stored a Kinesis record. `buffered` is of those of its user records that were
    /// sent for the first time.
    pub(crate) fn stored(
        &mut self,
        shard_id: &str,
        data_len: usize,
        user_records: usize,
        buffered: impl Iterator<Item = Duration>,
    ) {
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
        // Which shard they are for is known only now; the stream's were counted when they were
        // sent.
        let mut observed = vec![(Name::UserRecordsPerKinesisRecord, to_f64(user_records))];
        observed.extend(buffered.map(|time| (Name::BufferingTime, milliseconds(time))));
        recorder.observe_shard(shard_id, &observed);
    }

    /// A Kinesis record is in a request.
    pub(crate) fn sent(&mut self, user_records: usize, buffered: impl Iterator<Item = Duration>) {
        let count = to_f64(user_records);
        self.total.user_records_per_kinesis_record.observe(count);
        let mut observed = Vec::new();
        if self.recorder.is_some() {
            observed.push((Name::UserRecordsPerKinesisRecord, count));
        }
        for buffered in buffered.map(milliseconds) {
            self.total.buffering_time.observe(buffered);
            if self.recorder.is_some() {
                observed.push((Name::BufferingTime, buffered));
            }
        }
        if let Some(recorder) = &self.recorder {
            recorder.observe(None, &observed);
        }
    }

    /// A request starts.
    pub(crate) fn request(&mut self, kinesis_records: usize, user_records: usize) {
        let (kinesis_records, user_records) = (to_f64(kinesis_records), to_f64(user_records));
        let total = &mut self.total;
        total
            .kinesis_records_per_put_records_request
            .observe(kinesis_records);
        total
            .user_records_per_put_records_request
            .observe(user_records);
        if let Some(recorder) = &self.recorder {
            recorder.observe(
                None,
                &[
                    (Name::KinesisRecordsPerPutRecordsRequest, kinesis_records),
                    (Name::UserRecordsPerPutRecordsRequest, user_records),
                ],
            );
        }
    }

    /// A request was answered, or its time was up.
    pub(crate) fn answered(&mut self, took: Duration) {
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
