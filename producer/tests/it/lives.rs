//! Streams that are deleted and created again under their names, and beliefs that are wrong.

use kinesis_aggregation::{
    HashKey, HashKeyRange, KinesisRecord, SequenceNumber, Shard, UserRecord, wire,
};
use kinesis_aggregation_producer::pipeline::Action;
use kinesis_aggregation_producer::{
    ClientError, FailureKind, Outcome, Producer, ProducerBuilder, RecordDistribution, Stored,
    StreamDescription,
};

use super::bugs::{Bench, at, one_shard, two_shards};

const HALF: u128 = u128::MAX / 2;

pub(super) fn halves(ids: [&str; 2]) -> Vec<Shard> {
    let range = |start, end| HashKeyRange::new(HashKey::new(start), HashKey::new(end));
    vec![
        Shard::open(ids[0], range(0, HALF).expect("in order")),
        Shard::open(ids[1], range(HALF + 1, u128::MAX).expect("in order")),
    ]
}

/// In the lower half.
const KEY: &str = "key";

#[test]
fn the_key_of_these_tests_is_in_the_lower_half() {
    assert!(HashKey::of_partition_key(KEY).get() <= HALF);
}

/// Puts two that share an aggregate, and gives the request that carries them.
pub(super) fn put_two(bench: &mut Bench, now: u64) -> (u64, Vec<KinesisRecord>) {
    bench.put(now, "one");
    bench.put(now, "two");
    bench.drive(now);
    let mut requests = bench.drive(now + 100);
    assert_eq!(requests.len(), 1, "one aggregate");
    requests.remove(0)
}

