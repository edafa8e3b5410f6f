//! User records of many keys, answered by a stream that goes by keys.

use std::time::Duration;

use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{ClientError, Producer, ProducerBuilder, RecordError, Stored};

const HALF: u128 = u128::MAX / 2;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn two_shards() -> Vec<Shard> {
    let range = |start, end| HashKeyRange::new(HashKey::new(start), HashKey::new(end));
    vec![
        Shard::open("1", range(0, HALF).expect("in order")),
        Shard::open("2", range(HALF + 1, u128::MAX).expect("in order")),
    ]
}

fn pipeline(builder: ProducerBuilder) -> Pipeline<u64> {
    let builder = builder.seed(1).record_max_buffered_time(Duration::ZERO);
    let mut pipeline = Pipeline::new(builder.config().expect("settings that can work"));
    pipeline.drive(at(0));
    pipeline.take_actions();
    pipeline
}

/// Puts one, and drives.
fn put(pipeline: &mut Pipeline<u64>, now: Duration, record: UserRecord) -> Vec<Action> {
    let hash_key = record.hash_key();
    pipeline.put(now, record, hash_key, 0);
    pipeline.drive(now);
    pipeline.take_actions()
}

fn stored(record: &KinesisRecord) -> Result<Stored, RecordError> {
    let of_key = || HashKey::of_partition_key(record.partition_key().expect("a key"));
    let hash_key = record.explicit_hash_key().unwrap_or_else(of_key);
    Ok(Stored::new(
        if hash_key.get() <= HALF { "1" } else { "2" },
        "1",
    ))
}

/// Puts one, and stores it where its keys say.
fn put_by_keys(pipeline: &mut Pipeline<u64>, now: Duration, record: UserRecord) {
    for action in put(pipeline, now, record) {
        if let Action::PutRecords { id, records } = action {
            let answer = records.iter().map(stored).collect();
            pipeline.answered(now, id, Ok(answer));
        }
    }
    pipeline.take_finished();
}

#[test]
fn lanes_of_single_hash_keys_do_not_pile_up() {
    for ordered in [false, true] {
        let builder = Producer::builder().ordered(ordered).rate_limit(None);
        let mut pipeline = pipeline(builder);
        pipeline.listed(at(0), Err(ClientError::fatal("AccessDenied")));
        pipeline.described(at(0), Ok(None));
        for n in 0..2000 {
            let record = UserRecord::new(format!("key {n}"), "data");
            put_by_keys(&mut pipeline, at(1 + n), record);
        }
        assert_eq!(pipeline.pending(), 0, "ordered: {ordered}");
        let lanes = pipeline.count_lanes();
        assert!(lanes < 10, "ordered: {ordered}, {lanes} lanes");
    }
}

/// Believed to be service-managed, a stream gets them without their explicit hash keys.
#[test]
fn a_switch_back_is_seen_where_records_have_explicit_hash_keys() {
    let mut pipeline = pipeline(Producer::builder());
    pipeline.listed(at(0), Ok(two_shards()));
    pipeline.described(at(0), Ok(None));
    let elsewhere = UserRecord::new("key", "data").with_explicit_hash_key(HashKey::MIN);
    for action in put(&mut pipeline, at(1), elsewhere) {
        if let Action::PutRecords { id, .. } = action {
            pipeline.answered(at(2), id, Ok(vec![Ok(Stored::new("2", "1"))]));
        }
    }
    // The map is doubted first; a new list says the same.
    assert!(!pipeline.is_service_managed());
    pipeline.listed(at(3), Ok(two_shards()));
    assert!(pipeline.is_service_managed());
    for n in 0..1000 {
        let mut record = UserRecord::new(format!("key {n}"), "data");
        if n % 20 == 19 {
            let other = HashKey::of_partition_key(&format!("other {n}"));
            record = record.with_explicit_hash_key(other);
        }
        put_by_keys(&mut pipeline, at(10 + n), record);
    }
    assert!(!pipeline.is_service_managed());
}
