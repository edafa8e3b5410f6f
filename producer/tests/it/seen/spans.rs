//! The `tracing` span of a producer, and the events in it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinesis_aggregation_producer::{ClientError, Producer};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::super::stream;
use super::{Answer, SECRET, put_three};

/// Every span and event as a line, events behind the span that they are in.
#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    entered: Arc<Mutex<Vec<u64>>>,
}

/// A line's fields.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        *self.0 += &format!(" {field}={value:?}");
    }
}

impl Lines {
    fn add(&self, line: String) -> u64 {
        let mut lines = self.lines.lock().expect("no panic");
        lines.push(line);
        lines.len() as u64
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("kinesis_aggregation")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = format!("span {}", span.metadata().name());
        span.record(&mut Fields(&mut line));
        Id::from_u64(self.add(line))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let inside = self.entered.lock().expect("no panic").last().copied();
        let level = event.metadata().level();
        let mut line = format!("in {inside:?}: {level}");
        event.record(&mut Fields(&mut line));
        self.add(line);
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().expect("no panic").push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.entered.lock().expect("no panic").pop();
    }
}

#[tokio::test(start_paused = true)]
async fn requests_and_their_failures_are_told_in_the_producers_span() {
    let lines = Lines::default();
    let subscriber = tracing::subscriber::set_default(lines.clone());
    // Where order is wanted, the stream is described at once.
    let builder = Producer::builder().ordered(true);
    put_three(builder, &[Answer::Request("InternalFailure")]).await;
    drop(subscriber);
    let lines = lines.lines.lock().expect("no panic").clone();
    let text = lines.join("\n");
    assert!(!text.contains(SECRET), "{text}");
    assert!(lines[0].starts_with("span kinesis_producer"), "{text}");
    assert!(lines[0].contains("orders"), "{text}");
    let events = &lines[1..];
    assert!(
        events.iter().all(|line| line.starts_with("in Some(1): ")),
        "{text}"
    );
    let count = |words: &[&str]| {
        let has = |line: &&String| words.iter().all(|word| line.contains(word));
        events.iter().filter(has).count()
    };
    assert_eq!(count(&["DEBUG", "list_shards"]), 1, "{text}");
    assert_eq!(count(&["DEBUG", "describe"]), 1, "{text}");
    assert_eq!(count(&["DEBUG", "put_records", "records=1"]), 2, "{text}");
    let failed = &[
        "WARN",
        "failed",
        "put_records",
        "InternalFailure",
        "count=1",
    ];
    assert_eq!(count(failed), 1, "{text}");
    assert_eq!(events.len(), 5, "{text}");
}

impl Lines {
    /// Those with all of these words.
    fn with(&self, words: &[&str]) -> Vec<String> {
        let lines = self.lines.lock().expect("no panic");
        let has = |line: &&String| words.iter().all(|word| line.contains(word));
        lines.iter().filter(has).cloned().collect()
    }
}

#[tokio::test(start_paused = true)]
async fn one_line_for_each_kind_of_failure_and_its_reason_not_one_for_each_request() {
    let lines = Lines::default();
    let subscriber = tracing::subscriber::set_default(lines.clone());
    let refused = |_| {
        let error = ClientError::retry("ConnectionRefused", false);
        stream::Answer::Error(error.with_source("http://10.0.0.7:443: connection refused"))
    };
    let stream = stream::Stream::new((0..20).map(refused));
    let producer = Producer::builder()
        .record_ttl(Duration::from_secs(25))
        .build(stream)
        .expect("a runtime");
    let delivery = producer
        .put(stream::record(SECRET))
        .await
        .expect("accepted");
    let tries = delivery.await.expect_err("expired").tries();
    producer.close().await.expect("in time");
    tokio::task::yield_now().await;
    drop(subscriber);
    let told = lines.with(&[
        "WARN",
        "put_records",
        "ConnectionRefused",
        "http://10.0.0.7:443",
    ]);
    assert!(tries > 10, "{tries}");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("count=1"), "{told:?}");
    assert!(
        told[1].contains(&format!("count={}", tries - 1)),
        "{told:?}"
    );
}

#[test]
fn a_runtime_that_ends_says_how_many_records_were_pending() {
    let lines = Lines::default();
    let subscriber = tracing::subscriber::set_default(lines.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let guard = runtime.enter();
    let producer = Producer::builder()
        .stream_name("orders")
        .build(stream::Stream::new([]))
        .expect("a runtime");
    drop(guard);
    drop(producer.try_put(stream::record("one")).expect("room"));
    runtime.block_on(tokio::task::yield_now());
    drop(producer.try_put(stream::record("two")).expect("room"));
    drop(runtime);
    drop(subscriber);
    let told = lines.with(&["in Some(1): ERROR", "records=2"]);
    assert_eq!(told.len(), 1, "{:?}", lines.lines);
}

#[test]
fn a_producer_that_was_closed_says_nothing_of_pending_records() {
    let lines = Lines::default();
    let subscriber = tracing::subscriber::set_default(lines.clone());
    let producer = Producer::builder()
        .build_blocking(stream::Stream::new([]))
        .expect("a thread");
    drop(producer.put(stream::record("one")).expect("room"));
    producer.close().expect("in time");
    drop(subscriber);
    assert!(lines.with(&["ERROR"]).is_empty(), "{:?}", lines.lines);
    // The blocking form is in its span, and in the subscriber of the thread that built it.
    assert_eq!(
        lines.with(&["in Some(1): DEBUG", "put_records"]).len(),
        1,
        "{:?}",
        lines.lines
    );
}
