//! A stream that picks the shards itself, which nobody may describe.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use kinesis_aggregation::KinesisRecord;

use crate::run::start;
use crate::stream::Stream;

fn lines(from: usize, to: usize) -> String {
    (from..to)
        .map(|number| format!("line {number}\n"))
        .collect()
}

/// The first aggregate lands where its random key does not belong. A KCL would drop its lines, so they
/// are sent again, and all that follow, as records of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aggregation_ends_where_an_aggregate_landed_outside_the_range_of_its_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let live = directory.path().join("app.log");
    fs::write(&live, lines(0, 500)).expect("written");
    let stream = Stream::service_managed();
    let keys = r#", "kagg.aggregate": true, "initialPosition": "START_OF_FILE""#;
    let agent = start(directory.path(), "app.log", keys, &stream, false);
    stream.wait_for(500).await;
    let before = stream.records();
    assert!(before.iter().any(holds_several), "it began with aggregates");
    let file = OpenOptions::new().append(true).open(&live);
    let mut file = file.expect("opens");
    let more = lines(500, 1000);
    file.write_all(more.as_bytes()).expect("writes");
    stream.wait_for(1000).await;
    agent.stop().await;
    let after = &stream.records()[before.len()..];
    assert!(!after.iter().any(holds_several));
    assert_eq!(stream.lines().len(), 1000);
}

fn holds_several(record: &KinesisRecord) -> bool {
    let opened = kinesis_aggregation::Deaggregator::new().deaggregate(record);
    opened.user_records().count() > 1
}
