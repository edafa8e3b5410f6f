//! What the aggregators promise, one test a rule.

use kinesis_aggregation::error::{AggregateErrorKind, AggregatorConfigError, ShardMapError};
use kinesis_aggregation::packing::{Buffer, Closed};
use kinesis_aggregation::{
    Aggregator, AggregatorBuilder, Deaggregator, HashKey, HashKeyRange, KinesisRecord, Outcome,
    OuterKey, Shard, ShardMap, ShardedAggregator, UserRecord,
};

use crate::support::{field, frame, range, record};

fn put(key: &'static str, data: &'static str) -> UserRecord {
    UserRecord::new(key, data)
}

fn user_records(record: &KinesisRecord) -> Vec<UserRecord> {
    let page = std::slice::from_ref(record);
    let batch = Deaggregator::new().deaggregate_batch(page);
    batch
        .owned_user_records()
        .map(|(_, r)| r.unwrap().into())
        .collect()
}

fn kind(
    result: Result<Option<KinesisRecord>, kinesis_aggregation::AggregateError>,
) -> AggregateErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_lone_user_record_travels_raw_under_its_own_key() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    aggregator.push(put("key", "data")).unwrap();
    assert_eq!(aggregator.encoded_len(), 4);
    let record = aggregator.flush().unwrap();
    assert_eq!(
        (record.partition_key(), &record.data()[..]),
        (Some("key"), &b"data"[..])
    );
    assert_eq!(
        record.explicit_hash_key(),
        Some(HashKey::of_partition_key("key"))
    );
    assert!(aggregator.flush().is_none());
}

#[test]
fn by_default_another_hash_key_closes_the_aggregate() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    assert!(aggregator.push(put("a", "1")).unwrap().is_none());
    assert!(aggregator.push(put("a", "2")).unwrap().is_none());
    // The same effective hash key, though another partition key.
    let same = put("b", "3").with_explicit_hash_key(HashKey::of_partition_key("a"));
    assert!(aggregator.push(same).unwrap().is_none());
    let closed = aggregator.push(put("b", "4")).unwrap().unwrap();
    assert_eq!(closed.user_record_count(), Some(3));
    let closed = aggregator
        .push(put("b", "5").with_explicit_hash_key(HashKey::MIN))
        .unwrap();
    assert_eq!(closed.unwrap().partition_key(), Some("b"));
    assert_eq!(aggregator.len(), 1);
}

#[test]
fn an_aggregator_for_a_range_refuses_what_is_outside_and_keeps_what_it_has() {
    let hash = HashKey::of_partition_key("a").get();
    let builder = Aggregator::builder().hash_key_range(range(hash, hash));
    let mut aggregator = builder.build().unwrap();
    aggregator.push(put("a", "1")).unwrap();
    let error = aggregator.push(put("b", "2")).unwrap_err();
    assert_eq!(error.kind(), AggregateErrorKind::OutOfRange);
    assert_eq!(error.into_record(), put("b", "2"));
    let keyless = UserRecord::without_partition_key("3");
    assert_eq!(
        kind(aggregator.push(keyless)),
        AggregateErrorKind::NoHashKey
    );
    assert_eq!(aggregator.len(), 1);
}

#[test]
fn mixing_shards_mixes_keys() {
    let mut aggregator = Aggregator::builder().mixing_shards().build().unwrap();
    for record in [
        put("a", "1"),
        put("b", "2"),
        UserRecord::without_partition_key("3"),
    ] {
        assert!(aggregator.push(record).unwrap().is_none());
    }
    assert_eq!(user_records(&aggregator.flush().unwrap()).len(), 3);
}

