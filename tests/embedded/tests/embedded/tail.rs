//! `kagg tail`.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use kinesis_aggregation::wire::{RecordIndices, encode};
use kinesis_aggregation::{Aggregator, HashKey, KinesisRecord, UserRecord};
use kinesis_aggregation_embedded::{Fault, Kinesis, wait_until_active};
use kinesis_aggregation_producer::StreamClient;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use crate::command::{kagg, run};

const STREAM: &str = "orders";
const SHARD: &str = "shardId-000000000000";
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
    let ran = run(
        &kinesis,
        &["tail", STREAM, "--from=trim-horizon", "--output", "data"],
    )
    .await;
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
            "record": record, "shardId": SHARD, "sequenceNumber": null, "subSequenceNumber": sub,
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
    let arguments = [
        "tail",
        STREAM,
        "--from=trim-horizon",
        "--output=data",
        "--limit=13",
    ];
    let ran = run(&kinesis, &arguments).await;
    assert_eq!((ran.status, numbers(&ran.stdout)), (0, (0..13).collect()));
}

#[tokio::test]
async fn what_the_kcl_drops_is_reported_unless_the_range_does_not_count() {
    let kinesis = kinesis().await;
    split(&kinesis.client()).await;
    put_all(&kinesis, vec![straddling()]).await;
    let ran = run(&kinesis, &["tail", STREAM, "--from=1h"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("the whole Kinesis record is dropped"),
        "{ran:?}"
    );
    let ran = run(&kinesis, &["tail", STREAM, "--from=1h", "--no-range"]).await;
    assert_eq!((ran.status, lines(&ran.stdout).len()), (0, 2), "{ran:?}");

    kinesis.inject(|request| match request.operation.as_str() {
        "DescribeStreamSummary" => Fault::Rewrite(Box::new(|mut answer| {
            answer["StreamDescriptionSummary"]["RecordDistributionStrategy"] = json!("AUTO");
            answer
        })),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["tail", STREAM, "--from=1h"]).await;
    assert_eq!((ran.status, lines(&ran.stdout).len()), (0, 2), "{ran:?}");

    kinesis.inject(|request| match request.operation.as_str() {
        "DescribeStreamSummary" => Fault::Error(400, "AccessDeniedException", "no"),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["tail", STREAM, "--from=1h"]).await;
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
    let arguments = ["tail", STREAM, "--output", "data", "--limit", "20"];
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
    let ran = run(
        &kinesis,
        &["tail", STREAM, "--from=trim-horizon", "--output", "data"],
    )
    .await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(numbers(&ran.stdout), (0..25).collect::<Vec<_>>());
}

#[tokio::test]
async fn wrong_use_is_told() {
    let kinesis = kinesis().await;
    for (arguments, message) in [
        (
            ["tail", "nobody", "--from=1h"],
            "cannot describe the stream: ResourceNotFoundException",
        ),
        (
            ["tail", STREAM, "--from=latest"],
            "--from latest prints nothing without --follow",
        ),
        (
            ["tail", STREAM, "--from=noon"],
            "not latest, trim-horizon, a time like 15m",
        ),
    ] {
        let ran = run(&kinesis, &arguments).await;
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(message), "{ran:?}");
    }
}

/// The lines of `--from trim-horizon` with these arguments.
async fn all(kinesis: &Kinesis, arguments: &[&str]) -> crate::command::Ran {
    let arguments = [&["tail", STREAM, "--from=trim-horizon"], arguments].concat();
    run(kinesis, &arguments).await
}

#[tokio::test]
async fn it_starts_with_a_position_of_a_shard() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..30).await;
    let lines = lines(&all(&kinesis, &[]).await.stdout);
    let second = lines[10]["sequenceNumber"].as_str().unwrap();
    for (from, expected) in [
        (second.to_owned(), 10..30),
        (format!("{second}:0"), 10..30),
        (format!("{second}:7"), 17..30),
    ] {
        let arguments = ["tail", STREAM, "--from", &from, "--output=data"];
        let ran = run(&kinesis, &arguments).await;
        assert_eq!(
            (ran.status, numbers(&ran.stdout)),
            (0, expected.collect()),
            "{from}"
        );
    }
    // In a stream of several shards, the shard must be named.
    split(&kinesis.client()).await;
    let arguments = ["tail", STREAM, "--from", second, "--output=data"];
    let ran = run(&kinesis, &arguments).await;
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("name it with --shard"), "{ran:?}");
    let ran = run(&kinesis, &[&arguments[..], &["--shard", SHARD]].concat()).await;
    assert_eq!((ran.status, numbers(&ran.stdout)), (0, (10..30).collect()));
}

