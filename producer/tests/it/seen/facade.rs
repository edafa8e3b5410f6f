//! The `metrics` facade: every name, label and value that an exporter gets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kinesis_aggregation_producer::Producer;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use super::super::stream;
use super::{Answer, SECRET, put_three};

/// Values by name and labels.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

/// One metric of it.
struct One(Seen, String);

impl One {
    fn change(&self, change: impl FnOnce(&mut Vec<f64>)) {
        let mut all = self.0.0.lock().expect("no panic");
        change(all.entry(self.1.clone()).or_default());
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.change(|values| *values = vec![values.first().unwrap_or(&0.0) + value as f64]);
    }

    fn absolute(&self, value: u64) {
        self.change(|values| *values = vec![value as f64]);
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.change(|values| *values = vec![values.first().unwrap_or(&0.0) + value]);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }

    fn set(&self, value: f64) {
        self.change(|values| *values = vec![value]);
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        self.change(|values| values.push(value));
    }
}

impl Seen {
    fn describe(&self, name: &KeyName, unit: Option<Unit>, text: &SharedString) {
        assert!(!text.is_empty());
        let unit = unit.map_or("none", |unit| unit.as_str());
        let described = format!("{}: {unit}", name.as_str());
        self.0
            .lock()
            .expect("no panic")
            .insert(described, Vec::new());
    }

    fn one(&self, kind: &str, key: &Key) -> Arc<One> {
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        let name = format!("{kind} {}{}", key.name(), labels.collect::<String>());
        Arc::new(One(self.clone(), name))
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&name, unit, &text);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&name, unit, &text);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&name, unit, &text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one("counter", key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one("gauge", key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one("histogram", key))
    }
}

#[tokio::test(start_paused = true)]
async fn an_exporter_gets_the_kpls_metrics() {
    let seen = Seen::default();
    let local = metrics::set_default_local_recorder(&seen);
    let answers = [Answer::Request("InternalFailure"), Answer::Records("Busy")];
    put_three(Producer::builder(), &answers).await;
    drop(local);
    let seen = seen.0.lock().expect("no panic").clone();
    assert!(!format!("{seen:?}").contains(SECRET));
    let exactly = |name: &str, expected: &[f64]| {
        let values = seen.get(&format!("{name} StreamName=orders"));
        assert_eq!(
            values.map(Vec::as_slice),
            Some(expected),
            "{name}: {seen:#?}"
        );
    };
    exactly("counter UserRecordsReceived", &[3.0]);
    exactly("counter UserRecordsPut", &[3.0]);
    exactly("counter UserRecordsDataPut", &[318.0]);
    exactly("counter KinesisRecordsPut", &[1.0]);
    exactly("counter AllErrors", &[2.0]);
    exactly("gauge UserRecordsPending", &[0.0]);
    exactly("histogram RetriesPerRecord", &[2.0, 2.0, 2.0]);
    exactly("histogram UserRecordsPerKinesisRecord", &[3.0, 3.0, 3.0]);
    exactly(
        "histogram KinesisRecordsPerPutRecordsRequest",
        &[1.0, 1.0, 1.0],
    );
    exactly(
        "histogram UserRecordsPerPutRecordsRequest",
        &[3.0, 3.0, 3.0],
    );
    for code in ["InternalFailure", "Busy"] {
        let name = format!("counter ErrorsByCode StreamName=orders ErrorCode={code}");
        assert_eq!(seen.get(&name), Some(&vec![1.0]), "{seen:#?}");
    }
    assert_eq!(seen["histogram RequestTime StreamName=orders"].len(), 3);
    for described in [
        "RequestTime: milliseconds",
        "BufferingTime: milliseconds",
        "UserRecordsDataPut: bytes",
        "UserRecordsPending: count",
        "ErrorsByCode: count",
    ] {
        assert!(seen.contains_key(described), "{described}: {seen:#?}");
    }
    let names = seen.keys().filter(|key| key.contains(" StreamName="));
    for name in names.filter_map(|key| key.split(' ').nth(1)) {
        let described = format!("{name}: ");
        assert!(seen.keys().any(|key| key.starts_with(&described)), "{name}");
    }
    let buffered = &seen["histogram BufferingTime StreamName=orders"];
    assert_eq!(buffered.len(), 3);
    assert!(
        buffered.iter().all(|time| (95.0..=101.0).contains(time)),
        "{buffered:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_tells_the_same() {
    let answers = [Answer::Request("InternalFailure"), Answer::Records("Busy")];
    let metrics = put_three(Producer::builder(), &answers).await.metrics();
    let counters: BTreeMap<_, _> = metrics.counters().collect();
    assert_eq!(counters["UserRecordsReceived"], 3);
    assert_eq!(counters["UserRecordsDataPut"], 318);
    assert_eq!(counters["AllErrors"], 2);
    let statistics: BTreeMap<_, _> = metrics.statistics().collect();
    let retries = statistics["RetriesPerRecord"];
    assert_eq!(
        (retries.count(), retries.sum(), retries.min()),
        (3, 6.0, 2.0)
    );
    assert_eq!(statistics["RequestTime"].count(), 3);
    let codes: Vec<_> = metrics.errors_by_code().keys().collect();
    assert_eq!(codes, ["Busy", "InternalFailure"]);
}

#[tokio::test(start_paused = true)]
async fn the_streams_name_comes_from_the_client_unless_the_builder_has_one() {
    for (builder, name) in [
        (Producer::builder(), "of-the-client"),
        (
            Producer::builder().stream_name("of-the-builder"),
            "of-the-builder",
        ),
    ] {
        let seen = Seen::default();
        let local = metrics::set_default_local_recorder(&seen);
        let stream = std::sync::Arc::new(stream::Stream::named("of-the-client"));
        let producer = builder.build(stream).expect("a runtime");
        producer.close().await.expect("in time");
        drop(local);
        let counter = format!("counter UserRecordsReceived StreamName={name}");
        let seen = seen.0.lock().expect("no panic").clone();
        assert!(seen.contains_key(&counter), "{seen:#?}");
    }
}
