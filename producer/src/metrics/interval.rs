//! The KPL's metrics of an interval, for exporters: what the snapshot cannot tell, which knows the
//! lowest and highest only since the start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::snapshot::Statistic;

/// The KPL's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    UserRecordsReceived,
    UserRecordsPending,
    UserRecordsPut,
    UserRecordsDataPut,
    KinesisRecordsPut,
    KinesisRecordsDataPut,
    AllErrors,
    RetriesPerRecord,
    BufferingTime,
    RequestTime,
    UserRecordsPerKinesisRecord,
    KinesisRecordsPerPutRecordsRequest,
    UserRecordsPerPutRecordsRequest,
}

/// In the order of [`Name`].
const NAMES: [&str; 13] = [
    "UserRecordsReceived",
    "UserRecordsPending",
    "UserRecordsPut",
    "UserRecordsDataPut",
    "KinesisRecordsPut",
    "KinesisRecordsDataPut",
    "AllErrors",
    "RetriesPerRecord",
    "BufferingTime",
    "RequestTime",
    "UserRecordsPerKinesisRecord",
    "KinesisRecordsPerPutRecordsRequest",
    "UserRecordsPerPutRecordsRequest",
];

/// The observations of one stream, or of one of its shards, since they were last taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedMetrics {
    stream_name: Option<String>,
    shard_id: Option<String>,
    statistics: [Statistic; NAMES.len()],
    errors_by_code: BTreeMap<String, Statistic>,
}

impl RecordedMetrics {
    /// The stream's name, if its producer was told it.
    pub fn stream_name(&self) -> Option<&str> {
        self.stream_name.as_deref()
    }

    /// The shard where the records landed; none for the stream as a whole, which counts those of
    /// its shards too.
    pub fn shard_id(&self) -> Option<&str> {
        self.shard_id.as_deref()
    }

    /// The statistics with at least one observation, by the KPL's names. Times are in
    /// milliseconds. Of a shard there are those that the KPL has of one: `UserRecordsPut`,
    /// `UserRecordsDataPut`, `KinesisRecordsPut`, `KinesisRecordsDataPut`, `AllErrors`,
    /// `RetriesPerRecord`, `BufferingTime`, `UserRecordsPerKinesisRecord`.
    ///
    /// As with the KPL, `UserRecordsPut` observes a 1 for each user record that was delivered and
    /// a 0 for each that was not, so that its mean is the share of the delivered ones; and
    /// `AllErrors` a 0 for each Kinesis record that was stored.
    pub fn statistics(&self) -> impl Iterator<Item = (&'static str, Statistic)> + '_ {
        let all = NAMES.into_iter().zip(self.statistics);
        all.filter(|(_, statistic)| statistic.count() > 0)
    }

    /// `ErrorsByCode`: of a stream only.
    pub fn errors_by_code(&self) -> &BTreeMap<String, Statistic> {
        &self.errors_by_code
    }

    fn observe(&mut self, observed: &[(Name, f64)]) {
        for (name, value) in observed {
            self.statistics[*name as usize].observe(*value);
        }
    }
}

#[cfg(all(test, feature = "cloudwatch"))]
impl RecordedMetrics {
    /// Of a stream and a shard, for the tests of exporters.
    pub(crate) fn observed(of: (Option<&str>, Option<&str>), observed: &[(&str, f64)]) -> Self {
        let mut recorded = Self {
            stream_name: of.0.map(str::to_owned),
            shard_id: of.1.map(str::to_owned),
            ..Self::default()
        };
        for (name, value) in observed {
            let place = NAMES.iter().position(|known| known == name);
            recorded.statistics[place.expect("a metric of the KPL's")].observe(*value);
        }
        recorded
    }

