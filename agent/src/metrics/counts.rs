//! The counts of one flow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinesis_aggregation_producer::Statistic;
use metrics::{Counter, Histogram, counter, histogram};

use crate::config::Destination;

/// Each metric with its unit, in the order in which they are taken.
const METRICS: [(&str, Unit); 6] = [
    ("BytesSent", Unit::Bytes),
    ("RecordsSent", Unit::Count),
    ("RecordSendAttempts", Unit::Count),
    ("RecordSendErrors", Unit::Count),
    ("ServiceErrors", Unit::Count),
    ("ConsecutiveProcessingErrors", Unit::Count),
];

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Records, requests or errors.
    Count,
}

/// The values of one metric since it was last taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    name: &'static str,
    destination: Arc<str>,
    unit: Unit,
    statistic: Statistic,
}

impl Measured {
    /// The metric's name, which is the Amazon Kinesis Agent's.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value of the dimension `Destination`: `KinesisStream:NAME` or `DeliveryStream:NAME`, and of
    /// `ConsecutiveProcessingErrors` only `NAME`.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// In what it is counted.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// One observation for each request, or for each record that a converter left out.
    pub fn statistic(&self) -> Statistic {
        self.statistic
    }
}

/// The metrics of a flow, under the Amazon Kinesis Agent's names. A record is one of the service's: with
/// aggregation, many lines. The same goes through the `metrics` facade, with the label `Destination`:
/// counters, and a histogram of the last one.
///
/// | metric | observed |
/// |---|---|
/// | `RecordSendAttempts` | records in a request |
/// | `RecordsSent`, `BytesSent` | of those, the ones that were stored, and their data |
/// | `RecordSendErrors` | of those, the ones that were refused, while the request was answered |
/// | `ServiceErrors` | 1 for a request that failed for another reason than throttling, 0 for any other |
/// | `ConsecutiveProcessingErrors` | records in a row, so far, that `dataProcessingOptions` left out |
#[derive(Clone, Debug)]
pub struct FlowMetrics(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    observed: Mutex<[Statistic; 6]>,
    /// For requests, and for records that are left out.
    destinations: [Arc<str>; 2],
    /// Those of requests.
    counters: [Counter; 5],
    processing_errors: Histogram,
    /// How many records in a row a converter has left out so far. Only the thread that converts changes it.
    left_out: AtomicU64,
}

impl FlowMetrics {
    pub(crate) fn new(destination: &Destination) -> Self {
        let (kind, name) = match destination {
            Destination::Kinesis(name) => ("KinesisStream", name),
            Destination::Firehose(name) => ("DeliveryStream", name),
        };
        let destinations: [Arc<str>; 2] = [format!("{kind}:{name}").into(), name.as_str().into()];
        let [requests, processing] = destinations.clone();
        let [sent @ .., (processing_errors, _)] = METRICS;
        Self(Arc::new(Counts {
            observed: Mutex::default(),
            destinations,
            counters: sent.map(|(name, _)| counter!(name, "Destination" => requests.to_string())),
            processing_errors: histogram!(processing_errors, "Destination" => processing.to_string()),
            left_out: AtomicU64::new(0),
        }))
    }

    /// Takes what was observed since the last call, each metric of which anything was.
    pub fn take(&self) -> Vec<Measured> {
        let observed = std::mem::take(&mut *self.observed());
        let [requests, processing] = &self.0.destinations;
        let destinations = [requests; 5].into_iter().chain([processing]);
        let metrics = METRICS.into_iter().zip(destinations).zip(observed);
        metrics
            .filter(|(_, statistic)| statistic.count() > 0)
            .map(|(((name, unit), destination), statistic)| Measured {
                name,
                destination: Arc::clone(destination),
                unit,
                statistic,
            })
            .collect()
    }

