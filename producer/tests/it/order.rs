//! What keeps its order, and what does not have to wait for it.

use kinesis_aggregation::{UserRecord, deaggregate};
use kinesis_aggregation_producer::{
    ClientError, FailureKind, Producer, RecordDistribution, RecordError, Stored, StreamDescription,
};

use super::bugs::{Bench, at, two_shards};
use super::corners::put_key;

/// A shard that answers late, or not at all, does not hold up the others.
#[test]
fn each_shard_has_its_own_record_under_way() {
    let mut bench = Bench::new(
        Producer::builder()
            .ordered(true)
            .record_max_buffered_time(at(0)),
    );
    bench.pipeline.listed(at(0), Ok(two_shards()));
    bench.pipeline.described(at(0), Ok(None));
    // `a` is in the lower half, `b` in the upper one.
    for (now, key) in [(0, "a"), (1, "b"), (2, "a")] {
        put_key(&mut bench, now, key, "data");
        let sent = bench.drive(now).len();
        assert_eq!(sent, usize::from(now < 2), "at {now} ms");
    }
}

/// While the map is in doubt, what is put goes from lanes of single hash keys.
#[test]
fn what_was_put_before_the_map_is_in_doubt_stays_before_what_is_put_later() {
    for fails in [true, false] {
        let builder = Producer::builder().ordered(true);
        let mut bench = Bench::new(builder.record_max_buffered_time(at(0)));
        bench.pipeline.listed(at(0), Ok(two_shards()));
        bench.pipeline.described(at(0), Ok(None));
        // `a` is in the lower half, `b` in the upper one.
        let mut requests = Vec::new();
        for (key, name) in [("b", "other"), ("a", "first"), ("a", "second")] {
            put_key(&mut bench, 0, key, name);
            requests.extend(bench.drive(0));
        }
        let [(other, _), (first, _)] = requests[..] else {
            panic!("two requests: the second of `a` waits for the first")
        };
        // The upper half has split; it is all in doubt where order is wanted.
        bench.stored(10, other, "3");
        bench.drive(10);
        if fails {
            bench.pipeline.answered(at(20), first, failed());
        } else {
            bench.stored(20, first, "1");
        }
        put_key(&mut bench, 20, "a", "third");
        let expected = ["first", "second", "third"];
        assert_eq!(sent(&mut bench), expected[usize::from(!fails)..]);
    }
}

#[test]
fn what_was_put_before_the_map_is_gone_stays_before_what_is_put_later() {
    let denied = ClientError::fatal("AccessDeniedException");
    let gone = ClientError::no_stream("ResourceNotFoundException");
    for error in [denied, gone] {
        let builder = Producer::builder().ordered(true);
        let mut bench = Bench::new(builder.record_max_buffered_time(at(0)));
        bench.pipeline.listed(at(0), Ok(two_shards()));
        bench.pipeline.described(at(0), Ok(None));
        put_key(&mut bench, 0, "a", "first");
        let [(first, _)] = bench.drive(0)[..] else {
            panic!("one request")
        };
        for name in ["second", "third"] {
            put_key(&mut bench, 0, "a", name);
            assert!(bench.drive(0).is_empty());
        }
        bench.pipeline.listed(at(1), Err(error));
        put_key(&mut bench, 1, "a", "fourth");
        bench.drive(1);
        bench.pipeline.answered(at(10), first, failed());
        let expected = ["first", "second", "third", "fourth"];
        assert_eq!(sent(&mut bench), expected);
    }
}

#[test]
fn what_was_put_without_a_shard_map_stays_before_what_is_put_with_one() {
    let builder = Producer::builder().ordered(true);
    let mut bench = Bench::new(builder.record_max_buffered_time(at(0)));
    bench.pipeline.listed(at(0), Ok(two_shards()));
    bench.pipeline.described(at(0), Ok(None));
    let denied = ClientError::fatal("AccessDeniedException");
    bench.pipeline.listed(at(1), Err(denied));
    put_key(&mut bench, 1, "a", "first");
    let [(first, _)] = bench.drive(1)[..] else {
        panic!("one request")
    };
    for name in ["second", "third"] {
        put_key(&mut bench, 1, "a", name);
        assert!(bench.drive(1).is_empty());
    }
    bench.pipeline.listed(at(2), Ok(two_shards()));
    put_key(&mut bench, 2, "a", "fourth");
    bench.drive(2);
    bench.pipeline.answered(at(10), first, failed());
    let expected = ["first", "second", "third", "fourth"];
    assert_eq!(sent(&mut bench), expected);
}

