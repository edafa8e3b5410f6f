//! What the KCL does with every kind of Kinesis record, one test a rule.

use kinesis_aggregation::error::LossKind;
use kinesis_aggregation::wire::MAGIC;
use kinesis_aggregation::{
    Deaggregator, ExtendedSequenceNumber, HashKey, KinesisRecord, Outcome, PlainReason,
    deaggregate, md5,
};

use crate::support::{field, frame, range, read, read_body, read_with, record, unhex};

const MAGIC_HEX: &str = "f3899ac2";

/// Three user records under the keys `a`, `b`, `a` whose data are `0`, `1`, `2`.
fn three() -> Vec<u8> {
    [
        field(1, b"a"),
        field(1, b"b"),
        record(0, None, b"0"),
        record(1, None, b"1"),
        record(0, None, b"2"),
    ]
    .concat()
}

fn assert_plain(data: &[u8], reason: PlainReason) {
    let read = read(data);
    assert_eq!(read.outcome, Outcome::Plain(reason));
    let as_it_is = (Some("outer".to_owned()), None, data.to_vec(), 0);
    assert_eq!(read.user_records, [as_it_is]);
    assert!(read.losses.is_empty());
}

/// The body reads as a plain record, malformed at `offset` of the body.
#[track_caller]
fn assert_malformed(body: &str, offset: usize) {
    let data = frame(&unhex(body));
    assert_plain(&data, PlainReason::Malformed { offset: offset + 4 });
}

#[track_caller]
fn assert_reads_as(body: &str, same: &str) {
    let same = read_body(&unhex(same));
    assert_eq!(same.outcome, Outcome::Aggregated);
    assert_eq!(read_body(&unhex(body)), same);
}

#[test]
fn a_record_without_the_magic_is_plain() {
    assert_plain(b"", PlainReason::NotFramed);
    assert_plain(b"\xF3\x89\x9A", PlainReason::NotFramed);
    assert_plain(
        b"plain data that is longer than the frame",
        PlainReason::NotFramed,
    );
}

#[test]
fn sixteen_bytes_or_fewer_after_the_magic_are_plain() {
    for len in 0..=16 {
        let data = [&MAGIC[..], &vec![0; len]].concat();
        assert_plain(&data, PlainReason::TooShort);
    }
    // Even with the right digest of no message at all.
    assert_plain(&frame(b""), PlainReason::TooShort);
}

#[test]
fn a_wrong_digest_is_plain() {
    let good = frame(&three());
    for at in 4..good.len() {
        let mut corrupt = good.clone();
        corrupt[at] ^= 1;
        assert_plain(&corrupt, PlainReason::DigestMismatch);
    }
    assert_plain(&good[..good.len() - 1], PlainReason::DigestMismatch);
    assert_plain(&[&good[..], b"\0"].concat(), PlainReason::DigestMismatch);
}

#[test]
fn a_missing_required_field_is_plain() {
    assert_malformed("0a0161 1a03 1a0178", 5); // no partition key index
    assert_malformed("0a0161 1a02 0800", 5); // no data
    assert_malformed("0a0161 1a00", 5);
    assert_malformed("0a0161 1a07 0800 1a0178 2200", 12); // a tag without a key
    assert_malformed("0a0161 1a09 0800 1a0178 22021200", 12); // a tag with a value only
}

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
        (loss.record(), loss.user_record(), loss.lost()),
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
            &Deaggregator::new().with_hash_key_range(range(start, end)),
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
        assert_eq!((loss.user_record(), loss.lost()), (user_record, 0..3));
    }
}

#[test]
fn minus_one_and_two_to_the_128_are_out_of_the_full_range() {
    for key in [
        "-1",
        "340282366920938463463374607431768211456",
        &"9".repeat(1000),
    ] {
        let body = [
            field(1, b"a"),
            field(2, key.as_bytes()),
            record(0, None, b"0"),
            record(0, Some(0), b"1"),
        ]
        .concat();
        assert_eq!(read_body(&body).outcome, Outcome::Dropped, "{key:?}");
    }
}

