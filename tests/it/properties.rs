//! What holds for any user records and any bytes.

use std::collections::BTreeMap;

use kinesis_aggregation::{
    Aggregator, Deaggregator, HashKey, HashKeyRange, KinesisRecord, Outcome, Shard, ShardMap,
    ShardedAggregator, UserRecord, UserRecordRef, deaggregate, proto, wire,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

use crate::support::{field, frame, range, read_with, record, varint};

fn partition_key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-d]",
        2 => "\\PC{1,20}",
        1 => "[a-z]{256}",
        1 => Just("\u{1f600}".repeat(256)),
    ]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let looks_aggregated = vec(any::<u8>(), 1..30)
        .prop_map(|x| frame(&[field(1, b"k"), record(0, None, &x)].concat()));
    prop_oneof![
        6 => vec(any::<u8>(), 0..40),
        1 => vec(any::<u8>(), 100..600),
        1 => looks_aggregated,
        1 => Just(b"\xF3\x89\x9A\xC2 but no frame at all".to_vec()),
    ]
}

fn hash_key() -> impl Strategy<Value = HashKey> {
    prop_oneof![any::<u128>(), 0..5_u128, Just(u128::MAX)].prop_map(HashKey::new)
}

fn user_record() -> impl Strategy<Value = UserRecord> {
    (partition_key(), option::weighted(0.3, hash_key()), data()).prop_map(
        |(key, hash_key, data)| {
            let record = UserRecord::new(key, data);
            match hash_key {
                Some(hash_key) => record.with_explicit_hash_key(hash_key),
                None => record,
            }
        },
    )
}

fn read_back(records: &[KinesisRecord]) -> Vec<UserRecord> {
    let batch = Deaggregator::new().deaggregate_batch(records);
    batch
        .owned_user_records()
        .map(|(source, r)| {
            let r = r.unwrap();
            let aggregated = r.is_aggregated();
            let record = UserRecord::from(r);
            // Kinesis does not give a plain record's explicit hash key back; we know it here.
            if aggregated || source.explicit_hash_key() == record.hash_key() {
                record
            } else {
                record.with_explicit_hash_key(source.explicit_hash_key().unwrap())
            }
        })
        .collect()
}

/// As it comes back: an explicit hash key that is the partition key's own goes unseen on a plain
/// record.
fn plain(record: UserRecord) -> UserRecord {
    let own = record.partition_key().map(HashKey::of_partition_key);
    if record.explicit_hash_key() == own && own.is_some() {
        UserRecord::new(record.partition_key().unwrap(), record.data().clone())
    } else {
        record
    }
}

/// The length of the frame of `records`, as prost encodes them.
fn prost_len(records: &[UserRecord]) -> usize {
    let mut message = proto::AggregatedRecord::default();
    let index = |table: &mut Vec<String>, key: String| -> u64 {
        let known = table.iter().position(|entry| *entry == key);
        known.unwrap_or_else(|| {
            table.push(key);
            table.len() - 1
        }) as u64
    };
    for record in records {
        let key = record.partition_key().unwrap().to_owned();
        let hash_key = record.explicit_hash_key();
        message.records.push(proto::Record {
            partition_key_index: index(&mut message.partition_key_table, key),
            explicit_hash_key_index: hash_key
                .map(|key| index(&mut message.explicit_hash_key_table, key.to_string())),
            data: record.data().clone(),
            tags: Vec::new(),
        });
    }
    message.encoded_len() + wire::FRAME_OVERHEAD
}

/// The items, after it is checked that each length told on the way is the true one.
fn exactly<I: ExactSizeIterator>(items: I) -> std::vec::IntoIter<I::Item> {
    let mut items = items;
    let mut told = Vec::new();
    let mut seen = Vec::new();
    loop {
        told.push(items.len());
        match items.next() {
            Some(item) => seen.push(item),
            None => break,
        }
    }
    assert!(told.into_iter().eq((0..=seen.len()).rev()));
    seen.into_iter()
}

