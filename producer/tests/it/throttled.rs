//! What throttling does to what comes after it.

use std::collections::VecDeque;

use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard, UserRecord};
use kinesis_aggregation_producer::{ClientError, Producer, ProducerBuilder, RecordError, Stored};

use super::bugs::{Bench, at, two_shards};
use super::corners::put_key;
use super::lives::managed_by_landings;

fn throttled() -> RecordError {
    RecordError::new(RecordError::THROTTLED, "slow down")
}

/// Nothing starts right after the time `now`, though "later" was put; something does within a
/// tenth of a second.
fn pauses(bench: &mut Bench, now: u64) {
    bench.put(now, "later");
    assert!(bench.drive(now).is_empty(), "it pauses");
    assert!(bench.pipeline.is_paused());
    let wake = bench.pipeline.wake().expect("it wakes for that");
    assert!(wake > at(now + 30) && wake < at(now + 100), "{wake:?}");
    let requests = bench.drive(now + 100);
    assert!(!requests.is_empty());
}

#[test]
fn a_throttled_stream_pauses_as_a_whole() {
    let mut bench = Bench::ready(Producer::builder().record_max_buffered_time(at(0)));
    bench.put(0, "one");
    let (id, _) = bench.drive(0)[0];
    let error = ClientError::throttled("ThrottlingException");
    bench.pipeline.answered(at(10), id, Err(error));
    pauses(&mut bench, 10);
}

/// No limiter slows what goes there.
#[test]
fn a_throttled_service_managed_stream_pauses() {
    let mut bench = managed_by_landings(Producer::builder());
    bench.put(100, "one");
    let (id, _) = bench.drive(100)[0];
    let answer = Ok(vec![Err(throttled())]);
    bench.pipeline.answered(at(110), id, answer);
    pauses(&mut bench, 110);
}

#[test]
fn what_is_sent_again_and_what_is_new_take_turns() {
    // Ten records a second.
    let builder = Producer::builder()
        .record_max_buffered_time(at(0))
        .aggregation_enabled(false)
        .rate_limit(Some(1));
    let mut bench = Bench::ready(builder);
    for _ in 0..10 {
        bench.put(0, "old");
    }
    let (mut old, mut new) = (0, 0);
    let mut now = 0;
    while now < 3000 {
        for (id, records) in bench.drive(now) {
            let is_new = |data: &[u8]| data == b"new";
            let count = records.iter().filter(|one| is_new(one.data())).count();
            new += count;
            old += records.len() - count;
            let results = records.iter().map(|_| Err(throttled())).collect();
            bench.pipeline.answered(at(now), id, Ok(results));
        }
        if now == 0 {
            // From now on there is always something to send again.
            (old, new) = (0, 0);
            for _ in 0..40 {
                bench.put(1, "new");
            }
        }
        now += 10;
    }
    assert!(old >= 5 && new >= 5, "{old} sent again, {new} new");
}

/// Puts 8 MiB as fast as it may, and delivers them to a shard that takes a MiB in each second and
/// throttles the rest. Returns how many milliseconds that took. A producer that closes hurries
/// before each step.
fn deliver_to_a_busy_shard(builder: ProducerBuilder, closes: bool) -> u64 {
    const RECORDS: usize = 8192;
    const MIB: usize = 1024 * 1024;
    let mut bench = Bench::ready(builder);
    let (mut put, mut delivered) = (0, 0);
    let (mut second, mut taken) = (0, 0);
    let mut under_way = VecDeque::new();
    for now in 0..30_000 {
        while put < RECORDS && !bench.pipeline.is_over() {
            let record = UserRecord::new("key", vec![b'x'; 1024]);
            let hash_key = record.hash_key();
            bench.pipeline.put(at(now), record, hash_key, "");
            put += 1;
        }
        if closes && put == RECORDS {
            bench.pipeline.hurry(at(now));
        }
        for (id, records) in bench.drive(now) {
            under_way.push_back((now + 20, id, records));
        }
        while under_way.front().is_some_and(|(due, ..)| *due <= now)
            && let Some((_, id, records)) = under_way.pop_front()
        {
            if now >= second + 1000 {
                (second, taken) = (now, 0);
            }
            let answer = |record: &KinesisRecord| {
                let size = record.data().len();
                if taken + size > MIB {
                    return Err(throttled());
                }
                taken += size;
                Ok(Stored::new("0", "1"))
            };
            let answers = records.iter().map(answer).collect();
            bench.pipeline.answered(at(now), id, Ok(answers));
        }
        for (_, outcome) in bench.finished() {
            outcome.expect("delivered");
            delivered += 1;
        }
        if delivered == RECORDS {
            return now;
        }
    }
    panic!("{delivered} of {RECORDS} were delivered");
}

/// The shard alone needs 8 s. Where order is wanted, all wait for the one that pauses.
#[test]
fn a_busy_shard_delays_what_is_put_and_expires_none() {
    for ordered in [false, true] {
        let took = deliver_to_a_busy_shard(Producer::builder().ordered(ordered), false);
        assert!(took < 12_000, "ordered: {ordered}, {took} ms");
    }
}

/// The hurry comes when a pause has just ended, and before anything looked.
#[test]
fn a_close_forgets_no_pause_that_has_just_ended() {
    for ordered in [false, true] {
        let took = deliver_to_a_busy_shard(Producer::builder().ordered(ordered), true);
        assert!(took < 12_000, "ordered: {ordered}, {took} ms");
    }
}