pub(super) fn is_delivered((_, outcome): &(&'static str, Outcome)) -> bool {
    outcome.is_ok()
}

/// It lists the shards now.
pub(super) fn lists(bench: &mut Bench, now: u64) -> bool {
    bench.pipeline.drive(at(now));
    let actions = bench.pipeline.take_actions();
    actions.iter().any(|one| matches!(one, Action::ListShards))
}

#[test]
fn after_silence_nothing_is_told_delivered_by_the_map_of_a_stream_that_was_deleted() {
    let mut bench = Bench::ready(Producer::builder());
    let (id, _) = put_two(&mut bench, 0);
    bench.stored(110, id, "0");
    assert!(bench.finished().iter().all(is_delivered));
    // It is created again with two shards; nothing was put meanwhile.
    let (id, _) = put_two(&mut bench, 60_000);
    bench.stored(60_110, id, "0");
    assert!(bench.finished().is_empty(), "the KCL drops it");
    assert!(lists(&mut bench, 60_110));
    bench.pipeline.listed(at(60_120), Ok(halves(["1", "0"])));
    let requests = bench.drive(60_120);
    assert_eq!(requests.len(), 1, "it is sent again");
    bench.stored(60_130, requests[0].0, "1");
    let finished = bench.finished();
    assert!(finished.len() == 2 && finished.iter().all(is_delivered));
}

#[test]
fn fewer_shards_after_a_recreation_are_not_taken_for_a_service_managed_stream() {
    let mut bench = Bench::new(Producer::builder());
    bench.pipeline.listed(at(0), Ok(halves(["1", "0"])));
    bench.pipeline.described(at(0), Ok(None));
    let (id, _) = put_two(&mut bench, 0);
    bench.stored(110, id, "1");
    assert!(bench.finished().iter().all(is_delivered));
    let (id, _) = put_two(&mut bench, 1000);
    // The whole range is shard 0's now, where the old map has the upper half.
    bench.stored(1110, id, "0");
    assert!(!bench.pipeline.is_service_managed() && bench.finished().is_empty());
    assert!(lists(&mut bench, 1110));
    bench.pipeline.listed(at(1120), Ok(one_shard()));
    assert!(!bench.pipeline.is_service_managed());
    let finished = bench.finished();
    assert!(finished.len() == 2 && finished.iter().all(is_delivered));
}

/// The listed shards, which begin with this sequence number.
fn starting(shards: Vec<Shard>, number: &str) -> Vec<Shard> {
    let number: SequenceNumber = number.parse().expect("a number");
    let starting = |shard: Shard| shard.with_starting_sequence_number(number.clone());
    shards.into_iter().map(starting).collect()
}

/// Describing the stream is not permitted. The stream made anew has one shard, as the one before
/// had at first, and splits it elsewhere: shard 1 has half the range that it had before.
#[test]
fn a_stream_made_anew_with_the_same_range_is_told_by_its_starting_sequence_number() {
    let mut bench = Bench::new(Producer::builder());
    bench
        .pipeline
        .listed(at(0), Ok(starting(two_shards(), "1")));
    bench.pipeline.described(at(0), Ok(None));
    let (id, _) = put_two(&mut bench, 0);
    bench.stored(110, id, "1");
    assert!(bench.finished().iter().all(is_delivered));
    // It is silent, and then answers from shard 0.
    let (id, _) = put_two(&mut bench, 60_000);
    bench.stored(60_110, id, "0");
    assert!(lists(&mut bench, 60_110));
    bench
        .pipeline
        .listed(at(60_120), Ok(starting(one_shard(), "900")));
    assert!(bench.finished().iter().all(is_delivered));
    let (id, _) = put_two(&mut bench, 60_200);
    // The range that shard 1 had in the other stream says nothing of the one that it has now.
    bench.stored(60_310, id, "1");
    assert!(bench.finished().is_empty(), "the KCL may drop it");
}

#[test]
fn another_creation_time_throws_the_map_away() {
    let mut bench = Bench::ready(Producer::builder());
    let created = |seconds: u64| {
        let time = std::time::SystemTime::UNIX_EPOCH + at(seconds * 1000);
        Ok(Some(
            StreamDescription::new(RecordDistribution::ByKey).with_creation_time(time),
        ))
    };
    bench.pipeline.described(at(1), created(10));
    let (id, _) = put_two(&mut bench, 100);
    bench.pipeline.described(at(201), created(20));
    bench.stored(210, id, "0");
    assert!(bench.finished().is_empty());
    assert!(lists(&mut bench, 210));
}

fn no_stream() -> ClientError {
    ClientError::no_stream("ResourceNotFoundException")
}

#[test]
fn a_stream_that_has_answered_and_is_gone_is_waited_for() {
    let mut bench = Bench::ready(Producer::builder());
    let (id, _) = put_two(&mut bench, 0);
    bench.pipeline.answered(at(110), id, Err(no_stream()));
    assert!(bench.finished().is_empty(), "it is sent again");
    // Nothing of it is kept: only the upper half is shard 0's now.
    let mut now = 110;
    let mut again = None;
    while again.is_none() && now < 3000 {
        now += 10;
        again = bench.drive(now).pop();
    }
    let (id, _) = again.expect("sent again");
    bench.stored(now + 10, id, "0");
    assert!(bench.finished().is_empty(), "the range is not known");
    bench.pipeline.listed(at(now + 20), Ok(halves(["1", "0"])));
    bench.drive(now + 20);
    assert!(bench.finished().is_empty(), "the KCL drops it");
}

/// Random scripts 195892: while a stream was made again, each late answer threw away the new map and
/// asked for a description.
#[test]
fn a_late_answer_that_the_stream_is_gone_does_not_undo_what_was_stored_since() {
    let mut bench = Bench::ready(Producer::builder());
    let (early, _) = put_two(&mut bench, 0);
    let (late, _) = put_two(&mut bench, 1000);
    bench.stored(1110, late, "0");
    assert_eq!(bench.finished().len(), 2);
    bench.pipeline.answered(at(1120), early, Err(no_stream()));
    assert!(!lists(&mut bench, 1120), "the map is still the stream's");
    let (id, _) = bench.drive(5000).pop().expect("sent again");
    bench.stored(5010, id, "0");
    assert!(bench.finished().iter().all(is_delivered));
}

/// A list of the shards is under way, asked for at 60 110.
fn listing() -> Bench {
    let mut bench = Bench::ready(Producer::builder());
    let (id, _) = put_two(&mut bench, 0);
    bench.stored(110, id, "0");
    assert_eq!(bench.finished().len(), 2);
    // After silence, where something landed says nothing.
    let (id, _) = put_two(&mut bench, 60_000);
    bench.stored(60_110, id, "0");
    assert!(lists(&mut bench, 60_110));
    bench
}

/// The user records of each Kinesis record.
fn counts((_, records): (u64, Vec<KinesisRecord>)) -> Vec<Option<usize>> {
    let counts = records.iter().map(KinesisRecord::user_record_count);
    counts.collect()
}

#[test]
fn nothing_is_aggregated_by_the_map_of_a_stream_that_is_gone_by_the_answer_to_a_list() {
    let mut bench = listing();
    bench.pipeline.listed(at(60_120), Err(no_stream()));
    // Without a map, nothing tells whether two records belong in one shard.
    assert_eq!(counts(put_two(&mut bench, 60_130)), [Some(1), Some(1)]);
}

/// As the late answer to a put: what was stored meanwhile shows that the stream is there.
#[test]
fn a_late_list_that_the_stream_is_gone_does_not_undo_what_was_stored_since() {
    let mut bench = listing();
    let (id, _) = put_two(&mut bench, 60_200);
    bench.stored(60_310, id, "0");
    bench.pipeline.listed(at(60_320), Err(no_stream()));
    let again = put_two(&mut bench, 60_400);
    assert_eq!(counts(again), [Some(2)], "by the map, which still holds");
}

#[test]
fn a_stream_that_never_answered_is_not_waited_for() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(0)));
    bench.put(0, "one");
    let (id, _) = bench.drive(0)[0];
    bench.pipeline.answered(at(10), id, Err(no_stream()));
    let finished = bench.finished();
    let error = finished[0].1.as_ref().expect_err("there is no such stream");
    assert!(matches!(error.kind(), FailureKind::Request { .. }));
}

