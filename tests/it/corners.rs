//! Gaps in the other tests: each was found by a mutation of the code that none of them noticed.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use kinesis_aggregation::error::{AggregateErrorKind, HashKeyRangeError, ParseHashKeyError};
use kinesis_aggregation::wire::{self, Frame, Index, RecordIndices};
use kinesis_aggregation::{
    Aggregator, DEFAULT_MAX_RECORD_SIZE, DEFAULT_MAX_SIZE, Deaggregator, ExtendedSequenceNumber,
    HIGHEST_MAX_RECORD_SIZE, HashKey, HashKeyRange, KinesisRecord, Outcome, PlainReason,
    SequenceNumber, Shard, ShardedAggregator, StoredRecord, UserRecord, check_delivery,
    deaggregate,
};

use crate::support::{field, frame, record};

#[test]
fn an_index_tells_where_everything_is() {
    let message = [
        field(1, b"a"),
        field(1, b"bb"),
        field(2, b"7"),
        record(1, Some(0), b"data"),
        record(0, None, b""),
    ]
    .concat();
    let data = wire::seal_message(&message);
    let mut index = Index::new(&Frame::split(&data).unwrap()).unwrap();
    let at = |range| str::from_utf8(&data[range]).unwrap();
    let keys: Vec<_> = index.partition_keys().map(at).collect();
    let hash_keys: Vec<_> = index.explicit_hash_keys().map(at).collect();
    assert_eq!((keys, hash_keys), (vec!["a", "bb"], vec!["7"]));
    let [first, second] = index.records() else {
        panic!("{index:?}")
    };
    assert_eq!(at(first.data()), "data");
    let indices = [first, second].map(|r| (r.partition_key_index(), r.explicit_hash_key_index()));
    assert_eq!(indices, [(1, Some(0)), (0, None)]);

    index.refill(&Frame::split(&data).unwrap()).unwrap();
    assert_eq!(index.records().len(), 2);
    // A refused message leaves nothing behind.
    let cut = wire::seal_message(&message[..message.len() - 1]);
    let refused = index.refill(&Frame::split(&cut).unwrap()).unwrap_err();
    // At the length that is too long by one.
    assert_eq!(refused.offset(), cut.len() - 16 - 4);
    assert!(index.records().is_empty());
    assert_eq!(
        index.partition_keys().len() + index.explicit_hash_keys().len(),
        0
    );
}

#[test]
fn the_neighbours_of_a_scripts_digits_are_no_digits() {
    for zero in [
        0x30, 0x660, 0x966, 0xE50, 0x1040, 0x1A80, 0x1A90, 0xABF0, 0xFF10_u32,
    ] {
        for beside in [zero - 1, zero + 10] {
            let text = char::from_u32(beside).unwrap().to_string();
            assert!(text.parse::<HashKey>().is_err(), "{beside:x}");
        }
        let nine = char::from_u32(zero + 9).unwrap().to_string();
        assert_eq!(nine.parse(), Ok(HashKey::new(9)));
    }
    assert_eq!(u128::from(HashKey::new(9)), 9);
}

#[test]
fn a_hash_key_range_reads_and_writes_as_text() {
    let range: HashKeyRange = "7-٩".parse().unwrap();
    assert_eq!((range.start().get(), range.end().get()), (7, 9));
    assert_eq!(range.to_string(), "7-9");
    let error = |text: &str| text.parse::<HashKeyRange>().unwrap_err();
    assert_eq!(error("7"), HashKeyRangeError::NotARange);
    assert_eq!(error("9-7"), HashKeyRangeError::Reversed);
    let not_a_number = HashKeyRangeError::HashKey(ParseHashKeyError::NotANumber);
    assert_eq!((error("a-7"), error("7-")), (not_a_number, not_a_number));
    assert_eq!("7-7".parse::<HashKeyRange>().unwrap().to_string(), "7-7");
}