#[test]
fn the_partition_keys_md5_is_judged_by_the_range() {
    let hash = HashKey::of_partition_key("a").get();
    let data = frame(&[field(1, b"a"), record(0, None, b"0")].concat());
    let read_in = |start, end| {
        read_with(
            &Deaggregator::new().with_hash_key_range(range(start, end)),
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
    let read = read_body(&field(1, b"a"));
    assert_eq!(read.outcome, Outcome::Empty);
    assert!(read.user_records.is_empty() && read.losses.is_empty());
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
    let nowhere = Deaggregator::new().with_hash_key_range(range(0, 0));
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
    assert_eq!(
        read_body(&body(&[&good, &out, &bad])).outcome,
        Outcome::Dropped
    );
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
fn a_varint_has_at_most_ten_bytes() {
    // The partition key index 0 in ten bytes; the tenth's upper bits fall off.
    for last in ["00", "7e"] {
        let body = format!("0a0161 1a0e 08 808080808080808080{last} 1a0178");
        assert_eq!(read_body(&unhex(&body)).data(), ["x"], "{last}");
    }
    // 2^63: no such entry.
    let body = "0a0161 1a0e 08 80808080808080808001 1a0178";
    assert_eq!(read_body(&unhex(body)).outcome, Outcome::Cut);
    assert_malformed("0a0161 1a0f 08 8080808080808080808000 1a0178", 6);
    assert_malformed("0a0161 1a0e 08 80808080808080808080 1a0178", 6);
}

#[test]
fn tags_and_lengths_are_cut_to_32_bits() {
    assert_reads_as("8a8080801001611a0508001a0178", "0a01611a0508001a0178");
    assert_reads_as("0a8180808010611a0508001a0178", "0a01611a0508001a0178");
}

#[test]
fn field_number_0_is_malformed() {
    assert_malformed("00", 0);
    assert_malformed("0200", 0);
    // 2^32 is tag 0 after the cut.
    assert_malformed("0a0161 8080808010 00", 3);
}

#[test]
fn the_highest_field_number_is_skipped() {
    // 2^29 - 1, varint.
    assert_reads_as("f8ffffff0f01 0a01611a0508001a0178", "0a01611a0508001a0178");
}

#[test]
fn a_length_beyond_its_message_is_malformed() {
    assert_malformed("0a0261", 1);
    assert_malformed("0a 8080808008", 1); // 2^31
    assert_malformed("0a ffffffff0f", 1); // 2^32 - 1
    // The data go one byte past the end of their record, not of the aggregate.
    assert_malformed("0a0161 1a05 08001a0278 00", 8);
    assert_malformed("0a", 1);
}

#[test]
fn a_known_field_of_another_wire_type_is_unknown() {
    let good = "0a01611a0508001a0178";
    assert_reads_as(&format!("0801 {good}"), good); // a table entry as a varint
    assert_reads_as(&format!("0d00000000 {good}"), good); // as 4 bytes
    assert_reads_as(&format!("090000000000000000 {good}"), good); // as 8 bytes
    assert_reads_as(&format!("0b0c {good}"), good); // as a group
    // A packed index is no index, so the required one is missing.
    assert_malformed("0a0161 1a06 0a0100 1a0178", 5);
}

#[test]
fn the_last_of_a_repeated_scalar_wins() {
    assert_reads_as(
        "0a01610a0162 1a0a 0801 0800 1a0179 1a0178",
        "0a01610a01621a0508001a0178",
    );
}

#[test]
fn tables_may_come_after_the_records() {
    assert_reads_as("1a0508001a01780a0161", "0a01611a0508001a0178");
}

#[test]
fn unknown_fields_are_skipped() {
    let good = "0a01611a0508001a0178";
    for unknown in [
        "2001",
        "210000000000000000",
        "220161",
        "2324",
        "2500000000",
        "232b2c0824",
    ] {
        if unknown != "232b2c0824" {
            assert_reads_as(&format!("{unknown} {good}"), good);
        }
    }
    assert_malformed("26", 1); // wire type 6
    assert_malformed("27", 1); // wire type 7
    assert_malformed("25000000", 1);
    assert_malformed("2100000000000000", 1);
}

#[test]
fn groups_close_with_their_own_number() {
    let good = "0a01611a0508001a0178";
    assert_reads_as(&format!("23 2b2c 0801 24 {good}"), good);
    assert_malformed("23 2c", 1); // another number
    assert_malformed("23", 1); // still open at the end
    assert_malformed("24", 0); // none was open
    assert_malformed("0a0161 1a06 0800 1a0178 24", 10); // in a record
}

#[test]
fn an_end_of_group_in_a_tag_is_malformed() {
    assert_malformed("0a0161 1a0a 0800 1a0178 2203 0a00 24", 14);
}

fn nested_groups(depth: usize) -> Vec<u8> {
    [vec![0x2B; depth], vec![0x2C; depth]].concat()
}

#[test]
fn the_depth_limit_counts_messages_too() {
    let good = |groups: usize| {
        let at_top = [nested_groups(groups), field(1, b"a"), record(0, None, b"x")].concat();
        let in_record = [&[0x08, 0x00, 0x1A, 0x01, b'x'][..], &nested_groups(groups)].concat();
        let tag = [field(1, b"t"), nested_groups(groups)].concat();
        let in_tag = [&[0x08, 0x00, 0x1A, 0x01, b'x'][..], &field(4, &tag)].concat();
        [
            at_top,
            [field(1, b"a"), field(3, &in_record)].concat(),
            [field(1, b"a"), field(3, &in_tag)].concat(),
        ]
        .map(|body| read_body(&body).outcome == Outcome::Aggregated)
    };
    assert_eq!(good(98), [true, true, true]);
    assert_eq!(good(99), [true, true, false]);
    assert_eq!(good(100), [true, false, false]);
    assert_eq!(good(101), [false, false, false]);
}

#[test]
fn tags_are_checked_and_never_decoded() {
    let tag = [field(1, b"\xFF\xFE"), field(2, b"\xFF")].concat();
    let inner = [
        &[0x08, 0x00, 0x1A, 0x01, b'x'][..],
        &field(4, &tag),
        &field(4, &tag),
    ]
    .concat();
    let body = [field(1, b"a"), field(3, &inner)].concat();
    assert_eq!(read_body(&body).data(), ["x"]);
}

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
        let there = Deaggregator::new().with_hash_key_range(range(hash, hash));
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

#[test]
fn salvage_goes_on_and_reports_each_loss() {
    let body = [
        field(1, b"a"),
        field(2, b"nan"),
        field(2, b"-1"),
        record(0, None, b"0"),
        record(7, None, b"1"),
        record(0, None, b"2"),
        record(0, Some(0), b"3"),
        record(0, Some(1), b"4"),
        record(0, None, b"5"),
    ]
    .concat();
    let read = read_with(&Deaggregator::new().with_salvage(true), &frame(&body));
    assert_eq!(read.outcome, Outcome::Cut);
    let kept: Vec<_> = read.user_records.iter().map(|r| r.3).collect();
    assert_eq!(kept, [0, 2, 5]);
    let lost: Vec<_> = read
        .losses
        .iter()
        .map(|loss| (loss.user_record(), loss.lost()))
        .collect();
    assert_eq!(lost, [(1, 1..2), (3, 3..4), (4, 4..5)]);
    assert_eq!(read.losses[2].kind(), &LossKind::OutOfRange);
}

#[test]
fn salvage_never_brings_back_what_is_out_of_range() {
    let body = [
        field(1, b"a"),
        field(2, b"-1"),
        record(0, None, b"0"),
        record(0, Some(0), b"1"),
        record(7, None, b"2"),
    ];
    let read = read_with(
        &Deaggregator::new().with_salvage(true),
        &frame(&body.concat()),
    );
    assert_eq!(read.outcome, Outcome::Dropped);
    assert!(read.user_records.is_empty());
}

fn numbered(sequence_number: &'static str, data: Vec<u8>) -> KinesisRecord {
    KinesisRecord::new("outer", data).with_sequence_number(sequence_number)
}

#[test]
fn resuming_skips_what_is_at_or_below_as_numbers() {
    let page = [
        numbered("9", frame(&three())),
        numbered("10", frame(&three())),
        numbered("11", b"plain".to_vec()),
        numbered("100", frame(&three())),
    ];
    let read_after = |position: &str| {
        let deaggregator = Deaggregator::new().after(position.parse().unwrap());
        let batch = deaggregator.deaggregate_batch(&page);
        let positions: Vec<_> = batch
            .user_records()
            .map(|(source, r)| {
                let sub = r.unwrap().sub_sequence_number();
                format!("{}:{sub}", source.sequence_number().unwrap())
            })
            .collect();
        positions.join(" ")
    };
    assert_eq!(read_after("10:1"), "10:2 11:0 100:0 100:1 100:2");
    assert_eq!(read_after("10:2"), "11:0 100:0 100:1 100:2");
    assert_eq!(read_after("10"), "11:0 100:0 100:1 100:2");
    assert_eq!(read_after("11:0"), "100:0 100:1 100:2");
    assert_eq!(
        read_after("9:0"),
        "9:1 9:2 10:0 10:1 10:2 11:0 100:0 100:1 100:2"
    );
    assert_eq!(read_after("0100"), "");
}

#[test]
fn resuming_judges_the_range_over_the_whole_aggregate() {
    let body = [
        field(1, b"a"),
        field(2, b"5"),
        field(2, b"50"),
        record(0, Some(1), b"0"),
        record(0, Some(0), b"1"),
    ];
    let page = [numbered("1", frame(&body.concat()))];
    let deaggregator = Deaggregator::new()
        .with_hash_key_range(range(0, 9))
        .after("1:0".parse().unwrap());
    let batch = deaggregator.deaggregate_batch(&page);
    assert_eq!(batch.records().next().unwrap().outcome(), Outcome::Dropped);
    assert_eq!(batch.losses()[0].lost(), 1..2); // 0 was had before
}

#[test]
fn resuming_skips_a_loss_that_is_behind_it() {
    let body = [&three()[..], &record(9, None, b"3"), &record(0, None, b"4")].concat();
    let page = [numbered("1", frame(&body))];
    let losses = |deaggregator: Deaggregator, after: &str| {
        let deaggregator = deaggregator.after(after.parse().unwrap());
        deaggregator.deaggregate_batch(&page).losses().to_vec()
    };
    assert_eq!(losses(Deaggregator::new(), "1:0")[0].lost(), 3..5);
    assert_eq!(losses(Deaggregator::new(), "1:3")[0].lost(), 4..5);
    assert!(losses(Deaggregator::new(), "1:4").is_empty());
    assert!(losses(Deaggregator::new().with_salvage(true), "1:3").is_empty());
}

#[test]
fn a_record_without_a_sequence_number_is_never_skipped() {
    let page = [KinesisRecord::new("outer", "data")];
    let after = ExtendedSequenceNumber::end_of("99".parse().unwrap());
    let deaggregator = Deaggregator::new().after(after);
    assert_eq!(
        deaggregator.deaggregate_batch(&page).user_records().count(),
        1
    );
}

#[test]
fn a_batch_gives_the_very_results_of_one_at_a_time() {
    let page = [
        KinesisRecord::new("outer", "plain"),
        KinesisRecord::new("outer", frame(&three())),
        KinesisRecord::new("outer", frame(&unhex("0a01611a0508051a0178"))),
        KinesisRecord::new("outer", frame(b"\0")),
        KinesisRecord::new("outer", frame(&three())),
    ];
    let deaggregator = Deaggregator::new();
    let batch = deaggregator.deaggregate_batch(&page);
    for (position, (one, stored)) in batch.records().zip(&page).enumerate() {
        let alone = deaggregator.deaggregate("outer", stored.data());
        assert_eq!(one.outcome(), alone.outcome());
        let ours = one
            .user_records()
            .map(|r| format!("{r:?}"))
            .collect::<Vec<_>>();
        let theirs = alone
            .user_records()
            .map(|r| format!("{r:?}"))
            .collect::<Vec<_>>();
        // Only the loss knows where in the batch it is.
        let theirs: Vec<_> = theirs
            .into_iter()
            .map(|r| r.replace("record: 0, user", &format!("record: {position}, user")))
            .collect();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn owned_user_records_share_the_kinesis_records_buffer() {
    let body = [
        field(1, b"key"),
        field(1, b"\xFF"),
        record(0, None, b"data"),
        record(1, None, b""),
    ];
    let page = [KinesisRecord::new("outer", frame(&body.concat()))];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    let user_records: Vec<_> = batch
        .owned_user_records()
        .map(|(_, r)| r.unwrap())
        .collect();
    let buffer = page[0].data().as_ptr_range();
    assert!(buffer.contains(&user_records[0].data().as_ptr()));
    assert!(buffer.contains(&user_records[0].partition_key().unwrap().as_ptr()));
    assert_eq!(user_records[1].partition_key(), Some("\u{fffd}"));
}

#[test]
fn nothing_that_is_printed_shows_data_or_keys() {
    let body = [
        field(1, b"SECRET"),
        field(2, b"SECRET"),
        record(0, None, b"SECRET"),
        record(0, Some(0), b"SECRET"),
    ];
    let data = frame(&body.concat());
    let page = [KinesisRecord::new("SECRET", data.clone())];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    let read = deaggregate("SECRET", &data);
    let mut printed = format!("{batch:?} {read:?} {:?} {page:?}", read.user_records());
    for item in &read {
        printed += &format!("{item:?}");
        if let Err(loss) = item {
            printed += &loss.to_string();
        }
    }
    for (_, item) in batch.owned_user_records() {
        printed += &format!("{item:?}");
    }
    assert!(!printed.contains("SECRET"), "{printed}");
    assert!(
        !printed.contains(&format!("{:?}", b"SECRET").replace(['[', ']'], "")),
        "{printed}"
    );
    let digest = md5::digest(b"SECRET");
    assert!(
        !printed.contains(&u128::from_be_bytes(digest).to_string()),
        "{printed}"
    );
    assert_eq!(MAGIC_HEX, hex::encode(MAGIC));
}