proptest! {
    #[test]
    fn put_aggregate_read_gives_back_what_was_put(
        records in vec(user_record(), 1..60),
        max_size in prop_oneof![20..300_usize, Just(51_200)],
        max_count in prop_oneof![1..10_usize, Just(usize::MAX)],
    ) {
        let builder = Aggregator::builder().max_size(max_size).max_count(max_count);
        let mut aggregator = builder.mixing_shards().build().unwrap();
        let mut stored: Vec<KinesisRecord> = Vec::new();
        let mut buffered: Vec<UserRecord> = Vec::new();
        for record in &records {
            let was_full = aggregator.is_full();
            let predicted = aggregator.encoded_len();
            let closed = aggregator.push(record.clone()).unwrap();
            buffered.push(record.clone());
            let count = buffered.len();
            if let Some(closed) = closed {
                // Closed for a reason, and at the predicted size.
                prop_assert!(count > max_count || prost_len(&buffered) > max_size);
                prop_assert_eq!(closed.data().len(), predicted);
                buffered.drain(..count - 1);
                stored.push(closed);
            } else {
                prop_assert!(!was_full);
                prop_assert!(count == 1 || (count <= max_count && prost_len(&buffered) <= max_size));
            }
        }
        let predicted = aggregator.encoded_len();
        let last = aggregator.flush().unwrap();
        prop_assert_eq!(last.data().len(), predicted);
        stored.push(last);
        let put: Vec<_> = records.into_iter().map(plain).collect();
        let read: Vec<_> = read_back(&stored).into_iter().map(plain).collect();
        prop_assert_eq!(read, put);
    }

    #[test]
    fn no_aggregate_of_a_sharded_aggregator_straddles_shards(
        records in vec(user_record(), 1..80),
        mut cuts in vec(1..u128::MAX, 0..6),
        other_cuts in vec(1..u128::MAX, 0..6),
        switch_at in 0..80_usize,
    ) {
        cuts.sort_unstable();
        let old = shard_map("old", &cuts);
        let mut other_cuts = other_cuts;
        other_cuts.sort_unstable();
        let new = shard_map("new", &other_cuts);
        let mut aggregator = ShardedAggregator::new(old.clone(), Aggregator::builder()).unwrap();
        let mut stored = Vec::new();
        let mut map = &old;
        let mut total = 0;
        for (i, record) in records.iter().enumerate() {
            if i == switch_at {
                stored.extend(aggregator.set_shard_map(new.clone()));
                map = &new;
            }
            stored.extend(aggregator.push(record.clone()).unwrap());
        }
        stored.extend(aggregator.flush());
        for record in stored {
            let landed = map.predict(record.explicit_hash_key().unwrap());
            let read = read_with(&Deaggregator::new().hash_key_range(landed.hash_key_range()), record.data());
            prop_assert!(read.losses.is_empty());
            prop_assert_eq!(Some(read.user_records.len()), record.user_record_count());
            total += read.user_records.len();
        }
        prop_assert_eq!(total, records.len());
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300), salvage: bool) {
        for data in [bytes.clone(), frame(&bytes)] {
            let read = read_with(&Deaggregator::new().salvage(salvage), &data);
            // Delivered or lost, each exactly once; nothing vanishes.
            if let Outcome::Plain(_) = read.outcome {
                prop_assert_eq!(&read.user_records[0].2, &data);
            }
        }
    }

    #[test]
    fn no_wire_soup_panics_and_every_user_record_is_delivered_or_lost(
        body in wire_soup(),
        salvage: bool,
        end: u128,
        after in option::of(0..6_u64),
    ) {
        let mut deaggregator = Deaggregator::new()
            .salvage(salvage)
            .hash_key_range(range(0, end));
        if let Some(after) = after {
            deaggregator = deaggregator.after(format!("7:{after}").parse().unwrap());
        }
        let data = frame(&body);
        let page = [KinesisRecord::new("outer", data).with_sequence_number("7")];
        let batch = deaggregator.deaggregate_batch(&page);
        let outcome = batch.records()[0].outcome();
        let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
        for (_, item) in &batch {
            match item {
                Ok(r) => *seen.entry(r.sub_sequence_number()).or_default() += 1,
                Err(loss) => {
                    prop_assert!(loss.offset() >= 4 && loss.offset() < page[0].data().len());
                    loss.lost().for_each(|sub| *seen.entry(sub).or_default() += 1);
                }
            }
        }
        prop_assert!(seen.values().all(|times| *times == 1));
        let first = after.map_or(0, |after| after + 1);
        let count = match outcome {
            Outcome::Plain(_) => 1,
            _ => proto_count(&body),
        };
        let expected: Vec<u64> = (first..count).collect();
        prop_assert_eq!(seen.into_keys().collect::<Vec<_>>(), expected);
        let owned: Vec<_> = exactly(batch.owned_user_records()).collect();
        let borrowed: Vec<_> = exactly(batch.user_records()).collect();
        prop_assert_eq!(owned.len(), borrowed.len());
        for ((_, owned), (_, borrowed)) in owned.iter().zip(&borrowed) {
            let owned = owned.as_ref().map(|r| r.as_ref().revealed());
            prop_assert_eq!(owned, borrowed.as_ref().map(UserRecordRef::revealed));
        }
        let alone = deaggregator.deaggregate(&page[0]);
        prop_assert_eq!(exactly(alone.user_records()).len(), borrowed.len());
        prop_assert_eq!(exactly(alone.owned_user_records()).len(), borrowed.len());
    }

    #[test]
    fn with_a_range_it_is_all_or_nothing(
        records in vec(user_record(), 2..20),
        a: u128,
        b: u128,
    ) {
        let mut aggregator = Aggregator::builder().mixing_shards().build().unwrap();
        for record in &records {
            prop_assert!(aggregator.push(record.clone()).unwrap().is_none());
        }
        let stored = aggregator.flush().unwrap();
        let shard = range(a.min(b), a.max(b));
        let read = read_with(&Deaggregator::new().hash_key_range(shard), stored.data());
        let inside = records.iter().all(|record| shard.contains(record.hash_key().unwrap()));
        prop_assert_eq!(read.outcome, if inside { Outcome::Aggregated } else { Outcome::Dropped });
        prop_assert_eq!(read.user_records.len(), if inside { records.len() } else { 0 });
    }

    #[test]
    fn what_prost_encodes_both_readers_read_the_same(
        message in message()
    ) {
        let data = frame(&message.encode_to_vec());
        let read = deaggregate("outer", &data);
        if message.encoded_len() == 0 {
            return Ok(()); // too short to be an aggregate
        }
        let mut expected = Vec::new();
        for record in &message.records {
            let key = message.partition_key_table.get(record.partition_key_index as usize);
            let hash_key = record.explicit_hash_key_index.map(|index| {
                message.explicit_hash_key_table.get(index as usize)
            });
            let (Some(key), true) = (key, hash_key != Some(None)) else { break };
            expected.push((key.as_str(), hash_key.flatten().map(String::as_str), &record.data[..]));
        }
        let ours: Vec<_> = read
            .user_records()
            .filter_map(Result::ok)
            .map(|r| (r.partition_key().unwrap(), r.explicit_hash_key(), r.data()))
            .collect();
        prop_assert_eq!(ours, expected);
    }

    #[test]
    fn sequence_numbers_order_as_numbers(a: u128, b: u128, zeros in 0..5_usize) {
        let parse = |n: u128| format!("{}{n}", "0".repeat(zeros)).parse().unwrap();
        let (x, y): (kinesis_aggregation::SequenceNumber, kinesis_aggregation::SequenceNumber) =
            (parse(a), parse(b));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(x.to_string(), a.to_string());
    }

    #[test]
    fn hash_keys_read_back(number: u128) {
        prop_assert_eq!(number.to_string().parse(), Ok(HashKey::new(number)));
        prop_assert_eq!(format!(" +00{number}\n").parse(), Ok(HashKey::new(number)));
    }
}