/// Puts as fast as it may to the lower half's shard, which takes 200 KB a second, and a small record
/// every 20 ms to the upper half's. Returns how long the slowest of those took, in milliseconds.
fn slowest_beside_a_busy_shard(builder: ProducerBuilder) -> u64 {
    let half = u128::MAX / 2;
    let mut bench = Bench::new(builder);
    bench.pipeline.listed(at(0), Ok(two_shards()));
    bench.pipeline.described(at(0), Ok(None));
    let mut under_way = VecDeque::new();
    let mut put_at = VecDeque::new();
    let (mut taken, mut slowest) = (0_u64, 0);
    for now in 0..20_000 {
        // What the task takes in at once.
        for _ in 0..if bench.pipeline.is_over() { 0 } else { 10 } {
            let record = UserRecord::new("key", vec![b'x'; 1024]);
            let hash_key = record.hash_key();
            bench.pipeline.put(at(now), record, hash_key, "busy");
        }
        if now % 20 == 0 && now < 15_000 {
            let record = UserRecord::new("key", "small").with_explicit_hash_key(HashKey::MAX);
            bench
                .pipeline
                .put(at(now), record, Some(HashKey::MAX), "small");
            put_at.push_back(now);
        }
        for (id, records) in bench.drive(now) {
            under_way.push_back((now + 20, id, records));
        }
        while under_way.front().is_some_and(|(due, ..)| *due <= now)
            && let Some((_, id, records)) = under_way.pop_front()
        {
            let answer = |record: &KinesisRecord| {
                let is_upper = record
                    .explicit_hash_key()
                    .is_some_and(|key| key.get() > half);
                if is_upper {
                    return Ok(Stored::new("2", "1"));
                }
                if taken + record.data().len() as u64 > now * 200 {
                    return Err(throttled());
                }
                taken += record.data().len() as u64;
                Ok(Stored::new("1", "1"))
            };
            let answers = records.iter().map(answer).collect();
            bench.pipeline.answered(at(now), id, Ok(answers));
        }
        for (name, outcome) in bench.finished() {
            if name == "small" {
                outcome.expect("delivered");
                let put = put_at.pop_front().expect("it was put");
                slowest = slowest.max(now - put);
            }
        }
    }
    assert!(put_at.is_empty(), "{} are not delivered", put_at.len());
    slowest
}

#[test]
fn a_busy_shard_slows_no_other() {
    for ordered in [false, true] {
        let slowest = slowest_beside_a_busy_shard(Producer::builder().ordered(ordered));
        println!("ordered: {ordered}, {slowest} ms");
        assert!(slowest < 400, "ordered: {ordered}, {slowest} ms");
    }
}

/// Ten Kinesis records a second.
fn limited() -> ProducerBuilder {
    Producer::builder()
        .aggregation_max_count(1)
        .record_max_buffered_time(at(0))
        .rate_limit(Some(1))
}

#[test]
fn records_without_keys_go_no_faster_than_their_shard_takes() {
    let mut bench = Bench::ready(limited());
    for _ in 0..30 {
        let record = UserRecord::without_partition_key("data");
        bench.pipeline.put(at(0), record, None, "one");
    }
    let sent = bench
        .drive(0)
        .iter()
        .map(|(_, records)| records.len())
        .sum::<usize>();
    assert_eq!(sent, 10);
}

#[test]
fn a_shard_that_stays_takes_no_more_because_others_change() {
    let mut bench = Bench::new(limited());
    bench.pipeline.listed(at(0), Ok(two_shards()));
    bench.pipeline.described(at(0), Ok(None));
    let mut sent = 0;
    for now in [0, 10] {
        for _ in 0..10 {
            // In the lower half, which stays.
            put_key(&mut bench, now, "a", "one");
        }
        for (id, records) in bench.drive(now) {
            sent += records.len();
            let stored = records.iter().map(|_| Ok(Stored::new("1", "1")));
            bench.pipeline.answered(at(now), id, Ok(stored.collect()));
        }
        let upper = two_shards()[2].hash_key_range();
        let middle = HashKey::new(upper.start().get() + 7);
        let range = |start, end| HashKeyRange::new(start, end).expect("in order");
        let mut shards = two_shards();
        shards[2] = Shard::closed("2", upper);
        shards.push(Shard::open("3", range(upper.start(), middle)));
        let rest = HashKey::new(middle.get() + 1);
        shards.push(Shard::open("4", range(rest, upper.end())));
        bench.pipeline.listed(at(now + 5), Ok(shards));
    }
    assert_eq!(sent, 10);
}

#[test]
fn a_shard_that_more_was_put_for_than_it_takes_is_over_until_that_is_gone() {
    const DATA: &str = match str::from_utf8(&[b'x'; 1000]) {
        Ok(data) => data,
        Err(_) => "",
    };
    let mut bench = Bench::ready(limited());
    for _ in 0..300 {
        bench.put(0, DATA);
    }
    let requests = bench.drive(0);
    assert!(bench.pipeline.is_over());
    for (id, records) in requests {
        let stored = records.iter().map(|_| Ok(Stored::new("0", "1")));
        bench.pipeline.answered(at(10), id, Ok(stored.collect()));
    }
    // Nothing more is sent: all expires.
    bench.pipeline.limit_connections(0);
    bench.drive(30_000);
    assert_eq!(bench.pipeline.pending(), 0);
    assert!(!bench.pipeline.is_over());
}
