//! What landings show of a stream, and what they do not.

use kinesis_aggregation::{HashKeyRange, Shard, UserRecord};
use kinesis_aggregation_producer::Producer;
use kinesis_aggregation_producer::pipeline::Action;

use super::bugs::{Bench, at, one_shard};
use super::lives::{halves, is_delivered, lists, managed_by_landings, put_two};

/// It may be of the stream that was deleted.
#[test]
fn what_landed_outside_its_shard_is_not_explained_by_a_list_that_was_asked_for_before() {
    let mut bench = Bench::new(Producer::builder());
    bench.pipeline.listed(at(0), Ok(halves(["1", "0"])));
    bench.pipeline.described(at(0), Ok(None));
    let (id, _) = put_two(&mut bench, 60_000);
    // After silence, so a list is asked for.
    bench.stored(60_110, id, "1");
    assert!(lists(&mut bench, 60_110));
    let (id, _) = put_two(&mut bench, 60_200);
    bench.stored(60_310, id, "0");
    bench.pipeline.listed(at(60_320), Ok(halves(["1", "0"])));
    assert!(!bench.pipeline.is_service_managed());
    assert!(lists(&mut bench, 60_320));
    bench.pipeline.listed(at(60_330), Ok(one_shard()));
    // Where the first two landed, in the stream that was deleted, nobody knows any more.
    let finished = bench.finished();
    assert!(finished.len() == 2 && finished.iter().all(is_delivered));
    assert!(!bench.pipeline.is_service_managed());
}

/// All that is put lands in it, however the stream distributes.
#[test]
fn with_one_open_shard_no_landing_shows_that_a_stream_went_back_to_keys() {
    let mut bench = managed_by_landings(Producer::builder());
    let merged = [
        Shard::closed("1", halves(["1", "0"])[0].hash_key_range()),
        Shard::closed("0", halves(["1", "0"])[1].hash_key_range()),
        Shard::open("2", HashKeyRange::FULL),
    ];
    bench.pipeline.listed(at(30), Ok(merged.to_vec()));
    for now in 100..400 {
        bench.put(now, "one");
        for (id, _) in bench.drive(now) {
            bench.stored(now, id, "2");
        }
    }
    assert!(bench.pipeline.is_service_managed());
}

/// Landings are judged by the map, and nothing else asks for a new one.
#[test]
fn while_landings_alone_show_a_service_managed_stream_its_shards_are_listed_each_minute() {
    let mut bench = managed_by_landings(Producer::builder());
    let mut listed = Vec::new();
    for now in (1000..200_000).step_by(500) {
        bench.put(now, "one");
        bench.pipeline.drive(at(now));
        for action in bench.pipeline.take_actions() {
            match action {
                Action::PutRecords { id, .. } => bench.stored(now, id, "0"),
                Action::ListShards => {
                    listed.push(now);
                    bench.pipeline.listed(at(now), Ok(halves(["1", "0"])));
                }
                Action::Describe => bench.pipeline.described(at(now), Ok(None)),
            }
        }
    }
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert!(
        listed.windows(2).all(|two| two[1] - two[0] > 60_000),
        "{listed:?}"
    );
    assert!(bench.pipeline.is_service_managed());
}

/// As the shards' numbers begin anew, a hash key moves to a lower one, which nothing does where nobody
/// may list them.
#[test]
fn where_the_shards_are_listed_their_numbers_show_no_service_managed_stream() {
    let mut bench = Bench::new(Producer::builder());
    bench.pipeline.listed(at(0), Ok(halves(["1", "0"])));
    bench.pipeline.described(at(0), Ok(None));
    let (id, _) = put_two(&mut bench, 0);
    bench.stored(110, id, "1");
    for now in [1000, 2000, 3000] {
        // Made again with the halves the other way round.
        let (id, _) = put_two(&mut bench, now);
        bench.stored(now + 110, id, "0");
        if lists(&mut bench, now + 110) {
            bench.pipeline.listed(at(now + 120), Ok(halves(["0", "1"])));
        }
        assert!(!bench.pipeline.is_service_managed(), "{now}");
    }
    let finished = bench.finished();
    assert!(finished.len() == 8 && finished.iter().all(is_delivered));
}

/// An account has 20 descriptions a second, for all its producers.
#[test]
fn records_without_keys_ask_once_how_the_stream_distributes() {
    let mut bench = Bench::new(Producer::builder());
    let mut asked = 0;
    for now in (0..20_000).step_by(500) {
        let record = UserRecord::without_partition_key("data");
        bench.pipeline.put(at(now), record, None, "one");
        bench.pipeline.drive(at(now));
        for action in bench.pipeline.take_actions() {
            match action {
                Action::PutRecords { id, .. } => bench.stored(now, id, "0"),
                Action::ListShards => bench.pipeline.listed(at(now), Ok(one_shard())),
                Action::Describe => {
                    assert_eq!(now, 0, "at once, and then not for long");
                    asked += 1;
                    bench.pipeline.described(at(now), Ok(None));
                }
            }
        }
    }
    assert_eq!(asked, 1);
}
