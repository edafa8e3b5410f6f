//! The quick ways give what the general ones give.

use std::ops::Range;

use kinesis_aggregation::md5::Level;
use kinesis_aggregation::wire::{self, EncodedSize, Frame, Index, RecordIndices};
use kinesis_aggregation::{
    Aggregator, Deaggregator, HashKey, HashKeyRange, KinesisRecord, Outcome, ShardMap,
    ShardedAggregator, UserRecord,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::support::{field, frame, range, read_with, record, varint};

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

    /// Where rule 4 alone can be broken, the whole table is hashed at once. Entries that no user
    /// record uses, more than there are user records, make the reader judge them one by one. They
    /// follow the user records, so that offsets are the same.
    #[test]
    fn a_table_hashed_at_once_judges_as_user_records_one_by_one(
        (keys, used) in vec("[a-e]{1,2}", 1..8).prop_flat_map(|keys| {
            let used = vec(0..keys.len(), keys.len()..12);
            (Just(keys), used)
        }),
        ends: (prop::sample::Index, prop::sample::Index),
        salvage: bool,
    ) {
        let mut hash_keys: Vec<_> = keys.iter().map(|key| HashKey::of_partition_key(key)).collect();
        hash_keys.sort();
        let (a, b) = (ends.0.get(&hash_keys), ends.1.get(&hash_keys));
        let range = HashKeyRange::new(*a.min(b), *a.max(b)).unwrap();
        let rules = Deaggregator::new().hash_key_range(range).salvage(salvage);
        let mut body: Vec<u8> = keys.iter().flat_map(|key| field(1, key.as_bytes())).collect();
        body.extend(used.iter().flat_map(|key| record(*key as u64, None, b"data")));
        let at_once = read_with(&rules, &frame(&body));
        body.extend(vec![field(1, b"unused"); used.len()].concat());
        prop_assert_eq!(&at_once, &read_with(&rules, &frame(&body)));
        let all_inside = used.iter().all(|key| range.contains(HashKey::of_partition_key(&keys[*key])));
        let expected = if all_inside { Outcome::Aggregated } else { Outcome::Dropped };
        prop_assert_eq!(at_once.outcome, expected);
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

/// The usual header's lengths and keys, all around where it ends.
#[test]
fn every_header_is_written_as_the_format_has_it_and_as_long_as_was_said() {
    for data_len in (0..300).chain(16_360..16_400) {
        for partition_key in [0, 1, 127, 128, 255, 256, 16_384] {
            for explicit_hash_key in [None, Some(0), Some(128)] {
                let data = vec![b'x'; data_len];
                let indices = RecordIndices {
                    partition_key,
                    explicit_hash_key,
                };
                let written = wire::encode(["k"], [""; 0], [(indices, &data[..])]);
                let hash_key = explicit_hash_key.map(u64::from);
                let plainly = [
                    field(1, b"k"),
                    record(partition_key.into(), hash_key, &data),
                ];
                assert_eq!(written, frame(&plainly.concat()), "{indices:?}, {data_len}");
                let said = EncodedSize::default()
                    .with_key(1)
                    .with_record(indices, data_len);
                assert_eq!(written.len(), said.get(), "{indices:?}, {data_len}");
            }
        }
    }
}