fn shard_map(name: &str, cuts: &[u128]) -> ShardMap {
    let starts: Vec<u128> = [0].into_iter().chain(cuts.iter().copied()).collect();
    let mut shards = Vec::new();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(u128::MAX, |next| next - 1);
        if start <= end {
            let range = HashKeyRange::new(HashKey::new(start), HashKey::new(end)).unwrap();
            shards.push(Shard::open(format!("{name}-{i}"), range));
        }
    }
    ShardMap::new(shards).unwrap()
}

/// Messages with good explicit hash keys; indices may be out of range.
fn message() -> impl Strategy<Value = proto::AggregatedRecord> {
    let tag =
        ("\\PC{0,3}", option::of("\\PC{0,3}")).prop_map(|(key, value)| proto::Tag { key, value });
    let record = (
        0..5_u64,
        option::of(0..3_u64),
        vec(any::<u8>(), 0..200),
        vec(tag, 0..3),
    )
        .prop_map(
            |(partition_key_index, explicit_hash_key_index, data, tags)| proto::Record {
                partition_key_index,
                explicit_hash_key_index,
                data: data.into(),
                tags,
            },
        );
    (
        vec("\\PC{0,8}", 0..6),
        vec("[0-9]{1,30}", 0..4),
        vec(record, 0..200),
    )
        .prop_map(|(partition_key_table, explicit_hash_key_table, records)| {
            proto::AggregatedRecord {
                partition_key_table,
                explicit_hash_key_table,
                records,
            }
        })
}

/// Fields of the format, good and bad, in any order.
fn wire_soup() -> impl Strategy<Value = Vec<u8>> {
    let index = prop_oneof![4 => 0..3_u64, 1 => any::<u64>()];
    let hash_key = prop_oneof![
        Just("0"),
        Just("7"),
        Just("-0"),
        Just("x"),
        Just("-1"),
        Just("")
    ];
    let part = prop_oneof![
        3 => vec(any::<u8>(), 0..4).prop_map(|key| field(1, &key)),
        2 => hash_key.prop_map(|key| field(2, key.as_bytes())),
        8 => (index.clone(), option::weighted(0.3, index), vec(any::<u8>(), 0..5))
            .prop_map(|(key, hash_key, data)| record(key, hash_key, &data)),
        1 => (4..2000_u64, any::<u32>()).prop_map(|(number, value)| {
            [varint(number << 3), varint(value.into())].concat()
        }),
        1 => Just(vec![0x2B, 0x33, 0x34, 0x2C]),
    ];
    vec(part, 1..12).prop_map(|parts| parts.concat())
}

/// How many records the top level holds.
fn proto_count(body: &[u8]) -> u64 {
    let framed = frame(body);
    let index = wire::Frame::split(&framed).and_then(|frame| wire::Index::new(&frame).ok());
    index.map_or(0, |index| index.records().len() as u64)
}
