//! The stream in memory, by itself and under a producer.

use std::time::Duration;

use kinesis_aggregation::{
    Aggregator, HashKey, HashKeyRange, KinesisRecord, Shard, ShardMap, UserRecord,
};
use kinesis_aggregation_producer::test_util::{Fault, MemoryStream, ReshardError};
use kinesis_aggregation_producer::{
    AttemptError, ClientError, ClientErrorKind, Delivery, Producer, RecordDistribution,
    StreamClient,
};

fn records(count: usize) -> Vec<KinesisRecord> {
    let record = |number| KinesisRecord::new(format!("key {number}"), format!("data {number}"));
    (0..count).map(record).collect()
}

/// User records of these hash keys in one Kinesis record; one alone travels raw.
fn aggregate<const N: usize>(hash_keys: [HashKey; N]) -> KinesisRecord {
    let aggregator = Aggregator::builder().mixing_shards().build();
    let mut aggregator = aggregator.expect("settings");
    for hash_key in hash_keys {
        let record = UserRecord::new("key", "data").with_explicit_hash_key(hash_key);
        aggregator.push(record).expect("small");
    }
    aggregator.flush().expect("some")
}

async fn assert_placed(stream: &MemoryStream) {
    let map = ShardMap::new(stream.list_shards().await.expect("a list")).expect("a map");
    let results = stream.put_records(records(100)).await.expect("an answer");
    for (number, result) in results.into_iter().enumerate() {
        let hash_key = HashKey::of_partition_key(&format!("key {number}"));
        assert_eq!(
            result.expect("stored").shard_id(),
            map.predict(hash_key).id()
        );
    }
}

#[tokio::test]
async fn records_are_placed_by_their_keys_through_splits_and_merges() {
    for shards in [1, 2, 3, 7] {
        let stream = MemoryStream::new(shards);
        assert_placed(&stream).await;
        let [lower, upper] = stream.split("shardId-000000000000").expect("wide");
        assert_placed(&stream).await;
        assert_eq!(stream.merge(&upper, &lower).map(|id| id.len()), Ok(20));
        assert_placed(&stream).await;
        assert_eq!(stream.read().len(), 300);
    }
    let stream = MemoryStream::new(1);
    let hash_key = HashKey::new(7);
    let record = aggregate([hash_key]);
    stream.split("shardId-000000000000").expect("wide");
    stream.put_records(vec![record]).await.expect("an answer");
    assert_eq!(stream.stored()[0].shard_id(), "shardId-000000000001");
    let parent = Shard::closed("shardId-000000000000", HashKeyRange::FULL);
    assert_eq!(stream.shards()[0], parent);
}

#[test]
fn what_cannot_be_split_or_merged_is_refused() {
    let stream = MemoryStream::new(3);
    let id = |number| format!("shardId-{number:012}");
    assert_eq!(stream.split("nobody"), Err(ReshardError::NoSuchShard));
    assert_eq!(stream.merge(&id(0), &id(2)), Err(ReshardError::NotAdjacent));
    assert_eq!(stream.merge(&id(0), &id(0)), Err(ReshardError::NotAdjacent));
    let mut narrow = id(0);
    let mut splits = 0;
    while let Ok([lower, _]) = stream.split(&narrow) {
        (narrow, splits) = (lower, splits + 1);
    }
    assert_eq!(stream.split(&narrow), Err(ReshardError::TooNarrow));
    assert!((126..=128).contains(&splits), "{splits}");
}

