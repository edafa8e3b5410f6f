//! `SdkStreamClient` over real HTTP.

use aws_sdk_kinesis::Client;
use kinesis_aggregation::{
    Aggregator, HashKey, HashKeyRange, KinesisRecord, SequenceNumber, Shard, ShardMap, UserRecord,
};
use kinesis_aggregation_embedded::{Fault, Kinesis, read_all, wait_until_active};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{ClientError, RecordDistribution, StreamClient};
use serde_json::json;

pub(crate) const STREAM: &str = "orders";
pub(crate) async fn kinesis(shards: i32) -> (Kinesis, SdkStreamClient) {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, shards).await;
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    (kinesis, client)
}

pub(crate) fn records(count: usize) -> Vec<KinesisRecord> {
    (0..count)
        .map(|number| KinesisRecord::new(format!("key {number}"), format!("data {number}")))
        .collect()
}

/// What an error tells, whole.
pub(crate) fn tell(error: &ClientError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    format!("{error} {error:?} {}", source.unwrap_or_default())
}

pub(crate) async fn put_error(client: &SdkStreamClient) -> ClientError {
    client.put_records(records(3)).await.expect_err("an error")
}

#[tokio::test]
async fn records_are_stored_where_the_map_says() {
    let (kinesis, client) = kinesis(4).await;
    let map = ShardMap::new(client.list_shards().await.unwrap()).unwrap();
    assert_eq!(map.open_shards().len(), 4);
    let results = client.put_records(records(100)).await.unwrap();
    assert_eq!(results.len(), 100);
    for (number, result) in results.into_iter().enumerate() {
        let hash_key = HashKey::of_partition_key(&format!("key {number}"));
        assert_eq!(result.unwrap().shard_id(), map.predict(hash_key).id());
    }
    let reading = read_all(&kinesis.client(), STREAM).await;
    assert_eq!(reading.user_records.len(), 100);
    assert_eq!(reading.losses, [""; 0]);
}

#[tokio::test]
async fn an_aggregate_goes_by_its_explicit_hash_key_and_comes_back() {
    let (kinesis, client) = kinesis(2).await;
    let mut aggregator = Aggregator::builder()
        .hash_key_range(HashKeyRange::FULL)
        .build()
        .unwrap();
    for number in 0..10 {
        let record =
            UserRecord::new("key", format!("data {number}")).with_explicit_hash_key(HashKey::MAX);
        assert_eq!(aggregator.push(record).unwrap(), None);
    }
    let aggregate = aggregator.flush().unwrap();
    let results = client.put_records(vec![aggregate]).await.unwrap();
    assert_eq!(
        results[0].as_ref().unwrap().shard_id(),
        "shardId-000000000001"
    );
    let reading = read_all(&kinesis.client(), STREAM).await;
    let data: Vec<_> = reading
        .user_records
        .iter()
        .map(|read| read.data.clone())
        .collect();
    assert_eq!(
        data,
        (0..10).map(|n| format!("data {n}")).collect::<Vec<_>>()
    );
    assert_eq!(reading.losses, [""; 0]);
}

#[tokio::test]
async fn a_split_closes_the_parent() {
    let (kinesis, client) = kinesis(1).await;
    split(&kinesis.client(), "shardId-000000000000", 1 << 127).await;
    let shards = client.list_shards().await.unwrap();
    assert_eq!(shards.len(), 3);
    let parent = Shard::closed("shardId-000000000000", HashKeyRange::FULL);
    let starting = shards[0].starting_sequence_number().expect("it has one");
    assert_eq!(
        shards[0],
        parent.with_starting_sequence_number(starting.clone())
    );
    let map = ShardMap::new(shards).unwrap();
    assert_eq!(map.open_shards().len(), 2);
}

async fn split(client: &Client, shard_id: &str, at: u128) {
    let split = client
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split(shard_id)
        .new_starting_hash_key(at.to_string());
    split.send().await.unwrap();
    wait_until_active(client, STREAM).await;
}

#[tokio::test]
async fn a_description_tells_limit_and_distribution() {
    let (kinesis, client) = kinesis(1).await;
    let description = client.describe().await.unwrap().unwrap();
    assert_eq!(description.distribution(), RecordDistribution::ByKey);
    let created = description.creation_time().expect("a time");
    let age = created.elapsed().expect("in the past");
    assert!(age < std::time::Duration::from_secs(10), "{age:?}");
    kinesis.inject(|_| {
        Fault::Rewrite(Box::new(|mut answer| {
            let summary = &mut answer["StreamDescriptionSummary"];
            summary["RecordDistributionStrategy"] = json!("AUTO");
            summary["MaxRecordSizeInKiB"] = json!(2048);
            answer
        }))
    });
    let description = client.describe().await.unwrap().unwrap();
    assert_eq!(
        description.distribution(),
        RecordDistribution::ServiceManaged
    );
    assert_eq!(description.max_record_size(), Some(2 << 20));
}

