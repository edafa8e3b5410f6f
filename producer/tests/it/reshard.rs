//! How well user records share Kinesis records while shards split and merge under load.

use std::time::Duration;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::{Producer, RecordDistribution};

use super::laws;
use super::model_stream::{Faults, ModelStream};
use super::random::Random;
use super::script::{Event, Facts, Script};
use super::sim;

const SECONDS: u64 = 5;
const PER_SECOND: u64 = 5000;

/// A steady load over many keys, and shards that change under it or do not.
fn script(faults: Faults, reshards: bool, ordered: bool) -> Script {
    let builder = Producer::builder().seed(7).ordered(ordered);
    let mut random = Random::new(7);
    let mut events: Vec<_> = (0..SECONDS * PER_SECOND)
        .map(|id| {
            let time = Duration::from_millis(id * 1000 / PER_SECOND);
            let key = format!("key {}", random.below(1000));
            let data = format!("#<{id}>{}", "x".repeat(80));
            (time, Event::Put(UserRecord::new(key, data)))
        })
        .collect();
    if reshards {
        for second in 1..SECONDS {
            let event = if second % 2 == 1 {
                Event::Split
            } else {
                Event::Merge
            };
            events.push((Duration::from_secs(second), event));
        }
    }
    events.sort_by_key(|(time, _)| *time);
    let facts = Facts {
        ordered,
        fail_later_in_order: false,
        filters: true,
        buffered: Duration::from_millis(100),
        ttl: Duration::from_secs(30),
        request_timeout: Duration::from_secs(6),
        max_connections: 24,
        limited: true,
        ambiguous: faults.are_ambiguous(),
        collection_max_count: 500,
        collection_max_size: 5_242_880,
        switches: false,
        drops_unseen: false,
        room: (usize::MAX, usize::MAX),
        link: None,
    };
    Script {
        seed: 7,
        builder,
        stream: ModelStream::new(2, RecordDistribution::ByKey, true, Some(1000), faults),
        events,
        random,
        facts,
    }
}

/// How many Kinesis records hold all that was put; the laws hold, and all is delivered.
fn kinesis_records(script: Script) -> usize {
    let mut run = sim::run(script);
    laws::check(&mut run);
    run.broken.truncate(5);
    assert!(run.broken.is_empty(), "{:#?}", run.broken);
    let delivered = |put: &sim::Put| matches!(put.resolved, Some((_, Ok(_))));
    assert!(run.puts.iter().all(delivered));
    run.stream.stored.len()
}

/// Nothing goes wrong; a list takes about as long as records wait for one.
fn calm() -> Faults {
    Faults {
        latency: 40_000,
        ..Faults::default()
    }
}

/// Compares a run with reshards to one without, where all goes well.
fn compare(faults: Faults, ordered: bool, at_most: f64) {
    let without = kinesis_records(script(calm(), false, ordered));
    let with = kinesis_records(script(faults, true, ordered));
    println!("ordered {ordered}: {without} Kinesis records, with reshards {with}");
    assert!(
        with as f64 <= without as f64 * at_most,
        "{with} for {without}"
    );
}

#[test]
fn splits_and_merges_under_load_leave_aggregates_as_large_as_they_were() {
    compare(calm(), false, 1.5);
}

/// All wait for the map there.
#[test]
fn splits_and_merges_under_load_leave_aggregates_large_in_ordered_mode() {
    compare(calm(), true, 2.0);
}

/// Before, each record that was late alone went raw, and the list that explained what had landed
/// was not believed: 19,210 Kinesis records.
#[test]
fn only_the_shards_that_change_go_raw_while_a_list_takes_longer_than_records_wait() {
    let slow = Faults {
        latency: 200_000,
        ..calm()
    };
    compare(slow, false, 30.0);
}

#[test]
fn a_list_that_fails_costs_no_more_than_a_moment() {
    let faults = Faults {
        list: 200,
        throttle: 20,
        ..calm()
    };
    compare(faults, false, 10.0);
}
