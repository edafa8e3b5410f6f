//! The producer over real HTTP, while shards split and merge and everything goes wrong.
//!
//! `USER_RECORDS` sets how many go through (100,000), `SEED` repeats a run's faults.

use std::collections::HashMap;
use std::env;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_kinesis::Client;
use kinesis_aggregation::sdk;
use kinesis_aggregation::{HashKey, Shard, ShardMap, UserRecord};
use kinesis_aggregation_embedded::{
    Fault, Kinesis, ReadUserRecord, Request, read_all, wait_until_active,
};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{Delivery, Outcome, Producer};

const STREAM: &str = "orders";
/// So often the shards are changed in one run.
const RESHARDS: usize = 12;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn from_env(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = from_env("SEED").unwrap_or(now.unwrap().as_nanos() as u64);
    println!("SEED={seed}");
    seed
}

fn user_records() -> usize {
    usize::try_from(from_env("USER_RECORDS").unwrap_or(100_000)).unwrap()
}

/// One request in six goes wrong, in one way or another.
fn faults(mut random: Random) -> impl FnMut(&Request) -> Fault + Send {
    move |request| match (request.operation.as_str(), random.below(100)) {
        ("PutRecords", 0..2) => Fault::Error(500, "InternalFailure", "injected"),
        ("PutRecords", 2..4) => Fault::CutBefore,
        ("PutRecords", 4..6) => Fault::CutAfter,
        ("PutRecords", 6..8) => {
            Fault::Error(400, "ProvisionedThroughputExceededException", "injected")
        }
        ("PutRecords", 8..10) => Fault::Rewrite(Box::new(|mut answer| {
            // One result is missing.
            answer["Records"].as_array_mut().map(Vec::pop);
            answer
        })),
        ("PutRecords", 10..16) => {
            let count = request.body["Records"].as_array().map_or(0, Vec::len);
            let some = (0..count).filter(|_| random.below(2) == 0).collect();
            match random.below(2) {
                0 => Fault::Refuse(some, "ProvisionedThroughputExceededException"),
                _ => Fault::Refuse(some, "InternalFailure"),
            }
        }
        ("ListShards", 0..20) => Fault::Error(500, "InternalFailure", "injected"),
        _ => Fault::None,
    }
}

/// A twentieth without a key, a tenth with an explicit hash key, the rest of 1000 keys.
fn user_record(number: usize, random: &mut Random) -> UserRecord {
    let data = format!("{number:08}{}", "x".repeat(random.below(100) as usize));
    let key = format!("key {}", random.below(1000));
    match random.below(20) {
        0 => UserRecord::without_partition_key(data),
        1 | 2 => {
            let hash_key = u128::from(random.next()) << 64;
            UserRecord::new(key, data).with_explicit_hash_key(HashKey::new(hash_key))
        }
        _ => UserRecord::new(key, data),
    }
}

/// Splits an open shard, or merges two.
async fn reshard(client: Client, split: bool, pick: u64) {
    // The faults are for the producer: the SDK's own tries may all meet one.
    let shards = loop {
        if let Ok(shards) = sdk::list_shards(&client, STREAM).await {
            break shards;
        }
    };
    let shards = shards.iter().map(|shard| Shard::try_from(shard).unwrap());
    let map = ShardMap::new(shards).unwrap();
    let open = map.open_shards();
    let first = usize::try_from(pick).unwrap() % (open.len() - usize::from(!split));
    if split {
        let range = open[first].hash_key_range();
        let (start, end) = (range.start().get(), range.end().get());
        let split = client.split_shard().stream_name(STREAM);
        let split = split.shard_to_split(open[first].id());
        let middle = start + (end - start) / 2 + 1;
        let split = split.new_starting_hash_key(middle.to_string());
        split.send().await.unwrap();
    } else {
        let merge = client.merge_shards().stream_name(STREAM);
        let merge = merge.shard_to_merge(open[first].id());
        let merge = merge.adjacent_shard_to_merge(open[first + 1].id());
        merge.send().await.unwrap();
    }
    wait_until_active(&client, STREAM).await;
}

