//! The quick ways give what the general ones give.

use std::ops::Range;

use kinesis_aggregation::md5::Level;
use kinesis_aggregation::wire::{Frame, Index};
use kinesis_aggregation::{
    Aggregator, Deaggregator, KinesisRecord, ShardMap, ShardedAggregator, UserRecord,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::support::{field, frame, range, varint};

/// Lengths around the ends of varints, and repeated ones: the reader has a way for each.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        4 => Just(200_usize),
        4 => Just(20_usize),
        3 => 118..132_usize,
        1 => 16_370..16_390_usize,
        2 => 0..400_usize,
    ];
    (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len])
}

type Parts = (u64, Option<u64>, Vec<u8>);

fn parts() -> impl Strategy<Value = Parts> {
    let index = || prop_oneof![6 => 0..4_u64, 2 => 120..140_u64, 1 => any::<u64>()];
    (index(), option::weighted(0.2, index()), data())
}

/// The body of an aggregate; `extra` ends each record, unknown to the reader.
fn body(records: &[(Parts, usize)], extra: &[u8]) -> Vec<u8> {
    let mut body = field(1, b"key");
    for ((key, hash_key, data), times) in records {
        let mut record = [vec![0x08], varint(*key)].concat();
        if let Some(hash_key) = hash_key {
            record.extend([vec![0x10], varint(*hash_key)].concat());
        }
        record.extend(field(3, data));
        record.extend(extra);
        for _ in 0..*times {
            body.extend(field(3, &record));
        }
    }
    body
}

type Indexed = (u32, Option<u32>, Vec<u8>);

fn indexed(body: &[u8]) -> Option<Vec<Indexed>> {
    let framed = frame(body);
    // An empty body has no frame around it.
    let index =
        Frame::split(&framed).map_or_else(|| Ok(Index::default()), |frame| Index::new(&frame));
    let index = index.ok()?;
    let data = |range: Range<usize>| framed[range].to_vec();
    let records = index.records().iter();
    Some(
        records
            .map(|r| {
                (
                    r.partition_key_index(),
                    r.explicit_hash_key_index(),
                    data(r.data()),
                )
            })
            .collect(),
    )
}

proptest! {
    #[test]
    fn the_kpl_shape_reads_as_any_shape(records in vec((parts(), 1..5_usize), 0..12)) {
        // The field 5, a varint: no quick way knows it.
        let quick = indexed(&body(&records, b""));
        prop_assert!(quick.is_some());
        prop_assert_eq!(quick, indexed(&body(&records, &[0x28, 0x00])));
    }

    #[test]
    fn every_level_reads_the_same(
        bodies in vec(vec((parts(), 1..4_usize), 0..6), 1..20),
        keys in vec("[a-z]{0,8}|\\PC{0,8}|[a-z]{110,130}", 0..80),
        end: u128,
        corrupt in any::<prop::sample::Index>(),
    ) {
        let table: Vec<u8> = keys.iter().flat_map(|key| field(1, key.as_bytes())).collect();
        let mut page: Vec<Vec<u8>> = bodies.iter().map(|b| frame(&[&table[..], &body(b, b"")].concat())).collect();
        let last = corrupt.index(page.len());
        *page[last].last_mut().unwrap() ^= 1;
        let page: Vec<_> = page.into_iter().map(|data| KinesisRecord::new("k", data)).collect();
        let rules = Deaggregator::new().hash_key_range(range(0, end)).salvage(true);
        let seen = |rules: &Deaggregator| -> Vec<String> {
            let batch = rules.deaggregate_batch(&page);
            let outcomes = batch.records().iter().map(|r| format!("{:?}", r.outcome()));
            outcomes.chain(batch.user_records().map(|(_, r)| format!("{r:?}"))).collect()
        };
        let scalar = seen(&rules.clone().level(Level::Scalar));
        for level in Level::available() {
            prop_assert_eq!(&scalar, &seen(&rules.clone().level(level)));
        }
        let alone: Vec<String> = page.iter().map(|r| format!("{:?}", rules.deaggregate(r).outcome())).collect();
        prop_assert_eq!(&alone[..], &scalar[..page.len()]);
    }

    /// Many keys, one after another: the keys' hashes are remembered, the tables grow past the
    /// size where looking through all is quicker.
    #[test]
    fn a_batch_is_written_as_one_by_one(
        records in vec(("[ab]{0,2}|key [0-9]{1,2} long enough", data()), 0..80),
        max_size in prop_oneof![Just(51_200_usize), 100..3000_usize],
    ) {
        let records: Vec<_> = records.into_iter().map(|(key, data)| UserRecord::new(key, data)).collect();
        let builder = Aggregator::builder().max_size(max_size);
        let sharded = || ShardedAggregator::new(ShardMap::one_shard("s"), builder.clone()).unwrap();
        let (mut one_by_one, mut refused) = (Vec::new(), 0);
        let mut aggregator = builder.clone().mixing_shards().build().unwrap();
        for record in &records {
            match aggregator.push(record.clone()) {
                Ok(closed) => one_by_one.extend(closed),
                Err(_) => refused += 1,
            }
        }
        one_by_one.extend(aggregator.flush());
        let (batch, errors) = aggregator.aggregate_batch(records.clone());
        prop_assert_eq!(&batch, &one_by_one);
        prop_assert_eq!(errors.len(), refused);
        let (batch, errors) = sharded().aggregate_batch(records.clone());
        prop_assert_eq!(&batch, &one_by_one);
        prop_assert_eq!(errors.len(), refused);
    }
}
