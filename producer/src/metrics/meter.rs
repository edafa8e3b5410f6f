//! Where the pipeline counts: for the snapshot, for those who want intervals, and for the facade.
//! Counts stay far below 2^53, so they may be floats.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::facade::Facade;
use super::interval::{MetricsRecorder, Stream};
use super::name::Name;
use super::snapshot::Metrics;
use crate::lock::lock;

/// The names under which errors are counted: a transport that makes up ever new ones must not
/// fill the memory.
const MAX_CODES: usize = 100;

pub(crate) struct Meter {
    total: Metrics,
    recorder: Option<Arc<Mutex<Stream>>>,
    facade: Facade,
}

impl Meter {
    /// Records for `recorder` too, under the stream's `name`.
    pub(crate) fn new(recorder: Option<&MetricsRecorder>, name: Option<&str>) -> Self {
        Self {
            total: Metrics::default(),
            recorder: recorder.map(|recorder| recorder.stream(name)),
            facade: Facade::new(name),
        }
    }

    /// Since the start.
    pub(crate) fn total(&self) -> &Metrics {
        &self.total
    }

    /// Brings the facade's counters up to date.
    pub(crate) fn publish(&mut self) {
        self.facade.publish(&self.total);
    }

    /// Adds observations of the stream, and of the shard if one is given. Inlined, so that the compiler
    /// knows which metrics they are: it runs several times for each user record.
    #[inline(always)]
    fn observe(&mut self, shard_id: Option<&str>, observed: &[(Name, f64)]) {
        for &(name, value) in observed {
            self.total.observe(name, value);
            self.facade.observe(name, value);
        }
        if let Some(recorder) = &self.recorder {
            record(recorder, shard_id, observed);
        }
    }

    /// A user record was accepted.
    #[inline]
    pub(crate) fn received(&mut self) {
        self.observe(None, &[(Name::UserRecordsReceived, 1.0)]);
    }

    /// A request failed, or one record of it.
    pub(crate) fn error(&mut self, code: &str) {
        self.observe(None, &[(Name::AllErrors, 1.0)]);
        let codes = &mut self.total.errors_by_code;
        let known = codes.contains_key(code) || codes.len() < MAX_CODES;
        let code = if known { code } else { "Other" };
        *codes.entry(code.to_owned()).or_default() += 1;
        if let Some(recorder) = &self.recorder {
            lock(recorder).error(code);
        }
    }

    /// A user record failed after so many tries.
    pub(crate) fn failed(&mut self, tries: usize) {
        let retries = tries.saturating_sub(1) as f64;
        let put = (Name::UserRecordsPut, 0.0);
        self.observe(None, &[put, (Name::RetriesPerRecord, retries)]);
    }

    /// A user record was delivered after so many tries that failed.
    #[inline]
    pub(crate) fn delivered(&mut self, shard_id: &str, data_len: usize, retries: usize) {
        let observed = [
            (Name::UserRecordsPut, 1.0),
            (Name::UserRecordsDataPut, data_len as f64),
            (Name::RetriesPerRecord, retries as f64),
        ];
        self.observe(Some(shard_id), &observed);
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
        let observed = [
            (Name::KinesisRecordsPut, 1.0),
            (Name::AllErrors, 0.0),
            (Name::KinesisRecordsDataPut, data_len as f64),
        ];
        self.observe(Some(shard_id), &observed);
        if let Some(recorder) = &self.recorder {
            // Which shard they are for is known only now; the stream's were counted when they were
            // sent.
            let mut observed = vec![(Name::UserRecordsPerKinesisRecord, user_records as f64)];
            observed.extend(buffered.map(|time| (Name::BufferingTime, milliseconds(time))));
            lock(recorder).observe_shard(shard_id, &observed);
        }
    }

    /// A Kinesis record is in a request.
    pub(crate) fn sent(&mut self, user_records: usize, buffered: impl Iterator<Item = Duration>) {
        let user_records = user_records as f64;
        self.observe(None, &[(Name::UserRecordsPerKinesisRecord, user_records)]);
        for time in buffered {
            self.observe(None, &[(Name::BufferingTime, milliseconds(time))]);
        }
    }

    /// A request starts.
    pub(crate) fn request(&mut self, kinesis_records: usize, user_records: usize) {
        let observed = [
            (
                Name::KinesisRecordsPerPutRecordsRequest,
                kinesis_records as f64,
            ),
            (Name::UserRecordsPerPutRecordsRequest, user_records as f64),
        ];
        self.observe(None, &observed);
    }

    /// A request was answered, or its time was up.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.observe(None, &[(Name::RequestTime, milliseconds(took))]);
    }
}

#[cold]
fn record(recorder: &Mutex<Stream>, shard_id: Option<&str>, observed: &[(Name, f64)]) {
    lock(recorder).observe(shard_id, observed);
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
