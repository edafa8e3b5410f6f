//! Judging: indices, explicit hash keys, hash key ranges.

use kinesis_aggregation::LossKind;
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, Outcome, PlainReason, deaggregate};

use super::three;
use crate::support::{field, frame, range, read_body, read_with, record, unhex};

#[test]
fn a_partition_key_index_out_of_range_cuts() {
    let body = [&three()[..], &record(5, None, b"3"), &record(0, None, b"4")].concat();
    let read = read_body(&body);
    assert_eq!(read.outcome, Outcome::Cut);
    assert_eq!(read.data(), ["0", "1", "2"]);
    let [loss] = &read.losses[..] else {
        panic!("{read:?}")
    };
    assert_eq!(
        (loss.record_index(), loss.sub_sequence_number(), loss.lost()),
        (0, 3, 3..5)
    );
    assert_eq!(loss.offset(), 4 + three().len());
    let kind = LossKind::PartitionKeyIndex {
        index: 5,
        table_len: 2,
    };
    assert_eq!(loss.kind(), &kind);
}

/// The smallest body on which the published KCL throws.
#[test]
fn the_smallest_body_that_the_kcl_throws_on_cuts() {
    let read = read_body(&unhex("0a01611a0508051a0178"));
    assert_eq!(read.outcome, Outcome::Cut);
    assert!(read.user_records.is_empty());
    assert_eq!(read.losses.len(), 1);
}

#[test]
fn an_explicit_hash_key_index_out_of_range_cuts() {
    let read = read_body(&[field(1, b"a"), record(0, Some(0), b"0")].concat());
    assert_eq!(read.outcome, Outcome::Cut);
    let kind = LossKind::ExplicitHashKeyIndex {
        index: 0,
        table_len: 0,
    };
    assert_eq!(read.losses[0].kind(), &kind);
}

#[test]
fn an_explicit_hash_key_that_is_no_integer_cuts() {
    for key in [
        "",
        "+",
        "-",
        "1.0",
        "0x10",
        "1_0",
        " 1",
        "1 ",
        "\u{2212}1",
        "\u{b2}",
        "+-1",
        "1-",
    ] {
        let body = [
            field(1, b"a"),
            field(2, key.as_bytes()),
            record(0, Some(0), b"0"),
        ]
        .concat();
        let read = read_body(&body);
        assert_eq!(read.outcome, Outcome::Cut, "{key:?}");
        assert_eq!(
            read.losses[0].kind(),
            &LossKind::ExplicitHashKey { len: key.len() }
        );
    }
    // A digit outside the BMP is two chars in Java, and neither is a digit.
    let body = [
        field(1, b"a"),
        field(2, "\u{1d7d8}".as_bytes()),
        record(0, Some(0), b"0"),
    ]
    .concat();
    assert_eq!(read_body(&body).outcome, Outcome::Cut);
}

#[test]
fn an_explicit_hash_key_is_delivered_as_it_stands() {
    for key in [
        "-0",
        "007",
        "+1",
        "\u{663}",
        "\u{ff11}\u{abf9}",
        "340282366920938463463374607431768211455",
    ] {
        let body = [
            field(1, b"a"),
            field(2, key.as_bytes()),
            record(0, Some(0), b"0"),
        ]
        .concat();
        let read = read_body(&body);
        assert_eq!(read.outcome, Outcome::Aggregated, "{key:?}");
        assert_eq!(read.user_records[0].1.as_deref(), Some(key));
    }
}