    /// A request with so many records was answered: `stored` has the length of each that was taken.
    pub(super) fn answered(&self, records: usize, stored: impl Iterator<Item = usize>) {
        let (mut sent, mut bytes) = (0, 0);
        for len in stored {
            sent += 1;
            bytes += len;
        }
        self.observe([bytes, sent, records, records - sent, 0]);
    }

    /// A request with so many records was not.
    pub(super) fn failed(&self, records: usize, is_throttled: bool) {
        self.observe([0, 0, records, 0, usize::from(!is_throttled)]);
    }

    fn observe(&self, values: [usize; 5]) {
        let mut observed = self.observed();
        for ((statistic, counter), value) in observed.iter_mut().zip(&self.0.counters).zip(values) {
            // Far below 2^53.
            statistic.observe(value as f64);
            counter.increment(value as u64);
        }
    }

    /// Counts a record that a converter left out.
    pub(crate) fn left_out(&self) {
        let in_a_row = self.0.left_out.fetch_add(1, Ordering::Relaxed) + 1;
        let [.., processing_errors] = &mut *self.observed();
        processing_errors.observe(in_a_row as f64);
        self.0.processing_errors.record(in_a_row as f64);
    }

    /// Ends the row of records that were left out: one was converted.
    pub(crate) fn converted(&self) {
        self.0.left_out.store(0, Ordering::Relaxed);
    }

    fn observed(&self) -> MutexGuard<'_, [Statistic; 6]> {
        let observed = self.0.observed.lock();
        observed.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as one line.
    fn taken(metrics: &FlowMetrics) -> Vec<String> {
        let line = |measured: Measured| {
            let statistic = measured.statistic();
            format!(
                "{} {}: {} of {} in {}..{} {:?}",
                measured.name(),
                measured.destination(),
                statistic.sum(),
                statistic.count(),
                statistic.min(),
                statistic.max(),
                measured.unit(),
            )
        };
        metrics.take().into_iter().map(line).collect()
    }

    #[test]
    fn requests_are_counted_under_the_agents_names_until_they_are_taken() {
        let metrics = FlowMetrics::new(&Destination::Kinesis("logs".to_owned()));
        assert_eq!(taken(&metrics), [""; 0]);
        metrics.answered(5, [10, 20, 30].into_iter());
        metrics.failed(7, false);
        metrics.failed(1, true);
        assert_eq!(
            taken(&metrics),
            [
                "BytesSent KinesisStream:logs: 60 of 3 in 0..60 Bytes",
                "RecordsSent KinesisStream:logs: 3 of 3 in 0..3 Count",
                "RecordSendAttempts KinesisStream:logs: 13 of 3 in 1..7 Count",
                "RecordSendErrors KinesisStream:logs: 2 of 3 in 0..2 Count",
                "ServiceErrors KinesisStream:logs: 1 of 3 in 0..1 Count",
            ]
        );
        assert_eq!(taken(&metrics), [""; 0]);
    }

    #[test]
    fn what_is_left_out_has_the_destination_without_its_kind() {
        let metrics = FlowMetrics::new(&Destination::Firehose("logs".to_owned()));
        metrics.left_out();
        metrics.left_out();
        metrics.answered(1, [1].into_iter());
        let taken = taken(&metrics);
        assert_eq!(
            taken[0],
            "BytesSent DeliveryStream:logs: 1 of 1 in 1..1 Bytes"
        );
        assert_eq!(
            taken[5],
            "ConsecutiveProcessingErrors logs: 3 of 2 in 1..2 Count"
        );
    }

    #[test]
    fn a_record_that_is_converted_ends_the_row_of_those_that_are_left_out() {
        let metrics = FlowMetrics::new(&Destination::Kinesis("logs".to_owned()));
        metrics.left_out();
        metrics.left_out();
        metrics.converted();
        metrics.left_out();
        assert_eq!(
            taken(&metrics),
            ["ConsecutiveProcessingErrors logs: 4 of 3 in 1..2 Count"]
        );
    }
}