#[test]
fn sequence_numbers_compare_with_operators_too() {
    let number = |text: &str| text.parse::<SequenceNumber>().unwrap();
    assert!(number("9") < number("10"));
    assert!(number("10") > number("9"));
    assert!(number("010") <= number("10"));
    assert_eq!(number("010").as_str(), "10");
    assert!("".parse::<SequenceNumber>().is_err());
    assert!("1x".parse::<SequenceNumber>().is_err());
    let position: ExtendedSequenceNumber = "010:7".parse().unwrap();
    assert_eq!(position.to_string(), "10:7");
}

#[test]
fn a_hash_key_is_its_number() {
    assert_eq!(u128::from(HashKey::from(7)), 7);
    assert_eq!(HashKey::from(7).to_string(), "7");
}

/// With the limits to the byte: `is_full` says whether the smallest user record would still join.
#[test]
fn an_aggregator_counts_and_knows_when_it_is_full() {
    let limited = |max| {
        let aggregator = Aggregator::builder().max_size(max).build();
        let mut aggregator = aggregator.unwrap();
        aggregator.push(UserRecord::new("a", "1")).unwrap();
        aggregator.push(UserRecord::new("a", "2")).unwrap();
        aggregator
    };
    let smallest = UserRecord::new("a", "");
    let joined = 20 + 3 + 7 + 7 + 6;
    let mut aggregator = limited(joined);
    assert_eq!((aggregator.len(), aggregator.is_full()), (2, false));
    assert!(aggregator.push(smallest.clone()).unwrap().is_none());
    assert_eq!((aggregator.len(), aggregator.encoded_len()), (3, joined));
    let mut aggregator = limited(joined - 1);
    assert!(aggregator.is_full());
    assert!(aggregator.push(smallest).unwrap().is_some());
}

/// Table entries are first told apart by their ends and lengths.
#[test]
fn keys_that_differ_in_the_middle_only_are_different_keys() {
    let keys: Vec<String> = (0..12)
        .map(|n| format!("12345678 {n:02} 12345678"))
        .collect();
    let low = HashKey::from(7);
    let high = HashKey::from((1 << 64) + 7);
    let mut aggregator = Aggregator::builder().mixing_shards().build().unwrap();
    for key in keys.iter().chain(&keys) {
        for hash_key in [low, high] {
            let user_record = UserRecord::new(key.clone(), key.clone());
            let user_record = user_record.with_explicit_hash_key(hash_key);
            assert!(aggregator.push(user_record).unwrap().is_none());
        }
    }
    let closed = aggregator.flush().unwrap();
    let read = deaggregate("a", closed.data());
    let read: Vec<_> = read.user_records().map(Result::unwrap).collect();
    assert_eq!(read.len(), 48);
    for (read, key) in read.chunks(2).zip(keys.iter().chain(&keys)) {
        for (one, hash_key) in read.iter().zip(["7", "18446744073709551623"]) {
            assert_eq!(one.data(), key.as_bytes());
            assert_eq!(one.partition_key(), Some(&key[..]));
            assert_eq!(one.explicit_hash_key(), Some(hash_key));
        }
    }
}

/// Each Kinesis record of a batch tells its own losses.
#[test]
fn a_batch_record_has_its_losses() {
    let cut = frame(&[field(1, b"a"), record(0, None, b""), record(7, None, b"")].concat());
    let page = [cut.clone(), b"plain".to_vec(), cut].map(|data| KinesisRecord::new("outer", data));
    let batch = Deaggregator::new().deaggregate_batch(&page);
    let lost = batch.records().iter().map(|one| one.losses().len());
    assert_eq!(lost.collect::<Vec<_>>(), [1, 0, 1]);
}

/// The hashes of one table are not those of the next.
#[test]
fn each_aggregate_of_a_batch_is_judged_by_its_own_keys() {
    let lower: HashKeyRange = "0-170141183460469231731687303715884105727".parse().unwrap();
    let keys = (0..100).map(|n| format!("key {n}"));
    let (inside, outside): (Vec<_>, Vec<_>) =
        keys.partition(|key| lower.contains(HashKey::of_partition_key(key)));
    let aggregate = |keys: &[String]| {
        let table = keys.iter().map(|key| field(1, key.as_bytes()));
        let records = (0..30).map(|n| record(n, None, b"data"));
        KinesisRecord::new(
            "a",
            frame(&table.chain(records).collect::<Vec<_>>().concat()),
        )
    };
    let page = [&inside, &outside, &inside].map(|keys| aggregate(keys));
    let deaggregator = Deaggregator::new().hash_key_range(lower);
    let batch = deaggregator.deaggregate_batch(&page);
    let delivered = batch
        .records()
        .iter()
        .map(|one| one.user_records().flatten().count());
    assert_eq!(delivered.collect::<Vec<_>>(), [30, 0, 30]);
}