    pub(crate) fn observe_error(&mut self, code: &str) {
        self.statistics[Name::AllErrors as usize].observe(1.0);
        let errors = &mut self.errors_by_code;
        errors.entry(code.to_owned()).or_default().observe(1.0);
    }
}

#[derive(Default)]
struct Stream {
    name: Option<String>,
    whole: RecordedMetrics,
    shards: BTreeMap<String, RecordedMetrics>,
    pending: u64,
}

impl Stream {
    fn observe_shard(&mut self, shard_id: &str, observed: &[(Name, f64)]) {
        if let Some(shard) = self.shards.get_mut(shard_id) {
            shard.observe(observed);
            return;
        }
        let mut fresh = RecordedMetrics {
            stream_name: self.name.clone(),
            shard_id: Some(shard_id.to_owned()),
            ..RecordedMetrics::default()
        };
        fresh.observe(observed);
        self.shards.insert(shard_id.to_owned(), fresh);
    }

    fn sample_pending(&mut self) {
        // Counts stay far below 2^53.
        let pending = self.pending as f64;
        self.whole.observe(&[(Name::UserRecordsPending, pending)]);
    }

    fn take(&mut self) -> Vec<RecordedMetrics> {
        self.sample_pending();
        let mut taken = std::mem::take(&mut self.whole);
        taken.stream_name.clone_from(&self.name);
        let shards = std::mem::take(&mut self.shards);
        [taken].into_iter().chain(shards.into_values()).collect()
    }
}

/// Records what producers do, for an exporter that takes it at intervals, such as `CloudWatch`'s.
/// Cheap to clone; one serves any number of producers
/// ([`ProducerBuilder::recorder`](crate::ProducerBuilder::recorder)). It knows no record's data
/// or keys.
///
/// If nobody takes them, the metrics grow no further than a few numbers for each shard and error
/// code.
#[derive(Clone, Default)]
pub struct MetricsRecorder {
    streams: Arc<Mutex<Vec<Arc<Mutex<Stream>>>>>,
}

/// Nobody panics while holding one of these locks, and what they guard has no broken states.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MetricsRecorder {
    /// Nothing recorded yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what was recorded since the last call: for each producer its stream as a whole,
    /// then the stream's shards.
    pub fn take(&self) -> Vec<RecordedMetrics> {
        let mut taken = Vec::new();
        lock(&self.streams).retain(|stream| {
            // Asked first: a producer that is gone has told all.
            let lives = Arc::strong_count(stream) > 1;
            taken.extend(lock(stream).take());
            lives
        });
        taken
    }

    pub(super) fn stream(&self, name: Option<&str>) -> StreamRecorder {
        let stream = Stream {
            name: name.map(str::to_owned),
            ..Stream::default()
        };
        let stream = Arc::new(Mutex::new(stream));
        lock(&self.streams).push(Arc::clone(&stream));
        StreamRecorder(stream)
    }
}

impl std::fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsRecorder").finish_non_exhaustive()
    }
}

/// One producer's part.
pub(super) struct StreamRecorder(Arc<Mutex<Stream>>);

impl StreamRecorder {
    pub(super) fn received(&self) {
        let mut stream = lock(&self.0);
        stream.pending += 1;
        stream.whole.observe(&[(Name::UserRecordsReceived, 1.0)]);
    }

    pub(super) fn resolved(&self, shard_id: Option<&str>, observed: &[(Name, f64)]) {
        let mut stream = lock(&self.0);
        stream.pending = stream.pending.saturating_sub(1);
        drop(stream);
        self.observe(shard_id, observed);
    }

    /// Of the stream, and of the shard if one is given.
    pub(super) fn observe(&self, shard_id: Option<&str>, observed: &[(Name, f64)]) {
        let mut stream = lock(&self.0);
        stream.whole.observe(observed);
        if observed.iter().any(|(name, _)| *name == Name::RequestTime) {
            stream.sample_pending();
        }
        if let Some(shard_id) = shard_id {
            stream.observe_shard(shard_id, observed);
        }
    }

    pub(super) fn observe_shard(&self, shard_id: &str, observed: &[(Name, f64)]) {
        lock(&self.0).observe_shard(shard_id, observed);
    }

    pub(super) fn error(&self, code: &str) {
        let mut stream = lock(&self.0);
        stream.whole.observe(&[(Name::AllErrors, 1.0)]);
        let errors = &mut stream.whole.errors_by_code;
        errors.entry(code.to_owned()).or_default().observe(1.0);
    }
}
