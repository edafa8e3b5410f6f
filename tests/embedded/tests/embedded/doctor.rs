//! `kagg doctor` of a stream.

use kinesis_aggregation::{Aggregator, HashKey, KinesisRecord, UserRecord};
use kinesis_aggregation_embedded::{Fault, Kinesis};
use kinesis_aggregation_producer::StreamClient;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use serde_json::{Value, json};

use crate::command::{Ran, run};

const STREAM: &str = "orders";

async fn kinesis(shards: i32) -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, shards).await;
    kinesis
}

async fn put(kinesis: &Kinesis, records: Vec<KinesisRecord>) {
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    let results = client.put_records(records).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
}

/// Two user records with these hash keys, in one aggregate.
fn aggregate(hash_keys: [u128; 2]) -> KinesisRecord {
    let mut aggregator = Aggregator::builder().mixing_shards().build().unwrap();
    for hash_key in hash_keys {
        let record = UserRecord::new("key", "data");
        let record = record.with_explicit_hash_key(HashKey::new(hash_key));
        assert_eq!(aggregator.push(record).unwrap(), None);
    }
    aggregator.flush().unwrap()
}

fn diagnosis(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn names(diagnosis: &Value) -> Vec<&str> {
    let findings = diagnosis["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["name"].as_str().unwrap())
        .collect()
}

fn not_asked(diagnosis: &Value) -> Vec<&str> {
    let all = diagnosis["stream"]["notAsked"].as_array().unwrap().iter();
    all.map(|action| action["action"].as_str().unwrap())
        .collect()
}

/// What the embedded server does not know, answered as by the service: one channel, and a
/// function with every setting that is bad for aggregates.
fn answer_the_rest(kinesis: &Kinesis) {
    kinesis.inject(|request| match request.operation.as_str() {
        "ListChannels" => Fault::Garble(
            json!({"ChannelSummaries": [{
                "ChannelName": "to-s3", "ChannelARN": "arn", "ChannelId": "1",
                "ChannelStatus": "ACTIVE", "ChannelCreationTimestamp": 1.0,
                "ChannelDestinationType": "S3", "Streams": [],
            }]})
            .to_string()
            .into(),
        ),
        // Lambda's request is no JSON of Kinesis'.
        "" => Fault::Garble(
            json!({"EventSourceMappings": [{
                "FunctionArn": "arn:aws:lambda:us-east-1:1:function:f", "State": "Enabled",
                "FilterCriteria": {"Filters": [{"Pattern": "{}"}]}, "ParallelizationFactor": 10,
                "FunctionResponseTypes": null, "BisectBatchOnFunctionError": true,
                "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1,
                "DestinationConfig": {"OnFailure": {}},
            }], "NextMarker": null})
            .to_string()
            .into(),
        ),
        _ => Fault::None,
    });
}

#[tokio::test]
async fn a_good_stream_has_no_loss_and_what_cannot_be_asked_is_listed() {
    let kinesis = kinesis(2).await;
    put(
        &kinesis,
        vec![aggregate([0, 1]), KinesisRecord::new("plain", "x")],
    )
    .await;
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(
        ran.stderr
            .contains("at most one GetRecords a second from each of 2 shards")
    );
    let diagnosis = diagnosis(&ran);
    assert_eq!(names(&diagnosis), [""; 0]);
    assert_eq!(diagnosis["sampled"]["records"], 2);
    assert_eq!(diagnosis["sampled"]["userRecords"], 2);
    assert_eq!(diagnosis["stream"]["serviceManaged"], false);
    assert_eq!(
        not_asked(&diagnosis),
        ["kinesis:ListChannels", "lambda:ListEventSourceMappings"]
    );
    let ran = run(&kinesis, &["doctor", STREAM]).await;
    assert!(ran.stdout.contains("nothing found"), "{ran:?}");
}

#[tokio::test]
async fn what_dies_in_a_stream_is_found() {
    let kinesis = kinesis(2).await;
    put(&kinesis, vec![aggregate([0, 1]), aggregate([0, u128::MAX])]).await;
    answer_the_rest(&kinesis);
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    assert_eq!(ran.status, 1, "{ran:?}");
    let diagnosis = diagnosis(&ran);
    let expected = [
        "out-of-range",
        "lambda-filter",
        "channel",
        "lambda-no-batch-item-failures",
        "lambda-endless-retries",
        "lambda-parallelization",
        "lambda-bisect",
    ];
    assert_eq!(names(&diagnosis), expected, "{ran:?}");
    assert_eq!(not_asked(&diagnosis), [""; 0]);
}

#[tokio::test]
async fn aggregates_on_a_service_managed_stream_are_a_loss() {
    let kinesis = kinesis(1).await;
    put(&kinesis, vec![aggregate([0, 1])]).await;
    kinesis.inject(|request| match request.operation.as_str() {
        "DescribeStreamSummary" => Fault::Rewrite(Box::new(|mut answer| {
            let summary = &mut answer["StreamDescriptionSummary"];
            summary["RecordDistributionStrategy"] = json!("AUTO");
            summary["MaxRecordSizeInKiB"] = json!(10_240);
            answer
        })),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    assert_eq!(ran.status, 1, "{ran:?}");
    let diagnosis = diagnosis(&ran);
    let expected = ["aggregates-on-service-managed-stream", "large-records"];
    assert_eq!(names(&diagnosis), expected);
}

/// One shard that may not be read does not end the sample of the others.
#[tokio::test]
async fn a_shard_that_is_refused_is_named_and_the_others_are_read() {
    let kinesis = kinesis(2).await;
    put(&kinesis, vec![aggregate([0, 1]), aggregate([u128::MAX, 0])]).await;
    let mut reads = 0;
    kinesis.inject(move |request| {
        reads += u32::from(request.operation == "GetRecords");
        match (request.operation.as_str(), reads) {
            ("GetRecords", 1) => Fault::Error(400, "AccessDeniedException", "no"),
            _ => Fault::None,
        }
    });
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    let diagnosis = diagnosis(&ran);
    assert!(
        diagnosis["sampled"]["records"].as_u64() >= Some(1),
        "{ran:?}"
    );
    let refused = &diagnosis["stream"]["notAsked"];
    let refused = refused.as_array().unwrap().iter();
    let why: Vec<_> = refused
        .filter(|refused| refused["action"] == "kinesis:GetRecords")
        .map(|refused| refused["why"].as_str().unwrap())
        .collect();
    assert_eq!(why, ["shardId-000000000000: AccessDeniedException: no"]);
}

/// And so the shard map that lacks it cannot be used.
#[tokio::test]
async fn a_shard_that_cannot_be_understood_is_told() {
    let kinesis = kinesis(2).await;
    kinesis.inject(|request| match request.operation.as_str() {
        "ListShards" => Fault::Rewrite(Box::new(|mut answer| {
            answer["Shards"][1]["HashKeyRange"]["StartingHashKey"] = json!("x");
            answer
        })),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    let diagnosis = diagnosis(&ran);
    let refused = diagnosis["stream"]["notAsked"].as_array().unwrap().iter();
    let mut of_shards = refused.filter(|refused| refused["action"] == "kinesis:ListShards");
    let first = of_shards.next().unwrap()["why"].as_str().unwrap();
    assert!(first.starts_with("shardId-000000000001: "), "{ran:?}");
}

/// A function with enhanced fan-out is mapped to its consumer.
#[tokio::test]
async fn the_mappings_of_consumers_are_looked_at() {
    let kinesis = kinesis(1).await;
    kinesis.inject(|request| match request.operation.as_str() {
        "ListStreamConsumers" => Fault::Garble(
            json!({"Consumers": [{
                "ConsumerName": "fast", "ConsumerARN": "arn:aws:kinesis:us-east-1:1:stream/orders/consumer/fast:1",
                "ConsumerStatus": "ACTIVE", "ConsumerCreationTimestamp": 1.0,
            }]})
            .to_string()
            .into(),
        ),
        "" => Fault::Garble(
            json!({"EventSourceMappings": [{"FunctionArn": "f", "State": "Updating"}]})
                .to_string()
                .into(),
        ),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    let diagnosis = diagnosis(&ran);
    assert_eq!(diagnosis["stream"]["consumers"], json!(["fast"]));
    let mappings = diagnosis["stream"]["mappings"].as_array().unwrap();
    // That of the stream and that of its consumer.
    assert_eq!(mappings.len(), 2, "{ran:?}");
}

#[tokio::test]
async fn without_any_permission_nothing_is_read() {
    let kinesis = kinesis(1).await;
    kinesis.inject(|request| match request.operation.as_str() {
        "GetRecords" => Fault::Error(400, "AccessDeniedException", "no"),
        _ => Fault::None,
    });
    let ran = run(&kinesis, &["doctor", STREAM, "--json"]).await;
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(
        ran.stderr.contains(
            "no record could be read: kinesis:GetRecords: shardId-000000000000: AccessDenied"
        ),
        "{ran:?}"
    );
    assert!(not_asked(&diagnosis(&ran)).contains(&"kinesis:GetRecords"));
    kinesis.inject(|_| Fault::Error(400, "AccessDeniedException", "no"));
    let ran = run(&kinesis, &["doctor", STREAM]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr
            .contains("DescribeStreamSummary: AccessDeniedException: no"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_told() {
    let kinesis = kinesis(1).await;
    let ran = run(&kinesis, &["doctor", "nobody"]).await;
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("ResourceNotFoundException"), "{ran:?}");
}