#[test]
fn out_of_range_drops_the_whole_record_at_both_ends_inclusive() {
    let hash_keys = ["10", "20", "15"];
    let mut body = field(1, b"a");
    for key in hash_keys {
        body.extend(field(2, key.as_bytes()));
    }
    for i in 0..3 {
        body.extend(record(0, Some(i), b"x"));
    }
    let data = frame(&body);
    let read_in = |start, end| {
        read_with(
            &Deaggregator::new().hash_key_range(range(start, end)),
            &data,
        )
    };
    assert_eq!(read_in(10, 20).outcome, Outcome::Aggregated);
    for (start, end, user_record) in [(11, 20, 0), (10, 19, 1), (0, 9, 0)] {
        let read = read_in(start, end);
        assert_eq!(read.outcome, Outcome::Dropped);
        assert!(read.user_records.is_empty());
        let [loss] = &read.losses[..] else {
            panic!("{read:?}")
        };
        assert_eq!(loss.kind(), &LossKind::OutOfRange);
        assert_eq!(
            (loss.sub_sequence_number(), loss.lost()),
            (user_record, 0..3)
        );
    }
}

/// In the KCL they are out of the full range, which it uses where it does not know its shard's.
/// Without a range nothing is dropped, and nothing is skipped silently: they cut.
#[test]
fn minus_one_and_two_to_the_128_are_out_of_every_range_and_cut_without_one() {
    for key in [
        "-1",
        "-123",
        "340282366920938463463374607431768211456",
        &"9".repeat(1000),
    ] {
        let body = [
            field(1, b"a"),
            field(2, key.as_bytes()),
            record(0, None, b"0"),
            record(0, Some(0), b"1"),
            record(0, None, b"2"),
        ]
        .concat();
        let kind = LossKind::ExplicitHashKeyNumber { len: key.len() };
        let full = Deaggregator::new().hash_key_range(HashKeyRange::FULL);
        let read = read_with(&full, &frame(&body));
        assert_eq!(read.outcome, Outcome::Dropped, "{key:?}");
        assert!(read.user_records.is_empty());
        assert_eq!(
            (read.losses[0].kind(), read.losses[0].lost()),
            (&kind, 0..3)
        );

        let read = read_body(&body);
        assert_eq!((read.outcome, read.data()), (Outcome::Cut, vec!["0"]));
        assert_eq!(
            (read.losses[0].kind(), read.losses[0].lost()),
            (&kind, 1..3)
        );
    }
}

#[test]
fn the_partition_keys_md5_is_judged_by_the_range() {
    let hash = HashKey::of_partition_key("a").get();
    let data = frame(&[field(1, b"a"), record(0, None, b"0")].concat());
    let read_in = |start, end| {
        read_with(
            &Deaggregator::new().hash_key_range(range(start, end)),
            &data,
        )
        .outcome
    };
    assert_eq!(read_in(hash, hash), Outcome::Aggregated);
    assert_eq!(read_in(hash + 1, u128::MAX), Outcome::Dropped);
    assert_eq!(read_in(0, hash - 1), Outcome::Dropped);
}

#[test]
fn no_user_records_at_all_is_empty() {
    // A key that nothing uses, and a field that nobody knows.
    for body in [field(1, b"a"), field(9, b"")] {
        let read = read_body(&body);
        assert_eq!(read.outcome, Outcome::Empty);
        assert!(read.user_records.is_empty() && read.losses.is_empty());
    }
}

#[test]
fn an_aggregate_inside_an_aggregate_is_not_opened() {
    let inner = frame(&three());
    let read = read_body(&[field(1, b"k"), record(0, None, &inner)].concat());
    assert_eq!(read.user_records.len(), 1);
    assert_eq!(read.user_records[0].2, inner);
}

#[test]
fn a_plain_record_is_delivered_outside_the_range() {
    let nowhere = Deaggregator::new().hash_key_range(range(0, 0));
    let read = read_with(&nowhere, b"plain");
    assert_eq!(read.outcome, Outcome::Plain(PlainReason::NotFramed));
    assert_eq!(read.data(), ["plain"]);
}

#[test]
fn a_plain_record_may_have_no_partition_key() {
    let read = deaggregate(None, b"plain");
    let user_record = read.user_records().next().unwrap().unwrap();
    assert_eq!(user_record.partition_key(), None);
    assert_eq!(user_record.hash_key(), None);
    assert!(!user_record.is_aggregated());
}

