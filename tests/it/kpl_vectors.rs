//! What the real KPL put, and this library for the same user records.

use std::collections::BTreeMap;

use kinesis_aggregation::{
    Aggregator, Deaggregator, HashKey, HashKeyRange, KinesisRecord, Outcome, Shard, ShardMap,
    ShardedAggregator, UserRecord,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    shards: u32,
    settings: BTreeMap<String, u64>,
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
    shard: usize,
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
    serde_json::from_str(include_str!("../vectors/kpl.json")).unwrap()
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
    let deaggregator = Deaggregator::new().with_hash_key_range(stored.range());
    let read = deaggregator.deaggregate(stored.partition_key.as_str(), &data);
    let user_records = read.user_records();
    user_records.map(|r| r.unwrap().to_user_record()).collect()
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
            let hash_key = ours.explicit_hash_key().unwrap().to_string();
            assert_eq!(hash_key, stored.explicit_hash_key, "{}", case.name);
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

#[test]
fn the_shard_map_routes_as_the_kpl_does() {
    for case in cases().iter().filter(|case| case.settings.is_empty()) {
        let map = shard_map(case.shards);
        for stored in &case.kinesis_records {
            assert_eq!(
                map.open_shards()[stored.shard].hash_key_range(),
                stored.range()
            );
        }
        if case.name == "data_is_aggregate_lone" {
            continue;
        }
        let mut aggregator = ShardedAggregator::new(map, Aggregator::builder()).unwrap();
        for put in case.put.iter().filter_map(user_record) {
            assert!(aggregator.push(put).unwrap().is_none());
        }
        let ours: Vec<_> = aggregator
            .flush()
            .iter()
            .map(|r| hex::encode(r.data()))
            .collect();
        let theirs: Vec<_> = case
            .kinesis_records
            .iter()
            .map(|r| r.data.clone())
            .collect();
        assert_eq!(ours, theirs, "{}", case.name);
    }
}

#[test]
fn a_refused_explicit_hash_key_is_refused_here_too() {
    let refused: Vec<_> = cases().into_iter().flat_map(|case| case.put).collect();
    let refused: Vec<_> = refused.iter().filter(|put| put.refused).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|put| user_record(put).is_none()));
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
    assert_eq!(
        batch.records().next().unwrap().outcome(),
        Outcome::Aggregated
    );
    let read: Vec<UserRecord> = batch
        .owned_user_records()
        .map(|(_, r)| r.unwrap().into())
        .collect();
    assert_eq!(read, [put]);
}
