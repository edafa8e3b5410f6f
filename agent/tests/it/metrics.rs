//! The metrics of a flow that runs.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use kinesis_aggregation_agent::{Config, RealFs};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use crate::run::start;
use crate::stream::Stream;

/// The sum of each metric that came through the `metrics` facade.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, f64>>>);

/// One metric of it.
struct One(Seen, String);

impl One {
    fn add(&self, value: f64) {
        let mut all = self.0.0.lock().expect("no panic");
        *all.entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Seen {
    fn one(&self, key: &Key) -> Arc<One> {
        let labels = key.labels().map(|label| format!(" {}", label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        Arc::new(One(self.clone(), name))
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

#[tokio::test]
async fn a_flow_counts_under_the_agents_names_for_cloudwatch_and_through_the_facade() {
    let good = r#"10.0.0.1 - - [25/Nov/2026:10:00:00 +0000] "GET / HTTP/1.0" 200 7"#;
    for (to_firehose, destination) in [(false, "KinesisStream:s"), (true, "DeliveryStream:s")] {
        let seen = Seen::default();
        let local = metrics::set_default_local_recorder(&seen);
        let directory = tempfile::tempdir().expect("a directory");
        let lines = format!("bad\nbad\n{good}\nbad\n");
        fs::write(directory.path().join("app.log"), lines).expect("written");
        let keys = r#", "initialPosition": "START_OF_FILE", "dataProcessingOptions":
            [{"optionName": "LOGTOJSON", "logFormat": "COMMONAPACHELOG"}]"#;
        let stream = Stream::default();
        let agent = start(directory.path(), "app.log", keys, &stream, to_firehose);
        drop(local);
        let metrics = agent.metrics();
        stream.wait_for(1).await;
        agent.stop().await;
        let sent = stream.records()[0].data().len() as f64;
        let expected: BTreeMap<String, f64> = [
            ("BytesSent", destination, sent),
            ("RecordsSent", destination, 1.0),
            ("RecordSendAttempts", destination, 1.0),
            ("RecordSendErrors", destination, 0.0),
            ("ServiceErrors", destination, 0.0),
            // One, two, and, after the good one, one.
            ("ConsecutiveProcessingErrors", "s", 4.0),
        ]
        .map(|(name, destination, sum)| (format!("{name} {destination}"), sum))
        .into();
        let taken = metrics.take().into_iter().map(|measured| {
            let name = format!("{} {}", measured.name(), measured.destination());
            (name, measured.statistic().sum())
        });
        assert_eq!(taken.collect::<BTreeMap<_, _>>(), expected);
        // The producer's come the same way.
        let mut seen = seen.0.lock().expect("no panic").clone();
        seen.retain(|name, _| expected.contains_key(name));
        assert_eq!(seen, expected);
    }
}

#[test]
fn metrics_go_to_cloudwatch_as_the_agents_unless_they_are_not_wanted() {
    let with = |keys: &str| {
        let flow = r#"{"filePattern": "/logs/app.log", "kinesisStream": "s"}"#;
        Config::parse(&format!(r#"{{"flows": [{flow}]{keys}}}"#), &[]).expect("good")
    };
    let config = with("");
    let metrics = config.cloudwatch().expect("wanted");
    assert_eq!(
        (metrics.namespace(), metrics.endpoint()),
        ("AWSKinesisAgent", None)
    );
    assert!(!metrics.tags_instance());
    assert_eq!(metrics.buffer_time().as_secs(), 30);
    assert_eq!(metrics.queue_size(), 10_000);
    let report = config.report(&RealFs);
    let line = "metrics: to CloudWatch every 30s, namespace AWSKinesisAgent\n";
    assert!(report.contains(line), "{report}");
    let config = with(
        r#", "cloudwatch.namespace": "n", "cloudwatch.endpoint": "e", "cloudwatch.tagInstance": true,
            "cloudwatch.metricsQueueSize": "7""#,
    );
    let metrics = config.cloudwatch().expect("wanted");
    assert_eq!((metrics.namespace(), metrics.endpoint()), ("n", Some("e")));
    assert!(metrics.tags_instance());
    assert_eq!(metrics.queue_size(), 7);
    for (millis, taken) in [(0, 1000), (1001, 1001), (86_400_001, 86_400_000)] {
        let config = with(&format!(
            r#", "cloudwatch.metricsBufferTimeMillis": {millis}"#
        ));
        let metrics = config.cloudwatch().expect("wanted");
        assert_eq!(metrics.buffer_time().as_millis(), taken);
    }
    let config = with(r#", "cloudwatch.emitMetrics": "no""#);
    assert_eq!(config.cloudwatch(), None);
    assert!(config.report(&RealFs).contains("metrics: none\n"));
}