/// The writer for people who know the format: the same bytes as prost's, in the frame.
#[test]
fn the_writer_below_gives_what_prost_writes() {
    let indices = |partition_key, explicit_hash_key| RecordIndices {
        partition_key,
        explicit_hash_key,
    };
    let records = [
        (indices(0, None), &b"data"[..]),
        (indices(1, Some(0)), b""),
        (indices(300, None), &[7; 200]),
    ];
    let written = wire::encode(["a", "bb"], ["7"], records);
    let body = [
        field(1, b"a"),
        field(1, b"bb"),
        field(2, b"7"),
        record(0, None, b"data"),
        record(1, Some(0), b""),
        record(300, None, &[7; 200]),
    ];
    assert_eq!(hex::encode(written), hex::encode(frame(&body.concat())));
}

/// The limits as the KPL and the service have them.
#[test]
fn the_limits_are_the_services() {
    assert_eq!(DEFAULT_MAX_SIZE, 50 * 1024);
    assert_eq!(DEFAULT_MAX_RECORD_SIZE, 1_048_576);
    assert_eq!(HIGHEST_MAX_RECORD_SIZE, 10_485_760);
    let with = |max| Aggregator::builder().max_record_size(max).build();
    assert!(with(10_485_760).is_ok());
    assert!(with(10_485_761).is_err());
}

/// What is too large raw is refused by that size, though it would have to be framed too.
#[test]
fn an_aggregate_as_data_that_is_too_large_raw_is_refused_by_its_own_size() {
    let looks = frame(&[field(1, b"k"), record(0, None, b"x")].concat());
    let size = looks.len() + "key".len();
    let builder = Aggregator::builder().max_size(0).max_record_size(size - 1);
    let mut aggregator = builder.build().unwrap();
    let refused = aggregator.push(UserRecord::new("key", looks)).unwrap_err();
    let max = size - 1;
    assert_eq!(refused.kind(), AggregateErrorKind::TooLarge { size, max });
}

#[test]
fn user_records_without_a_key_share_an_aggregate_of_one_hash_key() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    let keyless = || UserRecord::without_partition_key("x");
    assert!(aggregator.is_empty());
    assert!(aggregator.push(keyless()).unwrap().is_none());
    assert!(!aggregator.is_empty());
    assert!(aggregator.push(keyless()).unwrap().is_none());
    let closed = aggregator
        .push(UserRecord::new("key", "y"))
        .unwrap()
        .unwrap();
    assert_eq!(closed.user_record_count(), Some(2));
    let read = deaggregate(None, closed.data());
    let keys: Vec<_> = read
        .user_records()
        .map(|r| r.unwrap().partition_key())
        .collect();
    assert_eq!(keys[0], keys[1]);
    // And the other way round.
    let closed = aggregator.push(keyless()).unwrap().unwrap();
    assert_eq!(closed.partition_key(), Some("key"));
}

#[test]
fn delivery_is_checked_for_the_whole_record() {
    let [a, b] = ["a", "b"].map(HashKey::of_partition_key);
    let records = [record(0, None, b"1"), record(1, None, b"2")].concat();
    let data = frame(&[field(1, b"a"), field(1, b"b"), records].concat());
    assert!(a < b);
    let check = |start, end| check_delivery(&data, HashKeyRange::new(start, end).unwrap());
    assert_eq!(check(a, b), Ok(Outcome::Aggregated));
    let loss = check(a, a).unwrap_err();
    assert_eq!((loss.sub_sequence_number(), loss.lost()), (1, 0..2));
    // Two keys out of range are no better than one.
    let beyond = HashKey::new(b.get() + 1);
    let loss = check(beyond, HashKey::MAX).unwrap_err();
    assert_eq!((loss.sub_sequence_number(), loss.lost()), (0, 0..2));
    assert_eq!(
        check_delivery(b"plain", HashKeyRange::FULL),
        Ok(Outcome::Plain(PlainReason::NotFramed))
    );
}

