//! `kagg tail`.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use kinesis_aggregation::{Aggregator, HashKey, KinesisRecord, UserRecord};
use kinesis_aggregation_embedded::{Fault, Kinesis, wait_until_active};
use kinesis_aggregation_producer::StreamClient;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use crate::command::{kagg, run};

const STREAM: &str = "orders";
const HALF: u128 = 1 << 127;

async fn kinesis() -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    kinesis
}

/// Puts aggregates of ten user records, all of one hash key, whose data are the numbers.
async fn put(kinesis: &Kinesis, hash_key: u128, numbers: std::ops::Range<usize>) {
    let mut aggregator = Aggregator::builder().max_count(10).build().unwrap();
    let mut records = Vec::new();
    for number in numbers {
        let record = UserRecord::new("key", number.to_string());
        let record = record.with_explicit_hash_key(HashKey::new(hash_key));
        records.extend(aggregator.push(record).unwrap());
    }
    records.extend(aggregator.flush());
    put_all(kinesis, records).await;
}

async fn put_all(kinesis: &Kinesis, records: Vec<KinesisRecord>) {
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    let results = client.put_records(records).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
}

/// Two user records of different halves of the hash keys, in one aggregate.
fn straddling() -> KinesisRecord {
    let mut aggregator = Aggregator::builder().mixing_shards().build().unwrap();
    for hash_key in [0, HALF] {
        let record = UserRecord::new("key", "straddles");
        let record = record.with_explicit_hash_key(HashKey::new(hash_key));
        assert_eq!(aggregator.push(record).unwrap(), None);
    }
    aggregator.flush().unwrap()
}

async fn split(client: &Client) {
    let split = client
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key(HALF.to_string());
    split.send().await.unwrap();
    wait_until_active(client, STREAM).await;
}

async fn merge(client: &Client) {
    let merge = client
        .merge_shards()
        .stream_name(STREAM)
        .shard_to_merge("shardId-000000000001")
        .adjacent_shard_to_merge("shardId-000000000002");
    merge.send().await.unwrap();
    wait_until_active(client, STREAM).await;
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The numbers, in the order in which they were printed.
fn numbers(stdout: &str) -> Vec<usize> {
    stdout.lines().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_split_and_a_merge_are_followed_in_order() {
    let kinesis = kinesis().await;
    let client = kinesis.client();
    put(&kinesis, 0, 0..25).await;
    split(&client).await;
    put(&kinesis, 0, 25..50).await;
    merge(&client).await;
    put(&kinesis, 0, 50..75).await;
    let ran = run(&kinesis, &["tail", STREAM, "--output", "data"]).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(numbers(&ran.stdout), (0..75).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_line_is_what_deaggregate_prints() {
    let kinesis = kinesis().await;
    put(&kinesis, 7, 0..2).await;
    put_all(&kinesis, vec![KinesisRecord::new("plain", "x")]).await;
    let ran = run(
        &kinesis,
        &["tail", STREAM, "--from", "2020-01-01T00:00:00Z"],
    )
    .await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let mut lines = lines(&ran.stdout);
    for line in &mut lines {
        assert!(line["sequenceNumber"].take().is_string());
        assert!(line["approximateArrivalTimestamp"].take().as_f64().unwrap() > 1.6e9);
    }
    let line = |record, sub, key, hash_key: Option<&str>, data| {
        json!({
            "record": record, "sequenceNumber": null, "subSequenceNumber": sub,
            "aggregated": hash_key.is_some(), "partitionKey": key, "explicitHashKey": hash_key,
            "data": data, "approximateArrivalTimestamp": null,
        })
    };
    let expected = [
        line(0, 0, "key", Some("7"), "MA=="),
        line(0, 1, "key", Some("7"), "MQ=="),
        line(1, 0, "plain", None, "eA=="),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_limit_ends_it_inside_an_aggregate() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..25).await;
    let arguments = ["tail", STREAM, "--output", "data", "--limit", "13"];
    let ran = run(&kinesis, &arguments).await;
    assert_eq!((ran.status, numbers(&ran.stdout)), (0, (0..13).collect()));
}

#[tokio::test]
async fn what_the_kcl_drops_is_reported_unless_the_range_does_not_count() {
    let kinesis = kinesis().await;
    split(&kinesis.client()).await;
    put_all(&kinesis, vec![straddling()]).await;
    let ran = run(&kinesis, &["tail", STREAM]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("the whole Kinesis record is dropped"),
        "{ran:?}"
    );
    let ran = run(&kinesis, &["tail", STREAM, "--no-range"]).await;
    assert_eq!((ran.status, lines(&ran.stdout).len()), (0, 2), "{ran:?}");

    kinesis.inject(|request| match request.operation.as_str() {
        "DescribeStreamSummary" => Fault::Rewrite(Box::new(|mut answer| {
            answer["StreamDescriptionSummary"]["RecordDistributionStrategy"] = json!("AUTO");
            answer
        })),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["tail", STREAM]).await;
    assert_eq!((ran.status, lines(&ran.stdout).len()), (0, 2), "{ran:?}");

    kinesis.inject(|request| match request.operation.as_str() {
        "DescribeStreamSummary" => Fault::Error(400, "AccessDeniedException", "no"),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["tail", STREAM]).await;
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("warning: not permitted"), "{ran:?}");
}

/// Follows through a split that happens meanwhile.
#[tokio::test]
async fn following_goes_on_with_the_children() {
    let kinesis = kinesis().await;
    let (sender, mut reads) = mpsc::unbounded_channel();
    kinesis.inject(move |request| {
        if request.operation == "GetRecords" {
            let _ = sender.send(());
        }
        Fault::None
    });
    put(&kinesis, 0, 900..910).await;
    let arguments = [
        "tail", STREAM, "--follow", "--output", "data", "--limit", "20",
    ];
    let mut child = kagg(&kinesis, &arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // From the latest on: what was there before the first read is not printed.
    reads.recv().await.unwrap();
    put(&kinesis, 0, 0..10).await;
    let mut printed = Vec::new();
    while printed.len() < 10 {
        printed.push(lines.next_line().await.unwrap().unwrap());
    }
    split(&kinesis.client()).await;
    put(&kinesis, 0, 10..20).await;
    while let Some(line) = lines.next_line().await.unwrap() {
        printed.push(line);
    }
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait());
    assert!(ended.await.unwrap().unwrap().success());
    assert_eq!(numbers(&printed.join("\n")), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_expired_iterator_is_replaced_behind_what_was_read() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..25).await;
    let mut reads = 0;
    kinesis.inject(move |request| {
        if request.operation == "GetRecords" {
            reads += 1;
        }
        match (request.operation.as_str(), reads) {
            ("GetRecords", 2) => Fault::Error(400, "ExpiredIteratorException", "too old"),
            ("GetRecords", 3) => Fault::Error(500, "InternalFailure", "again"),
            _ => Fault::None,
        }
    });
    let ran = run(&kinesis, &["tail", STREAM, "--output", "data"]).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(numbers(&ran.stdout), (0..25).collect::<Vec<_>>());
}

#[tokio::test]
async fn wrong_use_is_told() {
    let kinesis = kinesis().await;
    for (arguments, message) in [
        (
            ["tail", "nobody", "--follow"],
            "cannot describe the stream: ResourceNotFoundException",
        ),
        (
            ["tail", STREAM, "--from=latest"],
            "--from latest prints nothing without --follow",
        ),
        (
            ["tail", STREAM, "--from=noon"],
            "not latest, trim-horizon or a time",
        ),
    ] {
        let ran = run(&kinesis, &arguments).await;
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(message), "{ran:?}");
    }
}
