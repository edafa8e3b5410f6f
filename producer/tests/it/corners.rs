//! Gaps in the other tests: each was found by a mutation of the code that none of them noticed.

use kinesis_aggregation::{KinesisRecord, UserRecord};
use kinesis_aggregation_producer::{
    ClientError, FailureKind, Producer, RecordDistribution, RecordError, StreamDescription,
};

use super::bugs::{Bench, at, one_shard, two_shards};

pub(super) fn put_key(bench: &mut Bench, now: u64, key: &'static str, name: &'static str) {
    let record = UserRecord::new(key, name);
    let hash_key = record.hash_key();
    bench.pipeline.put(at(now), record, hash_key, name);
}

/// Who was resolved: each has expired.
fn expired(bench: &mut Bench) -> Vec<&'static str> {
    let finished = bench.finished().into_iter();
    let names = finished.map(|(name, outcome)| {
        let error = outcome.expect_err("it expired");
        assert_eq!(*error.kind(), FailureKind::Expired);
        name
    });
    names.collect()
}

/// Moved to a lane that was looked at just before, it would stay until that lane's next look.
#[test]
fn what_has_expired_is_resolved_before_it_moves_to_another_lane() {
    for released in [false, true] {
        let mut bench = Bench::new(Producer::builder());
        bench.pipeline.limit_connections(0);
        bench.put(0, "one");
        bench.drive(0);
        if released {
            // It waits for a shard map no longer, but for a connection.
            bench.drive(100);
        }
        bench.pipeline.listed(at(30_000), Ok(one_shard()));
        assert_eq!(expired(&mut bench), ["one"], "released: {released}");
    }
}

/// There, too, it would stay until the next look: as many bytes are under way as may be.
#[test]
fn what_has_expired_is_resolved_before_it_moves_into_the_next_request() {
    let builder = Producer::builder()
        .aggregation_enabled(false)
        .rate_limit(None)
        .record_max_buffered_time(at(0));
    let mut bench = Bench::new(builder);
    bench.pipeline.listed(at(0), Ok(one_shard()));
    // Quick answers, so that more requests may be under way.
    for _ in 0..22 {
        bench.put(0, "quick");
        let [(id, _)] = bench.drive(0)[..] else {
            panic!("one request")
        };
        bench.stored(0, id, "0");
    }
    for _ in 0..16 {
        put_of(&mut bench, 0, 1 << 20, "under way");
        assert_eq!(bench.drive(0).len(), 1);
    }
    bench.pipeline.limit_connections(16);
    bench.put(100, "first");
    bench.put(101, "second");
    put_of(&mut bench, 102, 2 << 20, "large");
    bench.drive(102);
    bench.finished();
    // The lane looks for what has expired, and then those that look for what waits elsewhere.
    bench.drive(30_100);
    bench.drive(30_102);
    assert_eq!(expired(&mut bench), ["first", "large"]);
    bench.pipeline.limit_connections(24);
    for now in [30_103, 30_111] {
        assert!(bench.drive(now).is_empty());
    }
    assert_eq!(expired(&mut bench), ["second"]);
}

/// While all connections are busy, nothing looks at the next request to send it.
#[test]
fn what_waits_in_the_next_request_expires() {
    let builder = Producer::builder()
        .aggregation_enabled(false)
        .record_max_buffered_time(at(100));
    let mut bench = Bench::ready(builder);
    bench.put(0, "under way");
    bench.drive(0);
    assert_eq!(bench.drive(100).len(), 1);
    bench.put(101, "waits");
    assert!(bench.drive(101).is_empty());
    bench.pipeline.limit_connections(1);
    assert!(bench.drive(30_000).is_empty() && bench.finished().is_empty());
    bench.drive(30_101);
    assert_eq!(expired(&mut bench), ["waits"]);
}

/// Each half of a request that was refused as a whole waits for a connection.
#[test]
fn what_waits_in_a_part_of_a_refused_request_expires() {
    let builder = Producer::builder()
        .aggregation_enabled(false)
        .record_max_buffered_time(at(0));
    let mut bench = Bench::ready(builder);
    bench.put(0, "one");
    bench.put(0, "two");
    let [(refused, _)] = bench.drive(0)[..] else {
        panic!("one request")
    };
    bench.pipeline.limit_connections(1);
    let invalid = Err(ClientError::invalid("ValidationException"));
    bench.pipeline.answered(at(10), refused, invalid);
    assert_eq!(bench.drive(10).len(), 1);
    bench.drive(29_999);
    assert!(bench.finished().is_empty());
    assert!(bench.pipeline.wake().is_some_and(|wake| wake <= at(30_000)));
    bench.drive(30_000);
    assert_eq!(expired(&mut bench), ["two"]);
}

