//! A link that all requests share, outages, and what they cost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kinesis_aggregation::{HashKey, HashKeyRange, Shard, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{
    ClientError, Outcome, Producer, ProducerBuilder, RECORD_OVERHEAD, Stored,
};

use super::bugs::{Bench, at};

const STEP: Duration = Duration::from_millis(5);
const TIMEOUT: Duration = Duration::from_secs(6);

/// A request on its way through the link.
struct Upload {
    left: f64,
    records: usize,
    gives_up: Duration,
}

/// What became of the user records.
#[derive(Debug, Default)]
struct Tally {
    delivered: usize,
    maybe_stored: usize,
    failed: usize,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(_) => self.delivered += 1,
            Err(error) if error.is_maybe_stored() => self.maybe_stored += 1,
            Err(_) => self.failed += 1,
        }
    }
}

/// Puts so many records of 1 KiB as fast as there is room, over a link of so many bytes a second
/// that all requests share equally.
fn over_link(count: usize, bytes_per_second: f64) -> Tally {
    let builder = Producer::builder().seed(1).rate_limit(None);
    let mut pipeline: Pipeline<()> = Pipeline::new(builder.config().expect("the defaults"));
    let mut uploads: BTreeMap<u64, Upload> = BTreeMap::new();
    let mut tally = Tally::default();
    let mut room = 32 * 1024 * 1024_usize;
    let (mut put, mut now) = (0, Duration::ZERO);
    while tally.delivered + tally.maybe_stored + tally.failed < count {
        while put < count && room > 2048 {
            let record = UserRecord::new(format!("key {put}"), vec![b'x'; 1024]);
            room -= 1024 + record.partition_key().map_or(0, str::len) + RECORD_OVERHEAD;
            let hash_key = record.hash_key();
            pipeline.put(now, record, hash_key, ());
            put += 1;
        }
        pipeline.drive(now);
        for action in pipeline.take_actions() {
            match action {
                Action::PutRecords { id, records } => {
                    let size: usize = records.iter().map(|record| record.size() * 4 / 3).sum();
                    let upload = Upload {
                        left: size as f64,
                        records: records.len(),
                        gives_up: now + TIMEOUT,
                    };
                    uploads.insert(id, upload);
                }
                Action::ListShards => {
                    let shard = Shard::open("0", HashKeyRange::FULL);
                    pipeline.listed(now, Ok(vec![shard]));
                }
                Action::Describe => pipeline.described(now, Ok(None)),
            }
        }
        now += STEP;
        let share = bytes_per_second * STEP.as_secs_f64() / uploads.len().max(1) as f64;
        for upload in uploads.values_mut() {
            upload.left -= share;
        }
        let over: Vec<_> = uploads
            .iter()
            .filter(|(_, upload)| upload.left <= 0.0 || upload.gives_up <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            let upload = uploads.remove(&id).expect("it is under way");
            let answer = if upload.left <= 0.0 {
                Ok((0..upload.records)
                    .map(|_| Ok(Stored::new("0", "1")))
                    .collect())
            } else {
                Err(ClientError::retry("Timeout", true))
            };
            pipeline.answered(now, id, answer);
        }
        for (_, outcome) in pipeline.take_finished() {
            tally.add(&outcome);
        }
        room += pipeline.take_freed_bytes();
    }
    tally
}

#[test]
fn a_thin_link_does_not_collapse_under_the_requests_of_one_producer() {
    // 10 Mbit/s.
    let tally = over_link(20_000, 1_250_000.0);
    assert_eq!(tally.delivered, 20_000, "{tally:?}");
}

/// Fills the room and lets every request time out for eight minutes. What it took more than the
/// room, in bytes.
fn outage(builder: ProducerBuilder, len: usize) -> i64 {
    let config = builder.config().expect("settings that can work");
    let most = (32 * 1024 * 1024 / (len + 10 + RECORD_OVERHEAD)).min(100_000);
    let measured = allocation_counter::measure(|| {
        let mut pipeline: Pipeline<()> = Pipeline::new(config);
        pipeline.listed(
            Duration::ZERO,
            Ok(vec![Shard::open("0", HashKeyRange::FULL)]),
        );
        for at in 0..most {
            let record = UserRecord::new(format!("key {at:06}"), vec![b'x'; len]);
            let hash_key = record.hash_key();
            pipeline.put(Duration::ZERO, record, hash_key, ());
        }
        let mut under_way = BTreeMap::new();
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(480) {
            pipeline.drive(now);
            for action in pipeline.take_actions() {
                match action {
                    // What a transport has of it: the text of JSON, a third longer.
                    Action::PutRecords { id, records } => {
                        let size: usize = records.iter().map(|record| record.size() * 4 / 3).sum();
                        under_way.insert((now + TIMEOUT, id), vec![0_u8; size]);
                    }
                    Action::ListShards => {
                        pipeline.listed(now, Err(ClientError::retry("Timeout", false)));
                    }
                    Action::Describe => {
                        pipeline.described(now, Err(ClientError::retry("Timeout", false)));
                    }
                }
            }
            let ends = under_way.keys().next().map(|(ends, _)| *ends);
            now = pipeline
                .wake()
                .into_iter()
                .chain(ends)
                .min()
                .expect("a time");
            while let Some(entry) = under_way.first_entry() {
                let (ends, id) = *entry.key();
                if ends > now {
                    break;
                }
                entry.remove();
                pipeline.answered(now, id, Err(ClientError::retry("Timeout", true)));
            }
        }
        assert_eq!(pipeline.pending(), most, "nothing expires");
    });
    let peak = i64::try_from(measured.bytes_max).expect("it fits");
    peak - 32 * 1024 * 1024
}

