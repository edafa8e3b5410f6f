//! Protobuf: what protobuf-java reads and what it refuses.

use kinesis_aggregation::Outcome;

use super::{assert_malformed, assert_reads_as};
use crate::support::{field, read_body, record, unhex};

#[test]
fn a_missing_required_field_is_plain() {
    assert_malformed("0a0161 1a03 1a0178", 5); // no partition key index
    assert_malformed("0a0161 1a02 0800", 5); // no data
    assert_malformed("0a0161 1a00", 5);
    assert_malformed("0a0161 1a07 0800 1a0178 2200", 12); // a tag without a key
    assert_malformed("0a0161 1a09 0800 1a0178 22021200", 12); // a tag with a value only
}

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
