//! User records without partition keys, on streams that may be neither listed nor described: where
//! their aggregates land is all that tells whether the stream goes by keys.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kinesis_aggregation::{KinesisRecord, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{
    ClientError, FailureKind, Outcome, Producer, ProducerBuilder, RecordDistribution, Stored,
    StreamDescription,
};

use super::bugs::{Bench, at, one_shard};

fn id(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

struct Blind {
    pipeline: Pipeline<u64>,
    now: Duration,
    /// The Kinesis records that were stored.
    stored: Vec<KinesisRecord>,
    delivered: usize,
}

impl Blind {
    fn new() -> Self {
        Self::of(Producer::builder())
    }

    fn of(builder: ProducerBuilder) -> Self {
        let builder = builder.seed(1).record_max_buffered_time(Duration::ZERO);
        let config = builder.config().expect("settings that can work");
        let (stored, delivered) = (Vec::new(), 0);
        let (pipeline, now) = (Pipeline::new(config), Duration::ZERO);
        let mut blind = Self {
            pipeline,
            now,
            stored,
            delivered,
        };
        blind.pipeline.drive(blind.now);
        blind.refuse_to_tell();
        blind
    }

    fn refuse_to_tell(&mut self) {
        let denied = ClientError::fatal("AccessDeniedException");
        self.pipeline.listed(self.now, Err(denied));
        self.pipeline.described(self.now, Ok(None));
    }

    /// Puts two user records, which share an aggregate or do not, and stores all that comes of them
    /// where `shard` says; a stream that goes by keys refuses records without one.
    fn put_two(&mut self, takes_keyless: bool, mut shard: impl FnMut(&KinesisRecord) -> usize) {
        for number in 0..2 {
            let record = UserRecord::without_partition_key(format!("{number}"));
            self.pipeline.put(self.now, record, None, number);
        }
        while self.pipeline.pending() > 0 {
            self.now += Duration::from_millis(500);
            self.pipeline.drive(self.now);
            let sent = self.now;
            for action in self.pipeline.take_actions() {
                match action {
                    Action::PutRecords {
                        id: request,
                        records,
                    } => {
                        self.now = sent + Duration::from_millis(10);
                        let is_refused = |record: &KinesisRecord| record.partition_key().is_none();
                        let answer = if !takes_keyless && records.iter().any(is_refused) {
                            Err(ClientError::invalid("ValidationException"))
                        } else {
                            let stored = |record| Ok(Stored::new(id(shard(record)), "1"));
                            let answer = records.iter().map(stored).collect();
                            self.stored.extend(records);
                            Ok(answer)
                        };
                        self.pipeline.answered(self.now, request, answer);
                    }
                    _ => self.refuse_to_tell(),
                }
            }
            let finished = self.pipeline.take_finished();
            self.delivered += finished.iter().filter(|(_, done)| done.is_ok()).count();
        }
    }
}

/// The half of the hash keys where a record belongs.
fn half(record: &KinesisRecord) -> usize {
    let hash_key = record.explicit_hash_key().expect("an aggregate's");
    usize::from(hash_key.get() > u128::MAX / 2)
}

#[test]
fn each_key_serves_two_aggregates_and_splits_and_merges_are_no_evidence() {
    let mut blind = Blind::new();
    for round in 0..300 {
        // 0 and 1; 2 and 3 of the same halves; then one; then two again.
        blind.put_two(false, |record| match round {
            ..75 => half(record),
            75..150 => 2 + half(record),
            150..225 => 4,
            _ => 5 + half(record),
        });
        assert!(!blind.pipeline.is_service_managed(), "{round}");
    }
    assert_eq!((blind.delivered, blind.stored.len()), (600, 300));
    let mut uses = BTreeMap::new();
    for record in &blind.stored {
        *uses.entry(record.explicit_hash_key()).or_insert(0) += 1;
    }
    assert!(uses.values().all(|uses| *uses == 2), "{uses:?}");
}

#[test]
fn one_key_in_two_shards_ends_aggregation_for_good() {
    for shards in [2, 3, 7] {
        let mut blind = Blind::new();
        let mut next = 0;
        let mut rounds = 0;
        while !blind.pipeline.is_service_managed() {
            rounds += 1;
            assert!(rounds < 20, "{shards} shards");
            blind.put_two(true, |_| {
                next += 1;
                next % shards
            });
        }
        // What showed it was sent again.
        assert_eq!(blind.delivered, 2 * rounds);
        let aggregates = blind.stored.len();
        for _ in 0..20 {
            blind.now += Duration::from_secs(100);
            blind.put_two(true, |_| 0);
        }
        let plain = |record: &KinesisRecord| record.partition_key().is_none();
        assert!(blind.stored[aggregates..].iter().all(plain));
        assert_eq!(blind.delivered, 2 * rounds + 40);
    }
}

#[test]
fn aggregation_comes_back_when_the_stream_goes_by_keys_again() {
    let mut blind = Blind::new();
    let mut next = 0;
    for _ in 0..20 {
        blind.put_two(true, |_| {
            next += 1;
            next % 2
        });
    }
    assert!(blind.pipeline.is_service_managed());
    let before = blind.stored.len();
    for _ in 0..10 {
        blind.put_two(false, |_| 1);
    }
    assert!(!blind.pipeline.is_service_managed());
    assert_eq!(blind.stored.len() - before, 10);
}

/// By a mistake all that is put would fail, as such a stream keeps no order.
#[test]
fn where_order_is_wanted_no_landing_shows_a_service_managed_stream() {
    let mut blind = Blind::of(Producer::builder().ordered(true));
    for round in 0..40 {
        blind.put_two(true, |_| round % 2);
    }
    assert!(!blind.pipeline.is_service_managed());
    assert_eq!((blind.delivered, blind.stored.len()), (80, 40));
    let keys = blind.stored.iter().map(KinesisRecord::explicit_hash_key);
    assert_eq!(keys.collect::<BTreeSet<_>>().len(), 40);
}

/// Listing is not permitted any more, and an aggregate of two hash keys has landed, at 110 ms, in a shard
/// that no map has: if only one of them is outside that shard, a KCL drops both.
fn undecided(builder: ProducerBuilder) -> Bench {
    let mut bench = Bench::new(builder);
    bench.pipeline.listed(at(0), Ok(one_shard()));
    let by_key = StreamDescription::new(RecordDistribution::ByKey);
    bench.pipeline.described(at(0), Ok(Some(by_key)));
    for key in ["a", "b"] {
        put(&mut bench, 0, key);
    }
    bench.drive(0);
    let requests = bench.drive(100);
    assert_eq!(requests[0].1[0].user_record_count(), Some(2));
    bench.stored(110, requests[0].0, "1");
    bench.drive(110);
    let denied = ClientError::fatal("AccessDeniedException");
    bench.pipeline.listed(at(120), Err(denied));
    bench.drive(120);
    assert!(bench.finished().is_empty(), "nobody knows");
    bench
}

fn put(bench: &mut Bench, now: u64, key: &'static str) {
    let record = UserRecord::new(key, "data");
    let hash_key = record.hash_key();
    bench.pipeline.put(at(now), record, hash_key, key);
}

/// Why each user record that was resolved failed, and whether it may be stored.
fn failures(bench: &mut Bench) -> Vec<(&'static str, FailureKind, bool)> {
    let failure = |(key, outcome): (_, Outcome)| {
        let error = outcome.expect_err("nobody knows");
        (key, error.kind().clone(), error.is_maybe_stored())
    };
    bench.finished().into_iter().map(failure).collect()
}

#[test]
fn an_aggregate_of_several_hash_keys_in_an_unknown_shard_is_never_told_delivered() {
    let mut bench = undecided(Producer::builder().record_ttl(at(5000)));
    bench.drive(4999);
    assert_eq!(failures(&mut bench), []);
    bench.drive(5000);
    let failed = ["a", "b"].map(|key| (key, FailureKind::UnknownShard, true));
    assert_eq!(failures(&mut bench), failed);
}

/// With a `record_ttl` of years it would keep back what comes after it for as long.
#[test]
fn an_aggregate_in_an_unknown_shard_fails_after_five_minutes_however_long_record_ttl_is() {
    let years = Duration::from_secs(10 * 365 * 86_400);
    let mut bench = undecided(Producer::builder().record_ttl(years).ordered(true));
    put(&mut bench, 130, "a");
    let lapses = 110 + 5 * 60 * 1000;
    for now in [1130, 60_000, lapses - 1] {
        assert!(bench.drive(now).is_empty(), "its hash key is kept back");
    }
    assert_eq!(bench.pipeline.wake(), Some(at(lapses)));
    assert_eq!(failures(&mut bench), []);
    assert_eq!(bench.drive(lapses).len(), 1, "the next of its hash key");
    let failed = ["a", "b"].map(|key| (key, FailureKind::UnknownShard, true));
    assert_eq!(failures(&mut bench), failed);
}

/// Where nobody may list the shards any more, nobody could tell whether a KCL delivers an aggregate of
/// several hash keys. One that was built before, and was not sent, is taken apart.
#[test]
fn an_aggregate_that_waits_is_taken_apart_when_listing_is_forbidden() {
    let mut bench = Bench::ready(Producer::builder());
    for key in ["a", "b"] {
        put(&mut bench, 0, key);
    }
    let denied = ClientError::fatal("AccessDeniedException");
    bench.pipeline.listed(at(10), Err(denied));
    let requests: Vec<_> = [10, 100, 200].map(|now| bench.drive(now)).concat();
    let records = requests.iter().flat_map(|(_, records)| records);
    let counts: Vec<_> = records.map(KinesisRecord::user_record_count).collect();
    assert_eq!(counts, [Some(1), Some(1)]);
}