#[tokio::test]
async fn what_the_service_refuses_is_refused() {
    let stream = MemoryStream::new(1);
    let large = KinesisRecord::new("key", vec![0; 1024 * 1024 - 2]);
    for bad in [
        Vec::new(),
        records(501),
        vec![KinesisRecord::without_partition_key("data")],
        vec![KinesisRecord::new("", "data")],
        vec![KinesisRecord::new("k".repeat(257), "data")],
        vec![large.clone()],
    ] {
        let error = stream.put_records(bad).await.expect_err("refused");
        assert_eq!(error.kind(), ClientErrorKind::Invalid);
    }
    stream.set_max_record_size(2 * 1024 * 1024);
    stream.put_records(vec![large]).await.expect("an answer");
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let keyless = vec![KinesisRecord::without_partition_key("data")];
    stream.put_records(keyless).await.expect("an answer");
    assert_eq!((stream.stored().len(), stream.requests()), (2, 8));
}

async fn put(producer: &Producer, data: &'static str) -> Delivery {
    let record = UserRecord::new("key", data);
    producer.put(record).await.expect("accepted")
}

#[tokio::test(start_paused = true)]
async fn each_fault_happens_to_one_request() {
    let stream = MemoryStream::new(1);
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    for (fault, code, copies) in [
        (Fault::Throttle, "ThrottlingException", 1),
        (
            Fault::ThrottleRecords,
            "ProvisionedThroughputExceededException",
            1,
        ),
        (Fault::LoseRequest, "Timeout", 1),
        (Fault::LoseAnswer, "Timeout", 2),
        (
            Fault::Fail(ClientError::retry("Whatever", false)),
            "Whatever",
            1,
        ),
        (Fault::Delay(Duration::from_secs(60)), "Timeout", 1),
    ] {
        let before = stream.read().len();
        stream.next(fault);
        let delivered = put(&producer, "one").await.await.expect("delivered");
        let errors = delivered.attempts().map(|attempt| attempt.error().cloned());
        let codes: Vec<_> = errors
            .map(|error| error.as_ref().map(AttemptError::code).map(str::to_owned))
            .collect();
        assert_eq!(codes, [Some(code.to_owned()), None]);
        assert_eq!(stream.read().len() - before, copies, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_takes_so_many_records_in_a_second() {
    let stream = MemoryStream::new(1);
    stream.set_shard_limit(Some(3));
    let results = stream.put_records(records(5)).await.expect("an answer");
    let taken: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, true, true, false, false]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let results = stream.put_records(records(1)).await.expect("an answer");
    assert!(results[0].is_ok());
}

#[tokio::test]
async fn a_stream_made_again_starts_its_shards_anew_and_not_its_sequence_numbers() {
    let stream = MemoryStream::new(4);
    let created = || async {
        let description = stream.describe().await.expect("there").expect("permitted");
        description.creation_time().expect("known")
    };
    let before = created().await;
    let first = stream.put_records(records(1)).await.expect("an answer");
    stream.delete();
    let error = stream.put_records(records(1)).await.expect_err("no stream");
    assert_eq!(error.kind(), ClientErrorKind::NoStream);
    assert!(stream.list_shards().await.is_err() && stream.describe().await.is_err());
    stream.create_again(1);
    assert!(created().await > before);
    assert!(stream.stored().is_empty());
    let id = "shardId-000000000000";
    assert_eq!(stream.shards(), [Shard::open(id, HashKeyRange::FULL)]);
    let second = stream.put_records(records(1)).await.expect("an answer");
    let number = |results: &[Result<kinesis_aggregation_producer::Stored, _>]| -> u128 {
        let Ok(stored) = &results[0] else {
            panic!("not stored")
        };
        stored.sequence_number().parse().expect("a number")
    };
    assert!(number(&second) > number(&first));
}

/// An aggregate that lands where the KCL drops it is not read.
#[tokio::test]
async fn what_a_kcl_drops_is_not_read() {
    let stream = MemoryStream::new(2);
    let aggregate = aggregate([HashKey::MIN, HashKey::MAX]);
    stream
        .put_records(vec![aggregate])
        .await
        .expect("an answer");
    assert_eq!((stream.stored().len(), stream.read().len()), (1, 0));
    stream.set_distribution(RecordDistribution::ServiceManaged);
    assert_eq!(stream.read().len(), 2);
}