#[test]
fn a_stream_that_was_described_and_is_gone_is_waited_for() {
    let mut bench = Bench::new(Producer::builder().record_max_buffered_time(at(0)));
    for _ in 0..2 {
        let description = StreamDescription::new(RecordDistribution::ByKey);
        bench.pipeline.described(at(0), Ok(Some(description)));
    }
    bench.put(0, "one");
    let (id, _) = bench.drive(0)[0];
    bench.pipeline.answered(at(10), id, Err(no_stream()));
    assert!(bench.finished().is_empty(), "it is sent again");
}

/// What makes an ordered producer refuse everything, so that no landing can correct it.
#[test]
fn an_ordered_producer_does_not_refuse_for_ever() {
    let service_managed = StreamDescription::new(RecordDistribution::ServiceManaged);
    let mut bench = Bench::ready(Producer::builder().ordered(true));
    let description = Ok(Some(service_managed));
    bench.pipeline.described(at(1), description);
    assert!(bench.pipeline.is_service_managed());
    let mut wakes = 0;
    while bench.pipeline.is_service_managed() {
        let wake = bench.pipeline.wake().expect("it wakes for that");
        assert!(wake <= at(500_000) && wakes < 10);
        bench.pipeline.drive(wake);
        wakes += 1;
    }
    let actions = bench.pipeline.take_actions();
    assert!(actions.is_empty(), "idle: {actions:?}");
}

pub(super) fn managed_by_landings(builder: ProducerBuilder) -> Bench {
    let mut bench = Bench::new(builder.record_max_buffered_time(at(0)));
    bench.pipeline.listed(at(0), Ok(halves(["1", "0"])));
    bench.pipeline.described(at(0), Ok(None));
    bench.put(0, "one");
    let (id, _) = bench.drive(0)[0];
    bench.stored(10, id, "0");
    bench.pipeline.listed(at(20), Ok(halves(["1", "0"])));
    assert!(bench.pipeline.is_service_managed());
    bench.finished();
    bench
}

/// Not described yet, and taken for one that goes by keys.
#[test]
fn the_first_landing_shows_a_service_managed_stream_and_what_a_kcl_drops_goes_again_alone() {
    let mut bench = Bench::new(Producer::builder());
    bench.pipeline.listed(at(0), Ok(halves(["1", "0"])));
    let (first, _) = put_two(&mut bench, 0);
    let (second, _) = put_two(&mut bench, 105);
    // Where they do not belong, and where they do by chance.
    bench.stored(210, first, "0");
    bench.stored(211, second, "1");
    bench.pipeline.listed(at(220), Ok(halves(["1", "0"])));
    assert!(bench.pipeline.is_service_managed());
    assert_eq!(bench.finished().len(), 2, "a KCL has the second aggregate");
    bench.put(220, "later");
    let requests = bench.drive(320);
    let records: Vec<_> = requests.iter().flat_map(|(_, records)| records).collect();
    let is_alone = |record: &&KinesisRecord| {
        record.explicit_hash_key().is_none() && !wire::is_framed(record.data())
    };
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(is_alone), "{records:?}");
}