#[test]
fn user_records_without_a_key_share_one_random_key_an_aggregate() {
    let mut aggregator = ShardedAggregator::per_hash_key(Aggregator::builder()).unwrap();
    let mut keys = Vec::new();
    for _ in 0..2 {
        aggregator
            .push(UserRecord::without_partition_key("1"))
            .unwrap();
        aggregator.push(put("key", "2")).unwrap();
        aggregator
            .push(UserRecord::without_partition_key("3"))
            .unwrap();
        let [lone, keyless] = &aggregator.flush()[..] else {
            panic!()
        };
        assert_eq!(lone.partition_key(), Some("key"));
        let read = user_records(keyless);
        let key = read[0].partition_key().unwrap().to_owned();
        assert_eq!(read[1].partition_key(), Some(key.as_str()));
        assert_eq!(
            keyless.explicit_hash_key(),
            Some(HashKey::of_partition_key(&key))
        );
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn keys_have_1_to_256_characters() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    let longest = "\u{1f600}".repeat(256);
    aggregator.push(UserRecord::new(longest, "")).unwrap();
    for (key, chars) in [(String::new(), 0), ("\u{e9}".repeat(257), 257)] {
        let refused = kind(aggregator.push(UserRecord::new(key, "")));
        assert_eq!(refused, AggregateErrorKind::PartitionKeyLength { chars });
    }
    let alone = UserRecord::without_partition_key("").with_explicit_hash_key(HashKey::MIN);
    assert_eq!(
        kind(aggregator.push(alone)),
        AggregateErrorKind::ExplicitHashKeyAlone
    );
}

#[test]
fn a_lone_raw_record_is_bounded_by_the_record_size_only() {
    let builder = || Aggregator::builder().max_size(100).max_record_size(1000);
    let mut aggregator = builder().build().unwrap();
    aggregator
        .push(UserRecord::new("key", vec![0; 997]))
        .unwrap();
    assert!(aggregator.is_full());
    let refused = kind(aggregator.push(UserRecord::new("key", vec![0; 998])));
    assert_eq!(
        refused,
        AggregateErrorKind::TooLarge {
            size: 1001,
            max: 1000
        }
    );
    // The key counts in bytes.
    let refused = kind(aggregator.push(UserRecord::new("\u{e9}", vec![0; 999])));
    assert_eq!(
        refused,
        AggregateErrorKind::TooLarge {
            size: 1001,
            max: 1000
        }
    );
    assert_eq!(aggregator.len(), 1);
    let closed = aggregator.push(put("key", "")).unwrap().unwrap();
    assert_eq!(closed.size(), 1000);
}

#[test]
fn data_that_reads_as_an_aggregate_is_framed_and_bounded_so() {
    let looks = frame(&[field(1, b"k"), record(0, None, b"x")].concat());
    let framed_len = 20 + 5 + (2 + 2 + 2 + looks.len()); // the key has 3 bytes
    let builder = |max| {
        Aggregator::builder()
            .max_size(0)
            .max_record_size(max)
            .max_count(1)
    };
    let mut aggregator = builder(framed_len + 1).build().unwrap();
    aggregator
        .push(UserRecord::new("key", looks.clone()))
        .unwrap();
    assert_eq!(aggregator.encoded_len(), framed_len);
    let record = aggregator.flush().unwrap();
    assert_eq!(
        (record.partition_key(), record.size()),
        (Some("a"), framed_len + 1)
    );
    assert_eq!(&user_records(&record)[0].data()[..], looks);

    let mut aggregator = builder(framed_len).build().unwrap();
    let size = framed_len + 1;
    let refused = kind(aggregator.push(UserRecord::new("key", looks.clone())));
    assert_eq!(
        refused,
        AggregateErrorKind::TooLarge {
            size,
            max: framed_len
        }
    );
    // With a wrong digest it is data like any other.
    let mut broken = looks;
    broken[5] ^= 1;
    aggregator
        .push(UserRecord::new("key", broken.clone()))
        .unwrap();
    assert_eq!(&aggregator.flush().unwrap().data()[..], broken);
}

#[test]
fn the_count_is_a_limit_too() {
    let mut aggregator = Aggregator::builder().max_count(2).build().unwrap();
    aggregator.push(put("a", "1")).unwrap();
    assert!(!aggregator.is_full());
    aggregator.push(put("a", "2")).unwrap();
    assert!(aggregator.is_full());
    let closed = aggregator.push(put("a", "3")).unwrap().unwrap();
    assert_eq!(closed.user_record_count(), Some(2));
}

#[test]
fn the_outer_key_is_of_choice() {
    for (outer_key, expected) in [
        (OuterKey::Kpl, "a"),
        (OuterKey::First, "first"),
        (OuterKey::Fixed("fixed".into()), "fixed"),
    ] {
        let builder = Aggregator::builder().outer_key(outer_key).mixing_shards();
        let mut aggregator = builder.build().unwrap();
        aggregator.push(put("first", "1")).unwrap();
        aggregator.push(put("second", "2")).unwrap();
        assert_eq!(aggregator.flush().unwrap().partition_key(), Some(expected));
        aggregator.push(put("own", "3")).unwrap();
        assert_eq!(aggregator.flush().unwrap().partition_key(), Some("own"));
    }
}

#[test]
fn settings_that_could_break_the_record_size_are_refused() {
    let refused = |builder: AggregatorBuilder| builder.build().unwrap_err();
    let builder = || Aggregator::builder().max_record_size(1000);
    builder().max_size(999).build().unwrap();
    assert!(matches!(
        refused(builder().max_size(1000)),
        AggregatorConfigError::MaxSize { .. }
    ));
    builder()
        .max_size(997)
        .outer_key(OuterKey::Fixed("abc".into()))
        .build()
        .unwrap();
    let fixed = builder()
        .max_size(998)
        .outer_key(OuterKey::Fixed("abc".into()));
    assert!(matches!(
        refused(fixed),
        AggregatorConfigError::MaxSize {
            outer_key_len: 3,
            ..
        }
    ));
    let first = builder().max_size(0).outer_key(OuterKey::First);
    assert!(matches!(
        refused(first),
        AggregatorConfigError::MaxSize {
            outer_key_len: 1024,
            ..
        }
    ));
    let empty = builder().max_size(0).outer_key(OuterKey::Fixed("".into()));
    assert_eq!(
        refused(empty),
        AggregatorConfigError::OuterKeyLength { chars: 0 }
    );
    assert_eq!(
        refused(Aggregator::builder().max_count(0)),
        AggregatorConfigError::MaxCount
    );
    for max_record_size in [0, 10 * 1024 * 1024 + 1] {
        let builder = Aggregator::builder()
            .max_record_size(max_record_size)
            .max_size(0);
        assert_eq!(
            refused(builder),
            AggregatorConfigError::MaxRecordSize { max_record_size }
        );
    }
}

/// The KPL's estimate packs less.
#[test]
fn a_user_record_that_fits_exactly_joins() {
    let mut aggregator = Aggregator::builder()
        .max_size(20 + 3 + 7 + 7)
        .build()
        .unwrap();
    aggregator.push(put("a", "1")).unwrap();
    assert!(!aggregator.is_full());
    assert!(aggregator.push(put("a", "2")).unwrap().is_none());
    assert_eq!(aggregator.encoded_len(), 37);
    assert!(aggregator.is_full());
    assert_eq!(
        aggregator.push(put("a", "")).unwrap().unwrap().data().len(),
        37
    );
}

fn halves() -> [Shard; 2] {
    let middle = 1 << 127;
    [
        Shard::open("low", range(0, middle - 1)),
        Shard::open(
            "high",
            HashKeyRange::new(HashKey::new(middle), HashKey::MAX).unwrap(),
        ),
    ]
}

#[test]
fn a_shard_map_leaves_closed_shards_out_and_remembers_them() {
    let parent = Shard::closed("parent", HashKeyRange::FULL);
    let [low, high] = halves();
    let map = ShardMap::new([high.clone(), parent, low.clone()]).unwrap();
    assert_eq!(map.open_shards(), [low.clone(), high.clone()]);
    assert_eq!(map.predict(HashKey::new((1 << 127) - 1)), &low);
    assert_eq!(map.predict(HashKey::new(1 << 127)), &high);
    assert_eq!(map.predict(HashKey::MAX), &high);
    assert_eq!(map.hash_key_range("parent"), Some(HashKeyRange::FULL));
    let newer = ShardMap::one_shard("merged").remembering(&map);
    assert_eq!(newer.hash_key_range("low"), Some(low.hash_key_range()));
    assert_eq!(newer.open_shards().len(), 1);
}

#[test]
fn a_shard_map_with_gap_or_overlap_is_refused() {
    let [low, high] = halves();
    let refused = |shards: &[&Shard]| ShardMap::new(shards.iter().copied().cloned()).unwrap_err();
    assert_eq!(
        refused(&[]),
        ShardMapError::Gap {
            at: HashKey::new(0)
        }
    );
    assert_eq!(
        refused(&[&high]),
        ShardMapError::Gap {
            at: HashKey::new(0)
        }
    );
    assert_eq!(
        refused(&[&low]),
        ShardMapError::Gap {
            at: HashKey::new(1 << 127)
        }
    );
    let full = Shard::open("full", HashKeyRange::FULL);
    assert_eq!(
        refused(&[&full, &high]),
        ShardMapError::Overlap { id: "high".into() }
    );
    let touching = Shard::open("touching", range(5, (1 << 127) - 1));
    let head = Shard::open("head", range(0, 5));
    let overlap = ShardMapError::Overlap {
        id: "touching".into(),
    };
    assert_eq!(refused(&[&head, &touching, &high]), overlap);
    let changed = Shard::open("low", HashKeyRange::FULL);
    assert_eq!(
        refused(&[&low, &changed]),
        ShardMapError::RangeChanged { id: "low".into() }
    );
    let closed = Shard::closed("low", low.hash_key_range());
    assert_eq!(
        refused(&[&low, &closed, &high]),
        ShardMapError::Gap {
            at: HashKey::new(0)
        }
    );
}

#[test]
fn a_new_shard_map_re_routes_what_is_buffered() {
    let one = ShardMap::one_shard("one");
    let mut aggregator = ShardedAggregator::new(one, Aggregator::builder()).unwrap();
    let hash_keys = [0, 1 << 127, 1, (1 << 127) + 1];
    for hash_key in hash_keys {
        let record = put("key", "data").with_explicit_hash_key(HashKey::new(hash_key));
        assert!(aggregator.push(record).unwrap().is_none());
    }
    let closed = aggregator.set_shard_map(ShardMap::new(halves()).unwrap());
    assert!(closed.is_empty());
    assert_eq!(aggregator.len(), 4);
    assert_eq!(
        aggregator.shard_map().unwrap().hash_key_range("one"),
        Some(HashKeyRange::FULL)
    );
    let flushed = aggregator.flush();
    assert_eq!(flushed.len(), 2);
    for (record, shard) in flushed.iter().zip(halves()) {
        let deaggregator = Deaggregator::new().hash_key_range(shard.hash_key_range());
        let batch = deaggregator.deaggregate_batch(std::slice::from_ref(record));
        assert_eq!(batch.records()[0].outcome(), Outcome::Aggregated);
    }
}

#[test]
fn a_merge_gives_back_what_does_not_fit_together() {
    let map = ShardMap::new(halves()).unwrap();
    let builder = Aggregator::builder().max_count(2);
    let mut aggregator = ShardedAggregator::new(map, builder).unwrap();
    for hash_key in [0, 1, 1 << 127, (1 << 127) + 1] {
        let record = put("key", "data").with_explicit_hash_key(HashKey::new(hash_key));
        assert!(aggregator.push(record).unwrap().is_none());
    }
    let closed = aggregator.set_shard_map(ShardMap::one_shard("merged"));
    assert_eq!(closed.len(), 1);
    assert_eq!(aggregator.len(), 2);
}

#[test]
fn what_no_sharded_aggregator_can_honour_is_refused() {
    let builders = || {
        [
            Aggregator::builder().hash_key_range(range(0, 1)),
            Aggregator::builder().mixing_shards(),
        ]
    };
    for builder in builders() {
        let error = ShardedAggregator::per_hash_key(builder).unwrap_err();
        assert_eq!(error, AggregatorConfigError::Scope);
    }
    for builder in builders() {
        let map = ShardMap::one_shard("shardId-000000000000");
        let error = ShardedAggregator::new(map, builder).unwrap_err();
        assert_eq!(error, AggregatorConfigError::Scope);
    }
    for builder in builders() {
        let error = builder.into_settings().unwrap_err();
        assert_eq!(error, AggregatorConfigError::Scope);
    }
}

/// What a `Buffer` closes is what an `Aggregator` makes, and the data of its user records is in
/// memory once.
#[test]
fn members_of_a_buffer_share_the_data_of_its_kinesis_record() {
    let records = [
        put("a", "one"),
        put("b", "").with_explicit_hash_key(HashKey::MAX),
        UserRecord::new("a", vec![7; 300]),
        put("a", "four").with_explicit_hash_key(HashKey::MAX),
    ];
    let settings = Aggregator::builder().into_settings().unwrap();
    let mut aggregator = Aggregator::builder().mixing_shards().build().unwrap();
    let mut buffer = Buffer::default();
    let mut closed = Vec::new();
    for count in 1..=records.len() {
        for record in &records[..count] {
            assert!(aggregator.push(record.clone()).unwrap().is_none());
            assert_eq!(buffer.try_push(record.clone(), None, &settings), Ok(()));
        }
        closed.push((
            aggregator.flush().unwrap(),
            buffer.close(&settings).unwrap(),
        ));
        assert!(buffer.is_empty());
    }
    let (expected, closed): (Vec<_>, Vec<_>) = closed.into_iter().unzip();
    let sealed = Closed::seal_all(closed);
    assert_eq!(sealed.len(), expected.len());
    for ((kinesis_record, members), expected) in sealed.into_iter().zip(expected) {
        assert_eq!(kinesis_record, expected);
        assert_eq!(members, records[..members.len()]);
        let whole = kinesis_record.data().as_ptr_range();
        for member in members.iter().filter(|member| !member.data().is_empty()) {
            let part = member.data().as_ptr_range();
            assert!(whole.start <= part.start && part.end <= whole.end);
        }
    }
}

#[test]
fn the_first_user_record_decides_the_hash_key() {
    let settings = Aggregator::builder().into_settings().unwrap();
    let mut buffer = Buffer::default();
    buffer.push(put("a", "").with_explicit_hash_key(HashKey::new(7)), None);
    buffer.push(put("b", ""), None);
    assert_eq!(buffer.hash_key(), HashKey::new(7));
    let mut keyless = Buffer::with_random_key("random");
    keyless.push(UserRecord::without_partition_key("data"), None);
    assert_eq!(keyless.hash_key(), HashKey::of_partition_key("random"));
    let [(record, _)] = &Closed::seal_all(vec![keyless.close(&settings).unwrap()])[..] else {
        panic!()
    };
    assert_eq!(record.partition_key(), Some("random"));
}