/// In a Kinesis record of its own or in the same, which is seen to have expired in its lane or on its way into
/// the request: in that moment, the later one may go.
#[test]
fn what_comes_after_an_expired_one_fails_before_it_goes() {
    for (count, is_looked_at) in [(1, false), (2, false), (1, true), (2, true)] {
        let builder = Producer::builder()
            .ordered(true)
            .fail_later_in_order(true)
            .record_max_buffered_time(at(0))
            .aggregation_max_count(count);
        let mut bench = Bench::ready(builder);
        bench.pipeline.limit_connections(0);
        for _ in 0..count {
            put_key(&mut bench, 0, "other", "other");
        }
        put_key(&mut bench, 1, "key", "expires");
        put_key(&mut bench, 2, "key", "later");
        bench.drive(2);
        if is_looked_at {
            // The lane does not look again within ten milliseconds.
            bench.drive(30_000);
        }
        bench.pipeline.limit_connections(24);
        assert!(bench.drive(30_001).is_empty(), "{count}, {is_looked_at}");
        let kinds = bench.finished().into_iter().map(|(name, outcome)| {
            let error = outcome.expect_err("it is not sent");
            (name, error.kind().clone())
        });
        let kinds: Vec<_> = kinds.collect();
        let last = [
            ("expires", FailureKind::Expired),
            ("later", FailureKind::EarlierFailed),
        ];
        assert_eq!(kinds[count..], last, "{count}, {is_looked_at}");
    }
}

/// The same for what waits in the next request, or in a part of one that was refused.
#[test]
fn what_comes_after_an_expired_one_in_a_request_fails_before_it_goes() {
    let builder = Producer::builder()
        .ordered(true)
        .fail_later_in_order(true)
        .record_max_buffered_time(at(0))
        .aggregation_max_count(2);
    let mut bench = Bench::new(builder);
    bench.pipeline.listed(at(0), Ok(two_shards()));
    bench.pipeline.described(at(0), Ok(None));
    // `a` is in the lower half, `b` in the upper one.
    for (now, key, name) in [(0, "b", "b"), (1, "a", "expires"), (2, "a", "later")] {
        put_key(&mut bench, now, key, name);
    }
    let [(refused, ref records)] = bench.drive(2)[..] else {
        panic!("one request")
    };
    assert_eq!(records.len(), 2);
    let invalid = Err(ClientError::invalid("ValidationException"));
    bench.pipeline.answered(at(10), refused, invalid);
    bench.pipeline.limit_connections(0);
    assert!(bench.drive(30_000).is_empty());
    bench.pipeline.limit_connections(24);
    assert!(bench.drive(30_001).is_empty());
    let names: Vec<_> = bench.finished().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "expires", "later"]);
}

/// A record that is larger than streams take by default waits to learn what this one takes.
fn waits_for_the_size(aggregates: bool) -> Bench {
    let builder = Producer::builder()
        .ordered(true)
        .aggregation_enabled(aggregates)
        .record_max_buffered_time(at(0));
    let mut bench = Bench::new(builder);
    bench.pipeline.listed(at(0), Ok(two_shards()));
    let failed = ClientError::retry("Timeout", false);
    bench.pipeline.described(at(0), Err(failed));
    let large = UserRecord::new("a", vec![b'x'; 2 << 20]);
    let hash_key = large.hash_key();
    bench.pipeline.put(at(0), large, hash_key, "large");
    put_key(&mut bench, 20, "a", "later");
    assert!(bench.drive(20).is_empty(), "{aggregates}");
    bench
}

#[test]
fn what_waits_for_the_size_that_the_stream_takes_is_not_overtaken() {
    for aggregates in [false, true] {
        let mut bench = waits_for_the_size(aggregates);
        put_key(&mut bench, 20, "b", "other");
        let [(other, _)] = bench.drive(20)[..] else {
            panic!("one request: another key does not wait")
        };
        bench.stored(20, other, "2");
        let description = StreamDescription::new(RecordDistribution::ByKey);
        let description = description.with_max_record_size(3 << 20);
        bench.pipeline.described(at(20), Ok(Some(description)));
        let lens: Vec<_> = sent(&mut bench).iter().map(String::len).collect();
        assert_eq!(lens, [2 << 20, "later".len()], "{aggregates}");
    }
}

#[test]
fn what_stays_after_one_that_waits_for_the_size_goes_when_that_has_expired() {
    let mut bench = waits_for_the_size(true);
    assert_eq!(bench.drive(30_000).len(), 1);
    let names: Vec<_> = bench.finished().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["large"]);
}

/// It is sent again after a pause, and nothing may overtake it.
fn failed() -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
    Ok(vec![Err(RecordError::new("InternalFailure", ""))])
}

/// The data of the user records that are sent from 20 ms on; all are stored in shard 1.
fn sent(bench: &mut Bench) -> Vec<String> {
    let mut sent = Vec::new();
    for now in (20..3000).step_by(10) {
        for (id, records) in bench.drive(now) {
            for record in &records {
                let read = deaggregate(record.partition_key(), record.data());
                let data = read.user_records().flatten();
                sent.extend(data.map(|one| String::from_utf8_lossy(one.data()).into_owned()));
            }
            bench.stored(now, id, "1");
        }
    }
    sent
}
