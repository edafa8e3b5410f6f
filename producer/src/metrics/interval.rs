//! The KPL's metrics of an interval, for exporters: what the snapshot cannot tell, which knows the
//! lowest and highest only since the start.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::name::{METRICS, Name};
use super::snapshot::Statistic;
use crate::lock::lock;

/// The observations of one stream, or of one of its shards, since they were last taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedMetrics {
    stream_name: Option<String>,
    shard_id: Option<String>,
    statistics: [Statistic; METRICS.len()],
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
        let all = METRICS
            .iter()
            .map(|metric| metric.name)
            .zip(self.statistics);
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

/// What is recorded of one producer's stream.
#[derive(Default)]
pub(super) struct Stream {
    name: Option<String>,
    whole: RecordedMetrics,
    shards: BTreeMap<String, RecordedMetrics>,
    pending: u64,
}

impl Stream {
    /// Of the stream, and of the shard if one is given.
    pub(super) fn observe(&mut self, shard_id: Option<&str>, observed: &[(Name, f64)]) {
        self.whole.observe(observed);
        for (name, _) in observed {
            match name {
                Name::UserRecordsReceived => self.pending += 1,
                Name::UserRecordsPut => self.pending = self.pending.saturating_sub(1),
                Name::RequestTime => self.sample_pending(),
                _ => {}
            }
        }
        if let Some(shard_id) = shard_id {
            self.observe_shard(shard_id, observed);
        }
    }

    pub(super) fn observe_shard(&mut self, shard_id: &str, observed: &[(Name, f64)]) {
        let shard = match self.shards.get_mut(shard_id) {
            Some(shard) => shard,
            None => self.shards.entry(shard_id.to_owned()).or_default(),
        };
        shard.observe(observed);
    }

    /// The code of one of `AllErrors`.
    pub(super) fn error(&mut self, code: &str) {
        let errors = &mut self.whole.errors_by_code;
        errors.entry(code.to_owned()).or_default().observe(1.0);
    }

    fn sample_pending(&mut self) {
        let pending = self.pending as f64;
        self.whole.observe(&[(Name::UserRecordsPending, pending)]);
    }

    fn take(&mut self) -> Vec<RecordedMetrics> {
        self.sample_pending();
        let whole = (None, std::mem::take(&mut self.whole));
        let shards = std::mem::take(&mut self.shards).into_iter();
        let shards = shards.map(|(id, recorded)| (Some(id), recorded));
        let named = |(shard_id, recorded)| RecordedMetrics {
            stream_name: self.name.clone(),
            shard_id,
            ..recorded
        };
        [whole].into_iter().chain(shards).map(named).collect()
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

    /// Begins to record one more producer.
    pub(super) fn stream(&self, name: Option<&str>) -> Arc<Mutex<Stream>> {
        let stream = Arc::new(Mutex::new(Stream {
            name: name.map(str::to_owned),
            ..Stream::default()
        }));
        lock(&self.streams).push(Arc::clone(&stream));
        stream
    }
}

impl fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsRecorder").finish_non_exhaustive()
    }
}
