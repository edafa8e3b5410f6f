//! What a user record costs in the producer, besides the transport. Run by hand, with
//! `--release -- --ignored --nocapture`; `COST_RECORDS` and `COST_ROUNDS` say how much, for callgrind.

use std::time::{Duration, Instant};

use kinesis_aggregation::{
    Aggregator, HashKey, HashKeyRange, KinesisRecord, Shard, ShardMap, ShardedAggregator,
    UserRecord,
};
use kinesis_aggregation_producer::{
    ClientError, Producer, RecordError, Stored, StreamClient, StreamDescription,
};

struct FourShards;

impl FourShards {
    fn shards() -> Vec<Shard> {
        let quarter = u128::MAX / 4;
        (0..4)
            .map(|at| {
                let start = if at == 0 { 0 } else { at * quarter + 1 };
                let end = if at == 3 {
                    u128::MAX
                } else {
                    (at + 1) * quarter
                };
                let range = HashKeyRange::new(HashKey::new(start), HashKey::new(end));
                Shard::open(format!("shardId-{at:012}"), range.expect("in order"))
            })
            .collect()
    }
}

impl StreamClient for FourShards {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let shards = Self::shards();
        let landed = |record: &KinesisRecord| {
            let hash_key = record.explicit_hash_key().expect("it is set");
            let shard = shards
                .iter()
                .find(|shard| shard.hash_key_range().contains(hash_key));
            Ok(Stored::new(shard.expect("one").id(), "1"))
        };
        Ok(records.iter().map(landed).collect())
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        Ok(Self::shards())
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        Ok(None)
    }
}

/// CPU time of this process, and its largest resident size in KiB: Linux only.
fn usage() -> (Duration, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |at: usize| -> u64 {
        let field = after.split_whitespace().nth(at).unwrap_or_default();
        field.parse().unwrap_or_default()
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next()?.parse().ok());
    (
        Duration::from_millis((ticks(11) + ticks(12)) * 10),
        peak.unwrap_or_default(),
    )
}

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What the application's own part costs, and writing, on one thread.
#[test]
#[ignore = "a measurement"]
fn the_same_without_a_producer() {
    let count = number("COST_RECORDS", 1_000_000);
    let map = ShardMap::new(FourShards::shards()).expect("four");
    let builder = Aggregator::builder();
    let mut aggregator = ShardedAggregator::new(map, builder).expect("the defaults");
    let keys: Vec<bytestring::ByteString> = (0..10).map(|key| format!("key{key}").into()).collect();
    let data = bytes::Bytes::from(vec![b'x'; 200]);
    for _ in 0..number("COST_ROUNDS", 3) {
        let (before, _) = usage();
        let mut left = count;
        while left > 0 {
            let some = left.min(20_000);
            left -= some;
            let records: Vec<_> = (0..some)
                .map(|number| {
                    let key = keys[(number % 10) as usize].clone();
                    UserRecord::new(key, bytes::Bytes::copy_from_slice(&data))
                })
                .collect();
            std::hint::black_box(aggregator.aggregate_batch(records));
        }
        let (after, _) = usage();
        println!(
            "{} ns of CPU a user record without a producer",
            (after - before).as_nanos() / u128::from(count)
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn a_million_user_records() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let guard = runtime.enter();
    let producer = Producer::builder()
        .rate_limit(None)
        .max_pending_records(20_000)
        .build(FourShards)
        .expect("a runtime");
    drop(guard);
    let count = number("COST_RECORDS", 1_000_000);
    let keys: Vec<bytestring::ByteString> = (0..10).map(|key| format!("key{key}").into()).collect();
    let data = bytes::Bytes::from(vec![b'x'; 200]);
    for _ in 0..number("COST_ROUNDS", 3) {
        let (before, _) = usage();
        let start = Instant::now();
        runtime.block_on(async {
            let mut deliveries = std::collections::VecDeque::new();
            for number in 0..count {
                let key = keys[(number % 10) as usize].clone();
                // Every application makes its data first.
                let data = bytes::Bytes::copy_from_slice(&data);
                let put = producer.put(UserRecord::new(key, data)).await;
                deliveries.push_back(put.expect("accepted"));
                while deliveries.len() > 20_000 {
                    let first = deliveries.pop_front().expect("some");
                    first.await.expect("delivered");
                }
            }
            producer.flush().await.expect("in time");
            for delivery in deliveries {
                delivery.await.expect("delivered");
            }
        });
        let took = start.elapsed();
        let (after, peak) = usage();
        println!(
            "{} ns of CPU and {} ns a user record, peak {} KiB",
            (after - before).as_nanos() / u128::from(count),
            took.as_nanos() / u128::from(count),
            peak
        );
    }
    println!("{:?}", producer.metrics());
}
