//! The KPL's metrics through the `metrics` facade.

use std::array;
use std::collections::BTreeMap;

use metrics::{
    Counter, Gauge, Histogram, Label, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram,
};

use super::name::{Kind, METRICS, Name};
use super::snapshot::Metrics;

pub(super) struct Facade {
    labels: Vec<Label>,
    /// In the order of [`Metrics::counters`], each with what of it is published.
    counters: Vec<(Counter, u64)>,
    pending: Gauge,
    errors: BTreeMap<String, (Counter, u64)>,
    /// One for each metric; of those that are not histograms, one that records nothing.
    histograms: [Histogram; METRICS.len()],
}

impl Facade {
    /// All under the label `StreamName`, if there is a name.
    pub(super) fn new(name: Option<&str>) -> Self {
        describe();
        let label = name.map(|name| Label::new("StreamName", name.to_owned()));
        let labels: Vec<_> = label.into_iter().collect();
        let counters = Metrics::default();
        let counters = counters.counters();
        Self {
            counters: counters
                .map(|(name, _)| (counter!(name, labels.clone()), 0))
                .collect(),
            pending: gauge!("UserRecordsPending", labels.clone()),
            errors: BTreeMap::new(),
            histograms: array::from_fn(|at| match METRICS[at].kind {
                Kind::Histogram => histogram!(METRICS[at].name, labels.clone()),
                Kind::Counter | Kind::Gauge => Histogram::noop(),
            }),
            labels,
        }
    }

    #[inline(always)]
    pub(super) fn observe(&self, name: Name, value: f64) {
        self.histograms[name as usize].record(value);
    }

    /// Publishes what was added to the counters since the last call.
    pub(super) fn publish(&mut self, metrics: &Metrics) {
        for (counter, (_, now)) in self.counters.iter_mut().zip(metrics.counters()) {
            increment(counter, now);
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
            if let Some(counter) = self.errors.get_mut(code) {
                increment(counter, now);
            }
        }
    }
}

fn increment((counter, published): &mut (Counter, u64), now: u64) {
    counter.increment(now.saturating_sub(*published));
    *published = now;
}

/// Units and descriptions.
fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.unit, metric.text),
            Kind::Gauge => describe_gauge!(metric.name, metric.unit, metric.text),
            Kind::Histogram => describe_histogram!(metric.name, metric.unit, metric.text),
        }
    }
    let text = "Requests and Kinesis records that failed, by error code";
    describe_counter!("ErrorsByCode", Unit::Count, text);
}
