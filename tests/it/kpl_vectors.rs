//! What the real KPL put, and this library for the same user records.

use std::collections::BTreeMap;

use kinesis_aggregation::{
    Aggregator, AggregatorBuilder, Deaggregator, HashKey, HashKeyRange, KinesisRecord,
    KinesisRecordRef, Outcome, Shard, ShardMap, ShardedAggregator, UserRecord,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    shards: u32,
    settings: BTreeMap<String, serde_json::Value>,
    put: Vec<Put>,
    kinesis_records: Vec<Stored>,
}

#[derive(Deserialize)]
struct Put {
    partition_key: String,
    explicit_hash_key: Option<String>,
    data: String,
    #[serde(default)]
    refused: bool,
}

#[derive(Deserialize)]
struct Stored {
    hash_range: (String, String),
    partition_key: String,
    explicit_hash_key: String,
    data: String,
}

impl Stored {
    fn range(&self) -> HashKeyRange {
        let (start, end) = &self.hash_range;
        HashKeyRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    fn data(&self) -> Vec<u8> {
        hex::decode(&self.data).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let read = |json| serde_json::from_str::<Vec<Case>>(json).unwrap();
    let mut cases = read(include_str!("../vectors/kpl.json"));
    cases.extend(read(include_str!("../vectors/kpl-more.json")));
    cases
}

/// The user record, unless its explicit hash key is refused.
fn user_record(put: &Put) -> Option<UserRecord> {
    let record = UserRecord::new(put.partition_key.as_str(), hex::decode(&put.data).unwrap());
    match &put.explicit_hash_key {
        None => Some(record),
        Some(key) => Some(record.with_explicit_hash_key(key.parse().ok()?)),
    }
}

/// Equal ranges, as the capture had them.
fn shard_map(count: u32) -> ShardMap {
    let width = u128::MAX / u128::from(count) + u128::from(count > 1);
    let shards = (0..count).map(|i| {
        let start = width * u128::from(i);
        let end = if i + 1 == count {
            u128::MAX
        } else {
            start + (width - 1)
        };
        let range = HashKeyRange::new(HashKey::new(start), HashKey::new(end)).unwrap();
        Shard::open(format!("shardId-{i:012}"), range)
    });
    ShardMap::new(shards).unwrap()
}

/// The user records of a stored Kinesis record, to be put again.
fn user_records(stored: &Stored) -> Vec<UserRecord> {
    let data = stored.data();
    let deaggregator = Deaggregator::new().hash_key_range(stored.range());
    let read = deaggregator.deaggregate(KinesisRecordRef::new(&*stored.partition_key, &data));
    let user_records = read.user_records();
    user_records.map(|r| r.unwrap().into()).collect()
}

/// One aggregate of all that the KPL put into one.
fn aggregate(records: Vec<UserRecord>, range: HashKeyRange) -> KinesisRecord {
    let builder = Aggregator::builder().hash_key_range(range);
    let mut aggregator = builder.max_size(1_000_000).build().unwrap();
    for record in records {
        assert!(aggregator.push(record).unwrap().is_none());
    }
    aggregator.flush().unwrap()
}

#[test]
fn every_group_of_the_kpl_is_written_byte_for_byte() {
    let mut groups = 0;
    // On purpose: the KPL lets consumers split a lone record that looks like an aggregate.
    for case in cases()
        .iter()
        .filter(|case| case.name != "data_is_aggregate_lone")
    {
        for stored in &case.kinesis_records {
            let ours = aggregate(user_records(stored), stored.range());
            assert_eq!(hex::encode(ours.data()), stored.data, "{}", case.name);
            assert_eq!(
                ours.partition_key(),
                Some(stored.partition_key.as_str()),
                "{}",
                case.name
            );
            if stored.data.starts_with("f3899ac2") {
                // A raw record does not give its explicit hash key back.
                let hash_key = ours.explicit_hash_key().unwrap().to_string();
                assert_eq!(hash_key, stored.explicit_hash_key, "{}", case.name);
            }
            groups += 1;
        }
    }
    assert!(groups > 10, "{groups}");
}

#[test]
fn every_group_of_the_kpl_is_read_back_in_the_order_of_its_keys() {
    for case in cases()
        .iter()
        .filter(|case| case.name != "data_is_aggregate_lone")
    {
        let accepted = case.put.iter().filter(|put| !put.refused);
        let mut put: Vec<_> = accepted.map(|put| user_record(put).unwrap()).collect();
        let mut read: Vec<_> = case.kinesis_records.iter().flat_map(user_records).collect();
        // A plain record does not tell its explicit hash key.
        if case
            .kinesis_records
            .iter()
            .all(|stored| stored.data.starts_with("f3899ac2"))
        {
            put.sort_by(|a, b| a.data().cmp(b.data()));
            read.sort_by(|a, b| a.data().cmp(b.data()));
            assert_eq!(read, put, "{}", case.name);
        }
    }
}

/// The settings of the case, for our aggregator.
fn builder(case: &Case) -> AggregatorBuilder {
    let setting = |name: &str| {
        let value = case.settings.get(name).and_then(serde_json::Value::as_u64);
        value.map(|value| usize::try_from(value).unwrap())
    };
    let mut builder = Aggregator::builder();
    if let Some(max_size) = setting("aggregation_max_size") {
        builder = builder.max_size(max_size);
    }
    if let Some(max_count) = setting("aggregation_max_count") {
        builder = builder.max_count(max_count);
    }
    if case.settings.get("aggregation_enabled") == Some(&false.into()) {
        builder = builder.max_count(1);
    }
    builder
}

/// Same user records, same settings, same Kinesis records: groups, bytes, keys, shards.
#[test]
fn a_sharded_aggregator_puts_what_the_kpl_puts() {
    // The KPL closes by an estimate, so these could hold more.
    let packed_by_estimate = ["size_2048", "max_size_64"];
    let mut same = 0;
    for case in cases() {
        if case.name == "data_is_aggregate_lone" {
            continue;
        }
        let map = shard_map(case.shards);
        let mut aggregator = ShardedAggregator::new(map, builder(&case)).unwrap();
        let mut ours = Vec::new();
        for put in case.put.iter().filter(|put| !put.refused) {
            ours.extend(aggregator.push(user_record(put).unwrap()).unwrap());
        }
        ours.extend(aggregator.flush());
        let describe = |key: Option<&str>, hash_key: String, data: String| {
            format!("{} {hash_key} {data}", key.unwrap())
        };
        let mut ours: Vec<_> = ours
            .iter()
            .map(|one| {
                let hash_key = one.explicit_hash_key().unwrap().to_string();
                describe(one.partition_key(), hash_key, hex::encode(one.data()))
            })
            .collect();
        let mut theirs: Vec<_> = case
            .kinesis_records
            .iter()
            .map(|one| {
                let key = Some(one.partition_key.as_str());
                describe(key, one.explicit_hash_key.clone(), one.data.clone())
            })
            .collect();
        if packed_by_estimate.contains(&&*case.name) {
            assert!(ours.len() <= theirs.len(), "{}", case.name);
            continue;
        }
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs, "{}", case.name);
        same += 1;
    }
    assert!(same > 50, "{same}");
}

/// Each exactly, but that the KPL limits keys to 256 UTF-16 units and we to the service's 256
/// characters.
#[test]
fn what_the_kpl_refuses_is_refused_here_too() {
    let mut refused = 0;
    for case in cases() {
        for put in case.put.iter().filter(|put| put.refused) {
            let mut aggregator = Aggregator::builder().build().unwrap();
            let taken = user_record(put).is_some_and(|record| aggregator.push(record).is_ok());
            let units = put.partition_key.encode_utf16().count();
            let by_utf16_units = units > 256 && put.partition_key.chars().count() <= 256;
            assert_eq!(taken, by_utf16_units, "{}", case.name);
            refused += 1;
        }
    }
    assert_eq!(refused, 14);
}

/// The KPL's own is split by consumers; ours comes back as it was put.
#[test]
fn data_is_aggregate_lone_is_framed() {
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case.name == "data_is_aggregate_lone")
        .unwrap();
    let put = user_record(&case.put[0]).unwrap();
    let ours = aggregate(vec![put.clone()], HashKeyRange::FULL);
    assert_ne!(ours.data(), put.data());
    let page = [ours];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    assert_eq!(batch.records()[0].outcome(), Outcome::Aggregated);
    let read: Vec<UserRecord> = batch
        .owned_user_records()
        .map(|(_, r)| r.unwrap().into())
        .collect();
    assert_eq!(read, [put]);
}