#[tokio::test]
async fn only_the_named_shards_are_read() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..10).await;
    split(&kinesis.client()).await;
    put(&kinesis, 0, 10..20).await;
    put(&kinesis, HALF, 20..30).await;
    for (shards, expected) in [
        (&["shardId-000000000000"][..], 0..10),
        (&["shardId-000000000001"], 10..20),
        (&["shardId-000000000000", "shardId-000000000001"], 0..20),
    ] {
        let named = shards.iter().flat_map(|id| ["--shard", id]);
        let arguments: Vec<_> = named.chain(["--output=data"]).collect();
        let ran = all(&kinesis, &arguments).await;
        assert_eq!(numbers(&ran.stdout), expected.collect::<Vec<_>>());
    }
    let ran = all(&kinesis, &["--shard", "shardId-000000000009"]).await;
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("no shard shardId-000000000009"),
        "{ran:?}"
    );
}

/// As the service would: the second Kinesis record arrives ten seconds after the first.
#[tokio::test]
async fn it_ends_with_what_arrived_until_then() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..30).await;
    kinesis.inject(|request| match request.operation.as_str() {
        "GetRecords" => Fault::Rewrite(Box::new(|mut answer| {
            let records = answer["Records"].as_array_mut().unwrap();
            for (record, time) in records.iter_mut().zip([1000.987, 1010.5, 1020.0]) {
                record["ApproximateArrivalTimestamp"] = json!(time);
            }
            answer
        })),
        _ => Fault::None,
    });
    for (until, expected) in [
        ("--until=1000.986", 0..0),
        ("--until=1000.987", 0..10),
        ("--until=1970-01-01T00:16:50.500Z", 0..20),
        ("--until=1h", 0..30),
    ] {
        let ran = all(&kinesis, &[until, "--output=data"]).await;
        assert_eq!(
            (ran.status, numbers(&ran.stdout)),
            (0, expected.collect()),
            "{until}"
        );
    }
    // In milliseconds, as the service has them.
    let times = lines(&all(&kinesis, &[]).await.stdout);
    assert_eq!(times[0]["approximateArrivalTimestamp"], json!(1000.987));
}

#[tokio::test]
async fn the_batch_that_lambda_gave_up_is_read() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..50).await;
    let records = lines(&all(&kinesis, &["--output=kinesis"]).await.stdout);
    assert_eq!(records.len(), 5);
    let number = |at: usize| records[at]["SequenceNumber"].clone();
    let message = json!({"version": "1.0", "KinesisBatchInfo": {
        "shardId": SHARD, "startSequenceNumber": number(1), "endSequenceNumber": number(3),
        "batchSize": 3, "streamArn": "arn:aws:kinesis:us-east-1:1:stream/orders",
    }});
    // As SQS hands it out.
    let envelope = json!({"Messages": [{"MessageId": "1", "Body": message.to_string()}]});
    for text in [message, envelope] {
        let path = std::env::temp_dir().join(format!("kagg-batch-{}", std::process::id()));
        std::fs::write(&path, text.to_string()).unwrap();
        let arguments = [
            "tail",
            STREAM,
            "--batch",
            path.to_str().unwrap(),
            "--output=data",
        ];
        let ran = run(&kinesis, &arguments).await;
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            (ran.status, numbers(&ran.stdout)),
            (0, (10..40).collect()),
            "{ran:?}"
        );
    }
    let ran = run(&kinesis, &["tail", STREAM, "--batch", "Cargo.toml"]).await;
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("not a message of Lambda's"), "{ran:?}");
}

