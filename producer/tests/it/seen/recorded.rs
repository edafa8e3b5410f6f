//! What an exporter takes at intervals.

use std::collections::BTreeMap;

use kinesis_aggregation_producer::{MetricsRecorder, Producer, RecordedMetrics};

use super::{Answer, SECRET, put_three};

/// Count, sum, lowest and highest by name.
fn all(recorded: &RecordedMetrics) -> BTreeMap<&'static str, (u64, f64, f64, f64)> {
    let all = recorded.statistics();
    all.map(|(name, one)| (name, (one.count(), one.sum(), one.min(), one.max())))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_interval_has_what_happened_in_it_by_stream_and_shard() {
    let recorder = MetricsRecorder::new();
    let builder = Producer::builder().recorder(&recorder);
    let producer = put_three(builder, &[Answer::Records("Busy")]).await;
    let taken = recorder.take();
    assert!(!format!("{taken:?}").contains(SECRET));
    let [stream, shard] = &taken[..] else {
        panic!("{taken:#?}");
    };
    assert_eq!(
        (stream.stream_name(), stream.shard_id()),
        (Some("orders"), None)
    );
    let values = all(stream);
    assert_eq!(values["UserRecordsReceived"], (3, 3.0, 1.0, 1.0));
    assert_eq!(values["UserRecordsPut"], (3, 3.0, 1.0, 1.0));
    assert_eq!(values["UserRecordsDataPut"], (3, 318.0, 106.0, 106.0));
    assert_eq!(values["KinesisRecordsPut"], (1, 1.0, 1.0, 1.0));
    assert_eq!(values["AllErrors"], (2, 1.0, 0.0, 1.0));
    assert_eq!(values["RetriesPerRecord"], (3, 3.0, 1.0, 1.0));
    assert_eq!(values["UserRecordsPerKinesisRecord"], (2, 6.0, 3.0, 3.0));
    assert_eq!(
        values["UserRecordsPerPutRecordsRequest"],
        (2, 6.0, 3.0, 3.0)
    );
    assert_eq!(values["RequestTime"].0, 2);
    let pending = values["UserRecordsPending"];
    assert_eq!((pending.2, pending.3), (0.0, 3.0));
    let codes: Vec<_> = stream.errors_by_code().keys().collect();
    assert_eq!(codes, ["Busy"]);

    assert_eq!(shard.shard_id(), Some("shardId-000000000000"));
    let names: Vec<_> = all(shard).into_keys().collect();
    let expected = [
        "AllErrors",
        "KinesisRecordsDataPut",
        "KinesisRecordsPut",
        "RetriesPerRecord",
        "UserRecordsDataPut",
        "UserRecordsPerKinesisRecord",
        "UserRecordsPut",
    ];
    // It was sent before, so no first try stored it: no BufferingTime.
    assert_eq!(names, expected);

    // The producer is closed: it has told all.
    assert_eq!(recorder.take(), []);
    drop(producer);
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_several_producers_are_told_apart() {
    let recorder = MetricsRecorder::new();
    put_three(Producer::builder().recorder(&recorder), &[]).await;
    put_three(Producer::builder().recorder(&recorder), &[]).await;
    let whole = |one: &&RecordedMetrics| one.shard_id().is_none();
    assert_eq!(recorder.take().iter().filter(whole).count(), 2);
}