#[test]
fn a_flush_hurries_what_waits_for_a_shard_map() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(10_000)));
    bench.drive(0);
    bench.put(0, "one");
    bench.drive(0);
    bench.pipeline.flush(at(1), 7);
    assert!(bench.pipeline.wake().is_some_and(|wake| wake <= at(1001)));
    assert_eq!(bench.drive(1001).len(), 1);
}

#[test]
fn what_a_flush_hurried_waits_for_no_company_once_there_is_a_shard_map() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(10_000)));
    bench.drive(0);
    // `b` is in the upper half, `a` in the lower one.
    put_key(&mut bench, 0, "b", "one");
    put_key(&mut bench, 0, "a", "two");
    bench.pipeline.flush(at(1), 7);
    put_key(&mut bench, 2, "a", "three");
    bench.pipeline.listed(at(10), Ok(two_shards()));
    let requests = bench.drive(10);
    let counts = requests[0].1.iter().map(KinesisRecord::user_record_count);
    assert_eq!(counts.collect::<Vec<_>>(), [Some(2), Some(1)]);
}

/// Nothing else happens meanwhile that would wake the producer.
#[test]
fn a_list_that_failed_is_asked_for_again_without_any_other_event() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(10_000)));
    bench.put(0, "one");
    bench.drive(0);
    bench.pipeline.described(at(1), Ok(None));
    bench
        .pipeline
        .listed(at(1), Err(ClientError::retry("Timeout", false)));
    bench.drive(1);
    assert!(bench.pipeline.wake().is_some_and(|wake| wake <= at(150)));
}

/// What went through the lane since it last looked for what has expired is far more than may wait there.
#[test]
fn what_went_leaves_no_room_taken_in_its_lane() {
    const DATA: &str = match str::from_utf8(&[b'x'; 40_000]) {
        Ok(data) => data,
        Err(_) => "",
    };
    for aggregates in [false, true] {
        let builder = Producer::builder()
            .aggregation_enabled(aggregates)
            .record_max_buffered_time(at(0));
        let mut bench = Bench::ready(builder);
        for step in 0..290 {
            let now = step * 200;
            bench.put(now, DATA);
            let [(id, _)] = bench.drive(now)[..] else {
                panic!("one request")
            };
            bench.stored(now + 10, id, "0");
        }
        bench.put(58_000, "throttled");
        let [(id, _)] = bench.drive(58_000)[..] else {
            panic!("one request")
        };
        let throttled = Err(RecordError::new(RecordError::THROTTLED, ""));
        bench.pipeline.answered(at(58_010), id, Ok(vec![throttled]));
        bench.drive(58_010);
        assert!(!bench.pipeline.is_over(), "{aggregates}");
    }
}

/// Such an aggregate is delivered wherever it lands only to readers without a range.
#[test]
fn an_aggregate_for_a_service_managed_stream_is_built_anew_for_one_that_goes_by_keys() {
    let mut bench = Bench::new(Producer::builder().aggregate_on_service_managed_streams(true));
    bench.drive(0);
    bench.pipeline.listed(at(0), Ok(one_shard()));
    let described = |distribution| Ok(Some(StreamDescription::new(distribution)));
    let service_managed = described(RecordDistribution::ServiceManaged);
    bench.pipeline.described(at(0), service_managed);
    for key in ["a", "b"] {
        put_key(&mut bench, 0, key, key);
    }
    bench.drive(0);
    let [(id, ref records)] = bench.drive(100)[..] else {
        panic!("one request")
    };
    assert_eq!(records[0].user_record_count(), Some(2));
    let lost = Err(ClientError::retry("InternalFailure", false));
    bench.pipeline.answered(at(110), id, lost);
    bench
        .pipeline
        .described(at(120), described(RecordDistribution::ByKey));
    let requests = [bench.drive(120), bench.drive(1000)].concat();
    assert_eq!(requests.len(), 1);
    // In a shard of which nobody knows the range.
    bench.stored(1010, requests[0].0, "9");
    assert!(bench.finished().is_empty());
}

