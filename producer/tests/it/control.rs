//! What producers ask about the stream: an account has few such calls for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use kinesis_aggregation::{HashKeyRange, Shard, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{
    ClientError, Producer, RecordDistribution, Stored, StreamDescription,
};

const HOUR: Duration = Duration::from_secs(3600);
/// What an account has of DescribeStreamSummary, for each second.
const QUOTA: usize = 20;

/// The calls of each second.
#[derive(Default)]
struct Calls {
    describe: BTreeMap<u64, usize>,
    list: BTreeMap<u64, usize>,
}

impl Calls {
    fn most(calls: &BTreeMap<u64, usize>) -> usize {
        calls.values().copied().max().unwrap_or_default()
    }
}

fn shards() -> Vec<Shard> {
    vec![Shard::open("0", HashKeyRange::FULL)]
}

fn description() -> StreamDescription {
    StreamDescription::new(RecordDistribution::ByKey)
}

/// Lets a producer run for an hour; it puts one record each `pause`, from `start` on.
fn run(seed: u64, start: Duration, pause: Duration, calls: &mut Calls) {
    let builder = Producer::builder().seed(seed);
    let mut pipeline: Pipeline<()> = Pipeline::new(builder.config().expect("the defaults"));
    let mut next_put = start;
    let mut now = Duration::ZERO;
    while now < HOUR {
        if now == next_put {
            let record = UserRecord::new("key", "data");
            let hash_key = record.hash_key();
            pipeline.put(now, record, hash_key, ());
            // Together only at the start.
            let apart = if now == start {
                pause * (seed as u32 % 100) / 100
            } else {
                Duration::ZERO
            };
            next_put += pause + apart;
        }
        pipeline.drive(now);
        for action in pipeline.take_actions() {
            let second = now.as_secs();
            match action {
                Action::PutRecords { id, records } => {
                    let stored = |_| Ok(Stored::new("0", "1"));
                    pipeline.answered(now, id, Ok(records.iter().map(stored).collect()));
                }
                Action::ListShards => {
                    *calls.list.entry(second).or_default() += 1;
                    pipeline.listed(now, Ok(shards()));
                }
                Action::Describe => {
                    let count = calls.describe.entry(second).or_default();
                    *count += 1;
                    let answer = if *count > QUOTA {
                        Err(ClientError::retry("LimitExceededException", false))
                    } else {
                        Ok(Some(description()))
                    };
                    pipeline.described(now, answer);
                }
            }
        }
        pipeline.drive(now);
        pipeline.take_finished();
        let wake = pipeline.wake().filter(|wake| *wake > now);
        now = wake.into_iter().chain([next_put]).min().expect("a time");
    }
}

#[test]
fn of_200_producers_started_together_no_second_has_more_than_a_tenth_of_the_calls() {
    let mut calls = Calls::default();
    for seed in 0..200 {
        run(seed, Duration::ZERO, Duration::from_secs(10), &mut calls);
    }
    let total: usize = calls.describe.values().chain(calls.list.values()).sum();
    let most = Calls::most(&calls.describe);
    println!("{total} calls, at most {most} descriptions a second");
    assert!(most <= QUOTA, "{most} descriptions in one second");
    let first = calls.list.values().chain(calls.describe.values().take(1));
    assert!(first.sum::<usize>() * 10 <= total, "{total}");
}

#[test]
fn nothing_is_asked_before_the_first_put_or_while_nothing_is_put() {
    let mut calls = Calls::default();
    run(1, HOUR * 2, HOUR, &mut calls);
    assert!(calls.describe.is_empty() && calls.list.is_empty());
    // One record in twenty minutes: in between it is idle.
    run(1, Duration::ZERO, HOUR / 3, &mut calls);
    let described: usize = calls.describe.values().sum();
    assert!(described <= 3, "{described}");
}

#[test]
fn a_stream_in_use_is_described_each_five_minutes_more_or_less() {
    let mut calls = Calls::default();
    run(7, Duration::ZERO, Duration::from_millis(50), &mut calls);
    let times: Vec<_> = calls.describe.keys().copied().collect();
    let pauses = times.windows(2).map(|two| two[1] - two[0]);
    let pauses: Vec<_> = pauses.collect();
    assert!(
        pauses.iter().all(|pause| (239..=361).contains(pause)),
        "{pauses:?}"
    );
    assert!(pauses.windows(2).any(|two| two[0] != two[1]), "{pauses:?}");
}