#[test]
fn memory_stays_below_room_and_64_mib_under_an_outage_of_eight_minutes() {
    let hours = Duration::from_secs(7200);
    let builder = || Producer::builder().seed(1).record_ttl(hours);
    for (name, builder, len) in [
        ("aggregates", builder(), 60),
        ("alone", builder().aggregation_enabled(false), 60),
        ("large", builder(), 100_000),
    ] {
        let more = outage(builder, len);
        println!("{name}: {} KiB more than the room", more / 1024);
        assert!(more < 64 * 1024 * 1024, "{name}: {more} bytes more");
    }
}

/// How long it takes to put and deliver so many records, one after the other, on so many shards.
fn one_by_one(shards: u128, records: u32) -> Duration {
    let builder = Producer::builder().seed(1).rate_limit(None);
    let mut pipeline: Pipeline<()> = Pipeline::new(builder.config().expect("the defaults"));
    let width = u128::MAX / shards;
    let list: Vec<_> = (0..shards)
        .map(|at| {
            let end = if at == shards - 1 {
                u128::MAX
            } else {
                (at + 1) * width - 1
            };
            let range = HashKeyRange::new(HashKey::new(at * width), HashKey::new(end));
            Shard::open(format!("{at}"), range.expect("in order"))
        })
        .collect();
    pipeline.listed(Duration::ZERO, Ok(list));
    // Each shard has been in use.
    for at in 0..shards {
        let hash_key = HashKey::new(at * width);
        let record = UserRecord::new("key", "data").with_explicit_hash_key(hash_key);
        pipeline.put(Duration::ZERO, record, Some(hash_key), ());
    }
    let mut now = Duration::ZERO;
    let mut start = Instant::now();
    let mut left = 0;
    for number in 0..records + 1000 {
        if number == 1000 {
            start = Instant::now();
        }
        now += Duration::from_millis(10);
        let record = UserRecord::new("key", "data");
        let hash_key = record.hash_key();
        pipeline.put(now, record, hash_key, ());
        left += 1;
        pipeline.drive(now);
        for action in pipeline.take_actions() {
            if let Action::PutRecords { id, records } = action {
                let stored = |record: &kinesis_aggregation::KinesisRecord| {
                    let hash_key = record.explicit_hash_key().expect("it has one");
                    let at = (hash_key.get() / width).min(shards - 1);
                    Ok(Stored::new(format!("{at}"), "1"))
                };
                pipeline.answered(now, id, Ok(records.iter().map(stored).collect()));
            }
        }
        left -= pipeline.take_finished().len().min(left);
        pipeline.wake();
    }
    start.elapsed()
}

#[test]
fn ten_thousand_shards_cost_no_scan_for_each_wake() {
    let (few, many) = (one_by_one(10, 2000), one_by_one(10_000, 2000));
    println!("{few:?} with 10 shards, {many:?} with 10,000");
    assert!(
        many < few * 20 + Duration::from_millis(50),
        "{few:?}, {many:?}"
    );
}

/// How long it takes to fail so many records of one hash key each, of which each fails one other.
fn failing(records: usize) -> Duration {
    let builder = Producer::builder().ordered(true).fail_later_in_order(true);
    let builder = builder.seed(1).record_ttl(Duration::from_secs(10));
    let mut pipeline: Pipeline<()> = Pipeline::new(builder.config().expect("they can work"));
    for at in 0..records {
        let record = UserRecord::new(format!("key {}", at / 2), "data");
        let hash_key = record.hash_key();
        let flush = Duration::from_micros(at as u64);
        pipeline.put(flush, record, hash_key, ());
        pipeline.flush(flush, at as u64);
    }
    let start = Instant::now();
    // They begin to expire.
    let mut now = Duration::from_secs(10);
    let mut finished = 0;
    while finished < records {
        pipeline.drive(now);
        for action in pipeline.take_actions() {
            if let Action::PutRecords { id, .. } = action {
                pipeline.answered(now, id, Err(ClientError::retry("InternalFailure", false)));
            }
        }
        finished += pipeline.take_finished().len();
        assert!(now < Duration::from_secs(60), "{finished} of {records}");
        now = pipeline.wake().map_or(now, |wake| wake.max(now + STEP));
    }
    let flushed = pipeline.take_flushed().len();
    assert_eq!(flushed, records);
    start.elapsed()
}