/// Runs `kagg tail` with this message.
async fn tail_batch(kinesis: &Kinesis, message: &Value, arguments: &[&str]) -> crate::command::Ran {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), message.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let all = [
        &["tail", STREAM, "--batch", path, "--output=data"],
        arguments,
    ]
    .concat();
    run(kinesis, &all).await
}

/// The first records of it are past the stream's retention, or it is one of another stream.
#[tokio::test]
async fn a_batch_that_the_stream_does_not_have_is_told() {
    let kinesis = kinesis().await;
    put(&kinesis, 0, 0..30).await;
    let records = lines(&all(&kinesis, &["--output=kinesis"]).await.stdout);
    let message = |stream: &str| {
        json!({"version": "1.0", "KinesisBatchInfo": {
            "shardId": SHARD, "startSequenceNumber": records[0]["SequenceNumber"],
            "endSequenceNumber": records[2]["SequenceNumber"],
            "batchSize": 5, "streamArn": format!("arn:aws:kinesis:us-east-1:1:stream/{stream}"),
        }})
    };
    let ran = tail_batch(&kinesis, &message(STREAM), &[]).await;
    assert_eq!((ran.status, numbers(&ran.stdout)), (1, (0..30).collect()));
    assert!(
        ran.stderr
            .contains("2 of the 5 Kinesis records of the batch"),
        "{ran:?}"
    );
    let ran = tail_batch(&kinesis, &message(STREAM), &["--limit=12"]).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let ran = tail_batch(&kinesis, &message("others"), &[]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("not of orders"), "{ran:?}");
}

/// Nothing is opened, so nothing is lost: `kagg inspect` says what would be.
#[tokio::test]
async fn unopened_records_have_all_that_inspect_needs() {
    let kinesis = kinesis().await;
    split(&kinesis.client()).await;
    put_all(&kinesis, vec![straddling()]).await;
    let ran = all(&kinesis, &["--output=kinesis"]).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let records = lines(&ran.stdout);
    let keys: Vec<_> = records[0].as_object().unwrap().keys().collect();
    let expected = [
        "ShardId",
        "SequenceNumber",
        "ApproximateArrivalTimestamp",
        "PartitionKey",
        "Data",
    ];
    assert_eq!(keys, expected);
    assert_eq!(records[0]["ShardId"], "shardId-000000000001");
}

/// An explicit hash key that no shard can hold: `--no-range` prints all that the KCL would lose.
#[tokio::test]
async fn without_ranges_a_bad_explicit_hash_key_is_no_end() {
    let kinesis = kinesis().await;
    let keyed = [("-1", 0), ("7", 1)].map(|(_, number)| RecordIndices {
        partition_key: 0,
        explicit_hash_key: Some(number),
    });
    let bad = encode(
        ["key"],
        ["-1", "7"],
        keyed.map(|indices| (indices, b"x".as_slice())),
    );
    put_all(&kinesis, vec![KinesisRecord::new("a", bad)]).await;
    let ran = all(&kinesis, &["--no-range"]).await;
    assert_eq!((ran.status, lines(&ran.stdout).len()), (1, 2), "{ran:?}");
    assert!(ran.stderr.contains("salvaged all the same"), "{ran:?}");
}

/// As in `kagg tail orders | head -1`, on a stream in which nothing more happens.
#[tokio::test]
async fn it_ends_when_its_reader_is_gone() {
    let kinesis = kinesis().await;
    let mut child = kagg(&kinesis, &["tail", STREAM, "--from=1h", "--follow"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait());
    assert!(ended.await.expect("it ends").unwrap().success());
}