/// Puts while the shards change, and returns what became of each user record.
async fn put_all(kinesis: &Kinesis, count: usize, random: &mut Random) -> Vec<Outcome> {
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    // A busy machine must not be taken for a stream that does not answer.
    let builder = Producer::builder().record_ttl(Duration::from_secs(300));
    let producer = builder.build(client).unwrap();
    let mut deliveries: Vec<Delivery> = Vec::with_capacity(count);
    let mut resharding = tokio::spawn(async {});
    for number in 0..count {
        if number % (count / RESHARDS).max(1) == 0 {
            resharding.await.unwrap();
            let split = (number / (count / RESHARDS).max(1)).is_multiple_of(2);
            resharding = tokio::spawn(reshard(kinesis.client(), split, random.next()));
        }
        let record = user_record(number, random);
        deliveries.push(producer.put(record).await.unwrap());
    }
    resharding.await.unwrap();
    producer.close().await.unwrap();
    let mut outcomes = Vec::with_capacity(count);
    for delivery in deliveries {
        outcomes.push(delivery.await);
    }
    outcomes
}

/// So many times the stream may hold a user record that the producer cannot know of.
fn ambiguous(outcome: &Outcome) -> usize {
    let attempts: Vec<_> = match outcome {
        Ok(delivered) => delivered.attempts().collect(),
        Err(error) => error.attempts().collect(),
    };
    let errors = attempts.iter().filter_map(|attempt| attempt.error());
    let certain = ["ProvisionedThroughputExceededException", "WrongShard"];
    errors
        .filter(|error| !certain.contains(&error.code()))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_user_record_is_read_once_through_splits_merges_and_faults() {
    let (seed, count) = (seed(), user_records());
    let mut random = Random(seed);
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 2).await;
    kinesis.inject(faults(Random(random.next())));
    let started = Instant::now();
    let outcomes = put_all(&kinesis, count, &mut random).await;
    let seconds = started.elapsed().as_secs_f64();
    kinesis.heal();

    let reading = read_all(&kinesis.client(), STREAM).await;
    let mut read: HashMap<usize, Vec<&ReadUserRecord>> = HashMap::new();
    for user_record in &reading.user_records {
        let number = std::str::from_utf8(&user_record.data[..8]).unwrap();
        read.entry(number.parse().unwrap())
            .or_default()
            .push(user_record);
    }
    let (mut delivered, mut ambiguities, mut twice) = (0, 0, 0);
    for (number, outcome) in outcomes.iter().enumerate() {
        let copies = read.get(&number).map_or(&[][..], Vec::as_slice);
        let ambiguous = ambiguous(outcome);
        ambiguities += usize::from(ambiguous > 0);
        twice += usize::from(copies.len() > 1);
        match outcome {
            Ok(place) => {
                delivered += 1;
                let there = |copy: &&&ReadUserRecord| {
                    copy.shard_id == place.shard_id()
                        && copy.sequence_number == place.sequence_number()
                        && copy.sub_sequence_number == place.sub_sequence_number()
                };
                assert_eq!(
                    copies.iter().filter(there).count(),
                    1,
                    "{number}: {place:?}"
                );
                assert!(
                    copies.len() <= 1 + ambiguous,
                    "{number}: {place:?} {copies:?}"
                );
            }
            Err(error) if error.is_maybe_stored() => assert!(copies.len() <= ambiguous),
            Err(error) => assert!(copies.is_empty(), "{number}: {error:?}"),
        }
    }
    let kinesis_records: usize = reading.kinesis_records.values().sum();
    println!(
        "{count} user records put in {seconds:.1} s: {delivered} acknowledged, {} not; {} read \
         back from {kinesis_records} Kinesis records in {} shards, {} dropped by range; {ambiguities} with an \
         ambiguous answer, {twice} of them twice or more",
        count - delivered,
        reading.user_records.len(),
        reading.kinesis_records.len(),
        reading.losses.len(),
    );
    assert_eq!(delivered, count, "all is accepted within record_ttl");
    // While the shards are listed again, and each fifth listing fails here, what belongs to a shard
    // in doubt goes plain: how much that is depends on how much a machine puts in that time.
    let few = kinesis_records < count / 2 + 1000;
    assert!(few, "user records are aggregated: {kinesis_records}");
}
