//! Gaps in the other tests: each was found by a mutation of the code that none of them noticed.

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::{
    ClientError, FailureKind, Producer, RecordDistribution, RecordError, StreamDescription,
};

use super::bugs::{Bench, at};

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
    let finished = bench.finished();
    let kinds = finished.iter().map(|(name, outcome)| {
        let error = outcome.as_ref().expect_err("it expired");
        (*name, error.kind())
    });
    assert!(kinds.eq([("waits", &FailureKind::Expired)]));
}

#[test]
fn a_flush_hurries_what_waits_for_a_shard_map() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(10_000)));
    bench.drive(0);
    bench.put(0, "one");
    bench.drive(0);
    bench.pipeline.flush(at(1), 7);
    assert!(bench.pipeline.wake() <= Some(at(1001)));
    assert_eq!(bench.drive(1001).len(), 1);
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
    assert!(bench.pipeline.wake() <= Some(at(150)));
}

/// What went through the lane since it last looked for what has expired is far more than may wait there.
#[test]
fn what_went_leaves_no_room_taken_in_its_lane() {
    const DATA: &str = match str::from_utf8(&[b'x'; 100_000]) {
        Ok(data) => data,
        Err(_) => "",
    };
    let builder = Producer::builder()
        .aggregation_enabled(false)
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
    assert!(!bench.pipeline.is_over());
}

/// Such an aggregate is delivered wherever it lands only to readers without a range.
#[test]
fn an_aggregate_for_a_service_managed_stream_is_built_anew_for_one_that_goes_by_keys() {
    let mut bench = Bench::new(Producer::builder().aggregate_on_service_managed_streams(true));
    bench.drive(0);
    bench.pipeline.listed(at(0), Ok(super::bugs::one_shard()));
    let described = |distribution| Ok(Some(StreamDescription::new(distribution)));
    let service_managed = described(RecordDistribution::ServiceManaged);
    bench.pipeline.described(at(0), service_managed);
    for key in ["a", "b"] {
        let record = UserRecord::new(key, "data");
        let hash_key = record.hash_key();
        bench.pipeline.put(at(0), record, hash_key, key);
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