/// Mixed aggregates are delivered wherever they land, but they tell where.
#[test]
fn mixed_aggregates_show_that_a_stream_went_back_to_keys() {
    let builder = Producer::builder().aggregate_on_service_managed_streams(true);
    let mut bench = managed_by_landings(builder);
    for now in 100..400 {
        bench.put(now, "one");
        for (id, records) in bench.drive(now) {
            let hash_key = records[0]
                .explicit_hash_key()
                .expect("an aggregate has one");
            let shard_id = if hash_key.get() <= HALF { "1" } else { "0" };
            bench.stored(now, id, shard_id);
        }
        bench.drive(now);
    }
    assert!(!bench.pipeline.is_service_managed());
}

/// Only what is wrong with the request can be for want of a key.
#[test]
fn a_missing_permission_is_not_taken_for_a_stream_that_wants_keys() {
    let errors = [ClientError::fatal("AccessDeniedException"), no_stream()];
    for error in errors {
        let mut bench = managed_by_landings(Producer::builder());
        let record = UserRecord::without_partition_key("one");
        bench.pipeline.put(at(100), record, None, "one");
        let (id, records) = bench.drive(100).remove(0);
        assert_eq!(records[0].partition_key(), None);
        bench.pipeline.answered(at(110), id, Err(error));
        assert!(bench.pipeline.is_service_managed());
    }
}

/// It has a key, so it was refused for something else.
#[test]
fn an_invalid_record_with_a_key_is_not_taken_for_a_stream_that_wants_keys() {
    let mut bench = managed_by_landings(Producer::builder());
    bench.put(100, "one");
    let (id, _) = bench.drive(100).remove(0);
    let error = ClientError::invalid("ValidationException");
    bench.pipeline.answered(at(110), id, Err(error));
    assert!(bench.pipeline.is_service_managed());
    assert!(bench.finished()[0].1.is_err(), "nothing can mend it");
}

#[test]
fn one_invalid_record_fails_no_other() {
    let builder = Producer::builder()
        .record_max_buffered_time(at(0))
        .aggregation_enabled(false);
    let mut bench = Bench::ready(builder);
    for at in 0..400 {
        bench.put(0, if at == 123 { "bad" } else { "good" });
    }
    let mut requests = bench.drive(0);
    let mut sent = 0;
    let mut now = 0;
    while let Some((id, records)) = requests.pop() {
        now += 1;
        sent += 1;
        let bad = records.iter().any(|record| &record.data()[..] == b"bad");
        let answer = if bad {
            Err(ClientError::invalid("ValidationException"))
        } else {
            Ok(records.iter().map(|_| Ok(Stored::new("0", "1"))).collect())
        };
        bench.pipeline.answered(at(now), id, answer);
        requests.extend(bench.drive(now));
    }
    let finished = bench.finished();
    let failed: Vec<_> = finished.iter().filter(|one| !is_delivered(one)).collect();
    assert_eq!((finished.len(), failed.len()), (400, 1));
    assert_eq!(failed[0].0, "bad");
    assert!(sent < 30, "{sent} requests");
}

#[test]
fn the_first_large_record_waits_for_the_description() {
    let large = || UserRecord::new(KEY, vec![b'x'; 3 << 20]);
    let describe = |max: Option<usize>| {
        let description = StreamDescription::new(RecordDistribution::ByKey);
        Ok(max.map(|max| description.with_max_record_size(max)))
    };
    for (answer, fits) in [(describe(Some(10 << 20)), true), (describe(None), false)] {
        let mut bench = Bench::new(Producer::builder());
        assert!(bench.pipeline.max_record_size() > 3 << 20, "not refused");
        let record = large();
        let hash_key = record.hash_key();
        bench.pipeline.put(at(0), record, hash_key, "large");
        bench.pipeline.drive(at(0));
        let actions = bench.pipeline.take_actions();
        let asks = actions.iter().any(|one| matches!(one, Action::Describe));
        assert!(asks, "at once");
        bench.pipeline.listed(at(1), Ok(one_shard()));
        assert!(bench.drive(200).is_empty());
        bench.pipeline.described(at(210), answer);
        let sent = bench.drive(210).len();
        let finished = bench.finished();
        assert_eq!((sent == 1, finished.is_empty()), (fits, fits));
        if let Some((_, outcome)) = finished.first() {
            let error = outcome.as_ref().expect_err("too large");
            assert!(matches!(error.kind(), FailureKind::TooLarge { .. }));
        }
    }
}