#[tokio::test]
async fn who_may_not_describe_is_told_nothing() {
    let (kinesis, client) = kinesis(1).await;
    kinesis.inject(|_| Fault::Error(400, "AccessDeniedException", "no"));
    assert_eq!(client.describe().await.unwrap(), None);
}

#[tokio::test]
async fn by_arn() {
    let kinesis = Kinesis::start().await;
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
    let client = SdkStreamClient::new(kinesis.client(), arn);
    assert_eq!(client.stream_name(), Some("orders"));
    kinesis.inject(move |request| {
        assert_eq!(request.body["StreamARN"], arn);
        assert!(request.body.get("StreamName").is_none());
        Fault::Error(400, "ResourceNotFoundException", "asked by ARN")
    });
    assert!(tell(&put_error(&client).await).contains("asked by ARN"));
    assert!(tell(&client.list_shards().await.unwrap_err()).contains("asked by ARN"));
    assert!(tell(&client.describe().await.unwrap_err()).contains("asked by ARN"));
}

/// Pages of two shards, until a page says no more.
#[tokio::test]
async fn every_page_of_shards_is_asked_for() {
    let (kinesis, client) = kinesis(5).await;
    let all = client.list_shards().await.unwrap();
    let pages: Vec<_> = aws_shards(&kinesis).await;
    let mut next = 0;
    kinesis.inject(move |request| {
        assert_eq!(request.body.get("StreamName").is_some(), next == 0);
        let page: Vec<_> = pages.iter().skip(next).take(2).cloned().collect();
        next += 2;
        let more = next < pages.len();
        let answer = json!({"Shards": page, "NextToken": more.then(|| next.to_string())});
        Fault::Garble(answer.to_string().into_bytes())
    });
    assert_eq!(client.list_shards().await.unwrap(), all);
}

#[tokio::test]
async fn a_server_that_pages_for_ever_is_left() {
    let (kinesis, client) = kinesis(2).await;
    let number: SequenceNumber = "1".parse().unwrap();
    let all = client.list_shards().await.unwrap().into_iter();
    let all: Vec<_> = all
        .map(|shard| shard.with_starting_sequence_number(number.clone()))
        .collect();
    for always_the_same in [true, false] {
        let mut page = 0;
        kinesis.inject(move |request| {
            // Such servers answer a token as if it were the stream.
            let _ = &request.body;
            page += 1;
            let token = if always_the_same { 0 } else { page };
            let shards = [
                (0, "0", "170141183460469231731687303715884105727"),
                (
                    1,
                    "170141183460469231731687303715884105728",
                    "340282366920938463463374607431768211455",
                ),
            ];
            let shards: Vec<_> = shards
                .iter()
                .map(|(id, start, end)| {
                    json!({
                        "ShardId": format!("shardId-{id:012}"),
                        "HashKeyRange": {"StartingHashKey": start, "EndingHashKey": end},
                        "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                    })
                })
                .collect();
            let answer = json!({"Shards": shards, "NextToken": token.to_string()});
            Fault::Garble(answer.to_string().into_bytes())
        });
        assert_eq!(client.list_shards().await.unwrap(), all);
    }
}

async fn aws_shards(kinesis: &Kinesis) -> Vec<serde_json::Value> {
    let shards = kinesis_aggregation::sdk::list_shards(&kinesis.client(), STREAM)
        .await
        .unwrap();
    shards
        .iter()
        .map(|shard| {
            let range = shard.hash_key_range().unwrap();
            json!({
                "ShardId": shard.shard_id(),
                "HashKeyRange": {
                    "StartingHashKey": range.starting_hash_key(),
                    "EndingHashKey": range.ending_hash_key(),
                },
                "SequenceNumberRange": {
                    "StartingSequenceNumber": shard.sequence_number_range().unwrap().starting_sequence_number(),
                },
            })
        })
        .collect()
}

#[tokio::test]
async fn refused_records_of_an_answer_stay_in_their_places() {
    let (kinesis, client) = kinesis(1).await;
    kinesis.inject(|_| Fault::Refuse(vec![0, 3], "ProvisionedThroughputExceededException"));
    let results = client.put_records(records(5)).await.unwrap();
    let refused: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(refused, [true, false, false, true, false]);
    assert!(results[0].as_ref().unwrap_err().is_throttled());
    kinesis.heal();
    assert_eq!(
        read_all(&kinesis.client(), STREAM).await.user_records.len(),
        3
    );
}
