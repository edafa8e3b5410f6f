//! User records of many keys, answered by a stream that goes by keys.

use std::time::Duration;

use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{
    ClientError, Producer, ProducerBuilder, RecordDistribution, RecordError, Stored,
    StreamDescription,
};

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

#[test]
fn lanes_of_shards_that_are_closed_do_not_pile_up() {
    for ordered in [false, true] {
        let builder = Producer::builder().ordered(ordered);
        let mut pipeline = pipeline(builder);
        pipeline.described(at(0), Ok(None));
        // Each map has other halves.
        for n in 0..100 {
            let range = |start, end| HashKeyRange::new(HashKey::new(start), HashKey::new(end));
            let shards = vec![
                Shard::open(format!("{n} lower"), range(0, HALF + n).expect("in order")),
                Shard::open(
                    format!("{n} upper"),
                    range(HALF + n + 1, u128::MAX).expect("in order"),
                ),
            ];
            pipeline.listed(at(n as u64), Ok(shards));
            for hash_key in [HashKey::MIN, HashKey::MAX] {
                let record = UserRecord::new("key", "data").with_explicit_hash_key(hash_key);
                for action in put(&mut pipeline, at(n as u64), record) {
                    if let Action::PutRecords { id, .. } = action {
                        let half = if hash_key == HashKey::MIN {
                            "lower"
                        } else {
                            "upper"
                        };
                        let stored = Stored::new(format!("{n} {half}"), "1");
                        pipeline.answered(at(n as u64), id, Ok(vec![Ok(stored)]));
                    }
                }
            }
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

fn put_two_without_keys(pipeline: &mut Pipeline<u64>, now: Duration) -> u64 {
    for number in 0..2 {
        let record = UserRecord::without_partition_key(format!("{number}"));
        pipeline.put(now, record, None, number);
    }
    pipeline.drive(now);
    let requests = pipeline.take_actions().into_iter();
    let mut requests = requests.filter_map(|action| match action {
        Action::PutRecords { id, records } => Some((id, records)),
        _ => None,
    });
    let (id, records) = requests.next().expect("a request");
    let counts: Vec<_> = records
        .iter()
        .map(KinesisRecord::user_record_count)
        .collect();
    assert_eq!(counts, [Some(2)], "they share an aggregate");
    id
}

/// All user records of such an aggregate hash alike, so it needs no shard map: where the stream goes
/// by keys, it lands where all of them belong.
#[test]
fn aggregates_without_keys_are_delivered_where_listing_the_shards_is_not_permitted() {
    for lists_before in [true, false] {
        let mut pipeline = pipeline(Producer::builder());
        let denied = || Err(ClientError::fatal("AccessDeniedException"));
        pipeline.described(at(0), Ok(None));
        if lists_before {
            pipeline.listed(at(0), denied());
        }
        let id = put_two_without_keys(&mut pipeline, at(10));
        let answer = Ok(vec![Ok(Stored::new("shardId-000000000007", "1"))]);
        pipeline.answered(at(20), id, answer);
        if !lists_before {
            assert!(pipeline.take_finished().is_empty(), "a list may tell");
            pipeline.listed(at(30), denied());
        }
        let finished = pipeline.take_finished();
        let delivered = finished.iter().filter(|(_, outcome)| outcome.is_ok());
        assert_eq!(delivered.count(), 2, "{lists_before}");
    }
}

/// A stream that picks the shards itself may have put it anywhere.
#[test]
fn aggregates_without_keys_are_not_delivered_unseen_on_a_service_managed_stream() {
    let service_managed = StreamDescription::new(RecordDistribution::ServiceManaged);
    let mut pipeline = pipeline(Producer::builder());
    pipeline.described(at(0), Ok(None));
    let id = put_two_without_keys(&mut pipeline, at(10));
    pipeline.described(at(15), Ok(Some(service_managed)));
    let answer = Ok(vec![Ok(Stored::new("shardId-000000000007", "1"))]);
    pipeline.answered(at(20), id, answer);
    pipeline.listed(at(30), Err(ClientError::fatal("AccessDeniedException")));
    // Nor sent again: a KCL may have it, and a list may tell yet.
    assert_eq!(requests(&mut pipeline, at(1000)), []);
    assert!(pipeline.take_finished().is_empty());
}

fn stored_in(shard_id: &str) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
    Ok(vec![Ok(Stored::new(shard_id, "1"))])
}

/// The hash keys of both are in the lower half.
fn put_two_of_one_shard(pipeline: &mut Pipeline<u64>, now: Duration) {
    for number in 0..2 {
        let hash_key = HashKey::new(number.into());
        let record = UserRecord::new("key", "data").with_explicit_hash_key(hash_key);
        pipeline.put(now, record, Some(hash_key), number);
    }
}

/// The requests that start, with the user records of each Kinesis record.
fn requests(pipeline: &mut Pipeline<u64>, now: Duration) -> Vec<(u64, Vec<usize>)> {
    pipeline.drive(now);
    let count = |record: &KinesisRecord| record.user_record_count().unwrap_or(1);
    let requests = pipeline.take_actions().into_iter();
    let requests = requests.filter_map(|action| match action {
        Action::PutRecords { id, records } => Some((id, records.iter().map(count).collect())),
        _ => None,
    });
    requests.collect()
}

/// After a silence, a list that is asked for later has to confirm the map. Only what was under way by
/// the old one waits for that: the next ones go as if there had never been a map.
#[test]
fn where_listing_is_not_permitted_any_more_no_more_is_sent_that_only_a_list_can_judge() {
    for comes_back in [true, false] {
        let mut pipeline = pipeline(Producer::builder());
        let by_key = StreamDescription::new(RecordDistribution::ByKey);
        pipeline.described(at(0), Ok(Some(by_key)));
        pipeline.listed(at(0), Ok(two_shards()));
        put_two_of_one_shard(&mut pipeline, at(60_000));
        assert_eq!(requests(&mut pipeline, at(60_000)), [(0, vec![2])]);
        pipeline.answered(at(60_010), 0, stored_in("1"));
        assert_eq!(requests(&mut pipeline, at(60_010)), []);
        // They share an aggregate as long as it is open.
        put_two_of_one_shard(&mut pipeline, at(60_015));
        let denied = || Err(ClientError::fatal("AccessDeniedException"));
        pipeline.listed(at(60_020), denied());
        // What does not tell changes nothing.
        pipeline.listed(at(60_030), Err(ClientError::throttled("LimitExceeded")));
        assert!(pipeline.take_finished().is_empty(), "a list may come");
        put_two_of_one_shard(&mut pipeline, at(60_040));
        let alone = vec![1; 4];
        assert_eq!(requests(&mut pipeline, at(60_040)), [(1, alone)]);
        let answer = [(); 4].into_iter().flat_map(|()| stored_in("1")).flatten();
        pipeline.answered(at(60_050), 1, Ok(answer.collect()));
        let delivered = pipeline.take_finished();
        assert!(delivered.len() == 4 && delivered.iter().all(|(_, outcome)| outcome.is_ok()));
        if comes_back {
            pipeline.listed(at(60_060), Ok(two_shards()));
        } else {
            pipeline.drive(at(90_000));
        }
        let finished = pipeline.take_finished();
        assert_eq!(finished.len(), 2);
        for (_, outcome) in finished {
            match outcome {
                Ok(_) => assert!(comes_back),
                Err(error) => assert!(!comes_back && error.is_maybe_stored(), "{error:?}"),
            }
        }
        put_two_of_one_shard(&mut pipeline, at(90_010));
        let expected = if comes_back { vec![2] } else { vec![1, 1] };
        assert_eq!(requests(&mut pipeline, at(90_010)), [(2, expected)]);
    }
}