#[test]
fn a_key_is_shown_as_the_kcl_reads_it() {
    assert_eq!(wire::key_text(b"key"), "key");
    assert_eq!(wire::key_text(b"\xFFkey"), "\u{FFFD}key");
}

#[test]
fn a_shard_says_what_it_was_made_of() {
    let open = Shard::open("one", HashKeyRange::FULL);
    let closed = Shard::closed("two", HashKeyRange::FULL);
    assert_eq!((open.id(), closed.id()), ("one", "two"));
    assert_eq!((open.is_closed(), closed.is_closed()), (false, true));
}

#[test]
fn a_sharded_aggregators_encoded_len_is_what_flush_gives() {
    let mut sharded = ShardedAggregator::per_hash_key(Aggregator::builder()).unwrap();
    assert_eq!((sharded.len(), sharded.encoded_len()), (0, 0));
    assert!(sharded.is_empty());
    for key in ["a", "a", "b"] {
        sharded.push(UserRecord::new(key, "data")).unwrap();
    }
    for _ in 0..2 {
        let keyless = UserRecord::without_partition_key("data");
        sharded.push(keyless).unwrap();
    }
    let (len, encoded_len) = (sharded.len(), sharded.encoded_len());
    assert!(!sharded.is_empty());
    let flushed = sharded.flush();
    let flushed_len: usize = flushed.iter().map(|one| one.data().len()).sum();
    assert_eq!((len, encoded_len), (5, flushed_len));
    assert!(sharded.is_empty());
}

/// Lengths and counts, under the type's name; what must not be there is tested with the rules.
#[test]
fn debug_says_what_it_is() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    aggregator.push(UserRecord::new("key", "x")).unwrap();
    let mut sharded = ShardedAggregator::per_hash_key(Aggregator::builder()).unwrap();
    sharded.push(UserRecord::new("key", "x")).unwrap();
    let page = [KinesisRecord::new("key", "x")];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    let one = batch.records().first().unwrap();
    let (_, read) = batch.user_records().next().unwrap();
    let (_, owned) = batch.owned_user_records().next().unwrap();
    for (text, name) in [
        (format!("{aggregator:?}"), "Aggregator { len: 1"),
        (format!("{sharded:?}"), "ShardedAggregator { len: 1"),
        (format!("{batch:?}"), "Batch { records: 1, losses: 0"),
        (
            format!("{:?}", deaggregate("key", b"x")),
            "Deaggregated { outcome: Plain",
        ),
        (format!("{one:?}"), "Deaggregated { outcome: Plain"),
        (
            format!("{:?}", read.unwrap()),
            "UserRecordRef { partition_key_len: Some(3)",
        ),
        (
            format!("{:?}", owned.unwrap()),
            "OwnedUserRecord { partition_key_len: Some(3)",
        ),
        (
            format!("{:?}", UserRecord::new("key", "x")),
            "UserRecord { partition_key_len: Some(3)",
        ),
        (
            format!("{:?}", page[0]),
            "KinesisRecord { partition_key_len: Some(3)",
        ),
    ] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn what_is_revealed_is_shown_whole() {
    let user_record = UserRecord::new("key", b"\xFFfirst").with_explicit_hash_key(HashKey::MAX);
    let kinesis_record = KinesisRecord::new("key", "second").with_sequence_number("17");
    for text in [format!("{user_record:?}"), format!("{kinesis_record:?}")] {
        assert!(!text.contains("\"key\"") && !text.contains("first") && !text.contains("second"));
    }
    assert_eq!(
        format!("{:?}", user_record.revealed()),
        "UserRecord { partition_key: Some(\"key\"), explicit_hash_key: \
         Some(HashKey(340282366920938463463374607431768211455)), data: b\"\\xfffirst\" }"
    );
    assert_eq!(
        format!("{:?}", kinesis_record.revealed()),
        "KinesisRecord { partition_key: Some(\"key\"), explicit_hash_key: None, \
         sequence_number: Some(\"17\"), data: b\"second\" }"
    );
    let same = user_record.clone();
    assert_eq!(user_record.revealed(), same.revealed());
}