#[test]
fn the_first_bad_user_record_decides() {
    let tables = [field(1, b"a"), field(2, b"-1")].concat();
    let (good, out, bad) = (
        record(0, None, b"g"),
        record(0, Some(0), b"o"),
        record(9, None, b"b"),
    );
    let body = |records: &[&Vec<u8>]| {
        let mut body = tables.clone();
        records
            .iter()
            .for_each(|record| body.extend_from_slice(record));
        body
    };
    let full = Deaggregator::new().hash_key_range(HashKeyRange::FULL);
    let read = read_with(&full, &frame(&body(&[&good, &out, &bad])));
    assert_eq!(read.outcome, Outcome::Dropped);
    let read = read_body(&body(&[&good, &bad, &out]));
    assert_eq!((read.outcome, read.data()), (Outcome::Cut, vec!["g"]));
}

/// Partition key index, explicit hash key index, number, range.
#[test]
fn within_one_user_record_the_partition_key_index_comes_first() {
    let body = [field(1, b"a"), field(2, b"-1"), record(9, Some(0), b"x")].concat();
    assert_eq!(read_body(&body).outcome, Outcome::Cut);
    let body = [field(1, b"a"), field(2, b"x"), record(9, Some(9), b"x")].concat();
    let loss = &read_body(&body).losses[0];
    assert!(matches!(
        loss.kind(),
        LossKind::PartitionKeyIndex {
            index: 9,
            table_len: 1
        }
    ));
}

#[test]
fn unused_table_entries_are_not_judged() {
    let body = [
        field(1, b"a"),
        field(2, b"no number"),
        field(1, b"\xFF"),
        record(0, None, b"0"),
    ];
    assert_eq!(read_body(&body.concat()).outcome, Outcome::Aggregated);
}

#[test]
fn an_empty_explicit_hash_key_is_present() {
    let body = [field(1, b"a"), field(2, b""), record(0, Some(0), b"0")].concat();
    assert_eq!(read_body(&body).outcome, Outcome::Cut);
}

// The protobuf reader.

#[test]
fn keys_are_decoded_as_java_does_and_hashed_decoded() {
    for (bytes, text) in [
        (&b"\xED\xA0"[..], "\u{fffd}"),
        (b"\xED\xA0\x80", "\u{fffd}"),
        (b"\xED\xA0\x80\xED\xB0\x80", "\u{fffd}\u{fffd}"),
        (b"\xED\xA0A", "\u{fffd}A"),
        (b"a\xFFb", "a\u{fffd}b"),
        (b"\xE2\x82", "\u{fffd}"),
        (b"\xC0\x80", "\u{fffd}\u{fffd}"),
    ] {
        let data = frame(&[field(1, bytes), record(0, None, b"x")].concat());
        let hash = HashKey::of_partition_key(text).get();
        let there = Deaggregator::new().hash_key_range(range(hash, hash));
        let read = read_with(&there, &data);
        assert_eq!(read.user_records[0].0.as_deref(), Some(text));
    }
}

#[test]
fn an_index_of_2_to_the_31_and_more_is_out_of_range() {
    for index in [1 << 31, (1 << 32) - 2, (1 << 32) - 1, 1 << 32, u64::MAX] {
        let read = read_body(&[field(1, b"a"), record(index, None, b"x")].concat());
        assert_eq!(read.outcome, Outcome::Cut, "{index}");
        let kind = LossKind::PartitionKeyIndex {
            index,
            table_len: 1,
        };
        assert_eq!(read.losses[0].kind(), &kind);
        let body = [field(1, b"a"), field(2, b"1"), record(0, Some(index), b"x")].concat();
        assert_eq!(read_body(&body).outcome, Outcome::Cut, "{index}");
    }
}

// Beyond the KCL: salvage, resuming, batches.
