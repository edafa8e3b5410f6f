//! Faults that the simulation found, each as small as it can be.

use std::time::Duration;

use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{
    FailureKind, Outcome, Producer, ProducerBuilder, RecordError, Stored,
};

pub(super) struct Bench {
    pub(super) pipeline: Pipeline<&'static str>,
}

pub(super) fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn one_shard() -> Vec<Shard> {
    vec![Shard::open("0", HashKeyRange::FULL)]
}

pub(super) fn two_shards() -> Vec<Shard> {
    let half = u128::MAX / 2;
    let range = |start, end| HashKeyRange::new(HashKey::new(start), HashKey::new(end));
    vec![
        Shard::closed("0", HashKeyRange::FULL),
        Shard::open("1", range(0, half).expect("in order")),
        Shard::open("2", range(half + 1, u128::MAX).expect("in order")),
    ]
}

impl Bench {
    pub(super) fn new(builder: ProducerBuilder) -> Self {
        let config = builder.seed(1).config().expect("settings that can work");
        Self {
            pipeline: Pipeline::new(config),
        }
    }

    pub(super) fn ready(builder: ProducerBuilder) -> Self {
        let mut bench = Self::new(builder);
        assert!(bench.drive(0).is_empty());
        bench.pipeline.listed(at(0), Ok(one_shard()));
        bench.pipeline.described(at(0), Ok(None));
        bench
    }

    pub(super) fn put(&mut self, now: u64, name: &'static str) {
        let record = UserRecord::new("key", name);
        let hash_key = record.hash_key();
        self.pipeline.put(at(now), record, hash_key, name);
    }

    /// The requests that start.
    pub(super) fn drive(&mut self, now: u64) -> Vec<(u64, Vec<KinesisRecord>)> {
        self.pipeline.drive(at(now));
        let requests = self.pipeline.take_actions().into_iter();
        requests
            .filter_map(|action| match action {
                Action::PutRecords { id, records } => Some((id, records)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn stored(&mut self, now: u64, id: u64, shard_id: &'static str) {
        let answer = Ok(vec![Ok(Stored::new(shard_id, "1"))]);
        self.pipeline.answered(at(now), id, answer);
    }

    pub(super) fn finished(&mut self) -> Vec<(&'static str, Outcome)> {
        self.pipeline.take_finished()
    }
}

#[test]
fn a_flush_makes_no_record_wait_longer_for_a_shard_map() {
    let mut bench = Bench::new(Producer::builder());
    bench.drive(0);
    bench.put(0, "one");
    bench.pipeline.flush(at(1), 7);
    // Routes anew what waits.
    bench.pipeline.described(at(10), Ok(None));
    assert!(bench.drive(10).is_empty());
    assert!(bench.pipeline.wake().is_some_and(|wake| wake <= at(100)));
    assert_eq!(bench.drive(100).len(), 1);
}

#[test]
fn a_record_that_pauses_does_not_hold_up_its_shard_after_a_split() {
    let mut bench = Bench::ready(Producer::builder().record_max_buffered_time(at(0)));
    bench.put(0, "throttled");
    bench.put(0, "lands elsewhere");
    let requests = bench.drive(0);
    assert_eq!(requests.len(), 1);
    bench.put(1, "one");
    let (second, _) = bench.drive(1)[0];
    let throttled = Err(RecordError::new(RecordError::THROTTLED, ""));
    bench
        .pipeline
        .answered(at(2), requests[0].0, Ok(vec![throttled]));
    bench.stored(2, second, "1");
    bench.drive(2);
    // It keeps its pause, and moves to a lane of the new map.
    bench.pipeline.listed(at(3), Ok(two_shards()));
    bench.put(4, "two");
    let requests = bench.drive(4);
    assert_eq!(requests.len(), 1, "it does not wait for the other's pause");
    assert_eq!(requests[0].1[0].user_record_count(), Some(1));
}

/// One record is under way, and another expires on the way into the next request.
fn expires_on_its_way(builder: ProducerBuilder) -> Bench {
    let mut bench = Bench::ready(builder.ordered(true).record_max_buffered_time(at(0)));
    bench.put(0, "under way");
    let (first, _) = bench.drive(0)[0];
    bench.put(1, "expires");
    bench.put(2, "is left");
    // The last look for what has expired: the next one is ten milliseconds away.
    bench.drive(30_000);
    bench.stored(30_002, first, "0");
    bench.put(30_002, "later");
    bench
}

#[test]
fn what_an_expiry_left_of_an_aggregate_still_keeps_its_keys_back() {
    let mut bench = expires_on_its_way(Producer::builder().aggregation_max_count(2));
    // "expires" and "is left" share an aggregate, and 30.001 s are over for one of them.
    let sent: usize = bench.drive(30_001).len();
    let more = bench.drive(30_001).len();
    assert_eq!((sent, more), (1, 0), "one Kinesis record under way");
    let names: Vec<_> = bench.finished().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["under way", "expires"]);
}

#[test]
fn a_failure_on_the_way_into_a_request_leaves_nothing_due_behind() {
    let builder = Producer::builder()
        .aggregation_max_count(2)
        .fail_later_in_order(true);
    let mut bench = expires_on_its_way(builder);
    bench.drive(30_001);
    assert!(bench.pipeline.wake() > Some(at(30_001)));
    let finished = bench.finished();
    let (name, outcome) = finished.last().expect("some");
    let error = outcome.as_ref().expect_err("it is later");
    assert_eq!(
        (*name, error.kind()),
        ("later", &FailureKind::EarlierFailed)
    );
}