#[test]
fn failures_in_order_and_flushes_are_not_quadratic() {
    failing(1000);
    // The least of three: whoever else runs on the machine only adds to them.
    let least = |records| (0..3).map(|_| failing(records)).min().expect("three");
    let (few, many) = (least(2000), least(16_000));
    println!("{few:?} for 2,000, {many:?} for 16,000");
    assert!(
        many < few * 24 + Duration::from_millis(100),
        "{few:?}, {many:?}"
    );
}

/// Puts as fast as it may for so long, to one shard that takes 1 MiB a second; what expired.
fn to_one_shard(seconds: u64) -> (usize, usize) {
    let mut pipeline: Pipeline<()> =
        Pipeline::new(Producer::builder().seed(1).config().expect("the defaults"));
    pipeline.listed(
        Duration::ZERO,
        Ok(vec![Shard::open("0", HashKeyRange::FULL)]),
    );
    let mut room = 32 * 1024 * 1024_usize;
    let mut tokens = 0.0_f64;
    let (mut delivered, mut expired) = (0, 0);
    let mut now = Duration::ZERO;
    while now < Duration::from_secs(seconds) || pipeline.pending() > 0 {
        let mut burst = 0;
        let is_open = now < Duration::from_secs(seconds) && !pipeline.is_over();
        // What the task takes in at once.
        while is_open && room > 2048 && burst < 256 {
            let record = UserRecord::new("key", vec![b'x'; 1024]);
            room -= 1024 + 3 + RECORD_OVERHEAD;
            let hash_key = record.hash_key();
            pipeline.put(now, record, hash_key, ());
            burst += 1;
        }
        pipeline.drive(now);
        for action in pipeline.take_actions() {
            if let Action::PutRecords { id, records } = action {
                let store = |record: &kinesis_aggregation::KinesisRecord| {
                    let size = record.size() as f64;
                    if tokens < size {
                        let code = kinesis_aggregation_producer::RecordError::THROTTLED;
                        let error = kinesis_aggregation_producer::RecordError::new(code, "");
                        return Err(error);
                    }
                    tokens -= size;
                    Ok(Stored::new("0", "1"))
                };
                let results = records.iter().map(store).collect();
                pipeline.answered(now, id, Ok(results));
            }
        }
        for (_, outcome) in pipeline.take_finished() {
            match outcome {
                Ok(_) => delivered += 1,
                Err(_) => expired += 1,
            }
        }
        room += pipeline.take_freed_bytes();
        now += STEP;
        tokens = (tokens + 1024.0 * 1024.0 * STEP.as_secs_f64()).min(1024.0 * 1024.0);
    }
    (delivered, expired)
}

#[test]
fn a_writer_that_is_faster_than_its_shard_is_slowed_and_nothing_expires() {
    let (delivered, expired) = to_one_shard(90);
    println!("{delivered} delivered, {expired} expired");
    assert_eq!(expired, 0);
    assert!(delivered > 80_000, "{delivered} of about 92,000 that fit");
}

/// Else a producer whose requests sometimes time out would soon take nothing more.
#[test]
fn what_was_delivered_takes_no_room_any_more() {
    let builder = Producer::builder().record_ttl(at(1000));
    let mut bench = Bench::ready(builder.record_max_buffered_time(at(0)));
    for _ in 0..600 {
        let record = UserRecord::new("key", vec![b'x'; 1024]);
        let hash_key = record.hash_key();
        bench.pipeline.put(at(0), record, hash_key, "");
    }
    for now in (0..1000).step_by(10) {
        for (id, records) in bench.drive(now) {
            let answer = if now == 0 {
                Err(ClientError::retry("RequestTimeout", true))
            } else {
                Ok(records.iter().map(|_| Ok(Stored::new("0", "1"))).collect())
            };
            bench.pipeline.answered(at(now), id, answer);
        }
        let (is_over, pending) = (bench.pipeline.is_over(), bench.pipeline.pending());
        assert!(is_over || pending < 600, "all of it waits");
        assert!(!is_over || pending > 0, "nothing waits");
    }
    let finished = bench.finished();
    assert!(finished.iter().all(|(_, outcome)| outcome.is_ok()));
    assert_eq!(finished.len(), 600);
}