fn put_of(bench: &mut Bench, now: u64, size: usize, name: &'static str) {
    let record = UserRecord::new("key", vec![b'x'; size - "key".len()]);
    let hash_key = record.hash_key();
    bench.pipeline.put(at(now), record, hash_key, name);
}

/// It waits to learn how much the stream takes, and nothing but its time to live ends that.
#[test]
fn a_large_record_expires_although_the_stream_is_never_described() {
    let mut bench = Bench::new(Producer::builder());
    bench.drive(0);
    put_of(&mut bench, 0, 3 << 20, "first");
    put_of(&mut bench, 10_000, 3 << 20, "second");
    let failed = ClientError::retry("Timeout", false);
    bench.pipeline.described(at(10_000), Err(failed));
    for (expires, name) in [(30_000, "first"), (40_000, "second")] {
        bench.drive(expires - 1);
        assert!(bench.finished().is_empty());
        assert!(
            bench
                .pipeline
                .wake()
                .is_some_and(|wake| wake <= at(expires))
        );
        bench.drive(expires);
        assert_eq!(expired(&mut bench), [name]);
    }
    assert_eq!(bench.pipeline.pending(), 0);
}

#[test]
fn a_record_of_just_the_most_that_the_stream_takes_is_sent() {
    const MOST: usize = 2 << 20;
    let by_key = StreamDescription::new(RecordDistribution::ByKey);
    let mut bench = Bench::ready(Producer::builder().record_max_buffered_time(at(0)));
    let described = Ok(Some(by_key.with_max_record_size(MOST)));
    bench.pipeline.described(at(0), described);
    assert_eq!(bench.pipeline.max_record_size(), MOST);
    put_of(&mut bench, 0, MOST, "fits");
    assert_eq!(bench.drive(0).len(), 1);
    put_of(&mut bench, 10, MOST + 1, "does not");
    assert!(bench.drive(10).is_empty());
    let (name, outcome) = &bench.finished()[0];
    let error = outcome.as_ref().expect_err("too large");
    let (size, max) = (MOST + 1, MOST);
    assert_eq!(
        (*name, error.kind()),
        ("does not", &FailureKind::TooLarge { size, max })
    );
}

/// A stream that says that it picks the shards itself, and wants keys all the same.
#[test]
fn a_record_is_refused_for_want_of_a_key_only_once() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(0)));
    let service_managed = StreamDescription::new(RecordDistribution::ServiceManaged);
    let record = UserRecord::without_partition_key("data");
    bench.pipeline.put(at(0), record, None, "one");
    for now in [0, 1000] {
        bench.pipeline.described(at(now), Ok(Some(service_managed)));
        assert!(bench.finished().is_empty());
        let [(id, ref records)] = bench.drive(now)[..] else {
            panic!("one request")
        };
        assert_eq!(records[0].partition_key(), None);
        let invalid = Err(ClientError::invalid("ValidationException"));
        bench.pipeline.answered(at(now + 10), id, invalid);
    }
    let finished = bench.finished();
    let error = finished[0].1.as_ref().expect_err("nothing can mend it");
    assert!(matches!(error.kind(), FailureKind::Request { .. }));
}

/// Readers that take no range have what landed, wherever that was.
#[test]
fn an_aggregate_for_a_stream_that_goes_by_keys_is_built_anew_for_a_service_managed_one() {
    let mut bench = Bench::new(Producer::builder().aggregate_on_service_managed_streams(true));
    bench.drive(0);
    bench.pipeline.listed(at(0), Ok(one_shard()));
    let described = |distribution| Ok(Some(StreamDescription::new(distribution)));
    bench
        .pipeline
        .described(at(0), described(RecordDistribution::ByKey));
    for key in ["a", "b"] {
        put_key(&mut bench, 0, key, key);
    }
    bench.drive(0);
    let [(id, _)] = bench.drive(100)[..] else {
        panic!("one request")
    };
    let service_managed = described(RecordDistribution::ServiceManaged);
    bench.pipeline.described(at(105), service_managed);
    let lost = Err(ClientError::retry("InternalFailure", false));
    bench.pipeline.answered(at(110), id, lost);
    let requests = [bench.drive(110), bench.drive(1000)].concat();
    let [(id, _)] = requests[..] else {
        panic!("one request")
    };
    bench.stored(1010, id, "9");
    assert_eq!(bench.finished().len(), 2);
}