/// What only an aggregator knows makes no difference.
#[test]
fn a_kinesis_record_that_was_fetched_equals_the_one_that_was_put() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    aggregator.push(UserRecord::new("key", "x")).unwrap();
    let put = aggregator.flush().unwrap();
    assert_eq!(put.user_record_count(), Some(1));
    let other = KinesisRecord::new("key", "x");
    assert_ne!(put, other, "it has no explicit hash key");
    let sent = put.clone().with_sequence_number("1");
    assert_ne!(put, sent);
    assert_eq!(sent, put.with_sequence_number("1"));
    assert_eq!(other.user_record_count(), None);
    assert_eq!(HashSet::from([other.clone(), other]).len(), 1);
}

#[test]
fn data_comes_in_many_forms() {
    let expected = UserRecord::new("key", Bytes::from_static(b"data"));
    let text = String::from("data");
    let vec = text.clone().into_bytes();
    for record in [
        UserRecord::new("key", "data"),
        UserRecord::new("key", text.as_str()),
        UserRecord::new("key", &text),
        UserRecord::new("key", vec.as_slice()),
        UserRecord::new("key", &vec),
        UserRecord::new("key", vec.clone().into_boxed_slice()),
        UserRecord::new("key", vec),
        UserRecord::new("key", *b"data"),
        UserRecord::new("key", b"data"),
        UserRecord::new("key", BytesMut::from("data")),
        UserRecord::new("key", expected.data()),
        UserRecord::new(String::from("key"), text),
    ] {
        assert_eq!(record, expected);
    }
}

/// Gives something else at every call, as no decent one does.
struct Liar {
    truth: Vec<u8>,
    calls: Cell<usize>,
}

impl StoredRecord for Liar {
    fn partition_key(&self) -> Option<&str> {
        self.calls.set(self.calls.get() + 1);
        self.calls.get().is_multiple_of(2).then_some("outer")
    }

    fn data(&self) -> &[u8] {
        let calls = self.calls.get();
        self.calls.set(calls + 1);
        &self.truth[..self.truth.len() * (calls % 3) / 2]
    }

    fn sequence_number(&self) -> Option<&str> {
        Some(["", "1", "x"][self.calls.get() % 3])
    }

    fn share(&self, range: Range<usize>) -> Bytes {
        Bytes::copy_from_slice(&vec![0xFF; range.len() / 2])
    }
}

#[test]
fn a_stored_record_that_lies_gets_nonsense_and_no_panic() {
    let body = [
        field(1, b"key \xFF"),
        field(2, b"7"),
        record(0, Some(0), b"some data"),
        record(0, Some(9), b""),
        record(0, None, b"more"),
    ]
    .concat();
    for start in 0..6 {
        let liar = || Liar {
            truth: frame(&body),
            calls: Cell::new(start),
        };
        let page = [liar(), liar()];
        for salvage in [false, true] {
            let deaggregator = Deaggregator::new()
                .salvage(salvage)
                .after("1:0".parse().unwrap());
            let batch = deaggregator.deaggregate_batch(&page);
            assert!(batch.user_records().count() <= 6);
            assert!(batch.owned_user_records().count() <= 6);
            let lens = batch.user_records().filter_map(|(_, r)| r.ok());
            assert!(lens.map(|r| r.data().len()).sum::<usize>() <= 1000);
        }
    }
}

/// The highest positions there are: nothing wraps around.
#[test]
fn resuming_at_the_highest_positions_skips_all() {
    let body = [field(1, b"a"), record(0, None, b"0"), record(7, None, b"1")].concat();
    let page = [KinesisRecord::new("outer", frame(&body)).with_sequence_number("5")];
    for sub in [2, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        let after = ExtendedSequenceNumber::new("5".parse().unwrap(), sub);
        let deaggregator = Deaggregator::new().salvage(true).after(after);
        let batch = deaggregator.deaggregate_batch(&page);
        assert_eq!(batch.user_records().count(), 0, "{sub}");
    }
}
