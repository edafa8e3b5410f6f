//! The `tracing` span of a producer, and the events in it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use kinesis_aggregation_producer::Producer;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

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
    put_three(Producer::builder(), &[Answer::Request("InternalFailure")]).await;
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
    let failed = &["WARN", "a request failed", "put_records", "InternalFailure"];
    assert_eq!(count(failed), 1, "{text}");
    assert_eq!(events.len(), 5, "{text}");
}
