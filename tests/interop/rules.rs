//! The rules of reading, one Kinesis record each: the rows of the compatibility page, and seeds
//! for the generator.

use crate::wire::{LENGTH, VARINT, field, frame, nested_groups, record, tag, varint_of};

pub(crate) struct Rule {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    pub(crate) data: fn() -> Vec<u8>,
    /// The shard's range; none for the library's call without one.
    pub(crate) range: Option<(u128, u128)>,
}

/// The hash keys of the partition keys `a` and `b`.
const A: u128 = 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661;
const B: u128 = 0x92eb_5ffe_e6ae_2fec_3ad7_1c77_7531_578f;

/// A range that is 0 to 2^128-1.
const FULL: Option<(u128, u128)> = Some((0, u128::MAX));

const ONE: &[u8] = b"\x0a\x01a\x1a\x05\x08\x00\x1a\x01x";

/// An aggregate of the keys, the explicit hash keys and the user records, whose data count up.
fn of(keys: &[&[u8]], hash_keys: &[&[u8]], records: &[(u64, Option<u64>)]) -> Vec<u8> {
    let keys = keys.iter().map(|key| field(1, key));
    let hash_keys = hash_keys.iter().map(|key| field(2, key));
    let records = records.iter().zip(0_u8..).map(|(&(key, hash_key), n)| {
        let data = [b'0' + n];
        field(3, &record(key, hash_key, &data))
    });
    let body: Vec<_> = keys.chain(hash_keys).chain(records).collect();
    frame(&body.concat())
}

fn two() -> Vec<u8> {
    of(&[b"a", b"b"], &[], &[(0, None), (1, None)])
}

fn hash_key(text: &str) -> Vec<u8> {
    of(&[b"a"], &[text.as_bytes()], &[(0, None), (0, Some(0))])
}

fn with(fields: &[&[u8]]) -> Vec<u8> {
    frame(&fields.concat())
}

fn key(bytes: &[u8]) -> Vec<u8> {
    of(&[bytes], &[], &[(0, None)])
}

/// One user record under `a`, its first index written so.
fn index(varint: &[u8]) -> Vec<u8> {
    let record = [&tag(1, VARINT)[..], varint, &field(3, b"x")].concat();
    with(&[&field(1, b"a"), &field(3, &record)])
}

fn groups(depth: usize, place: usize) -> Vec<u8> {
    let groups = nested_groups(4 + 5, depth);
    let plain = record(0, None, b"x");
    let record = match place {
        0 => plain,
        1 => [groups.clone(), plain].concat(),
        _ => [plain, field(4, &[field(1, b"t"), groups.clone()].concat())].concat(),
    };
    let top = if place == 0 { groups } else { Vec::new() };
    with(&[&field(1, b"a"), &top, &field(3, &record)])
}

const FRAME: &str = "The frame";
const JUDGING: &str = "Judging";
const PROTOBUF: &str = "Protobuf";
const HASH_KEYS: &str = "Explicit hash keys";
const UTF8: &str = "Keys that are not UTF-8";

const fn rule(section: &'static str, name: &'static str, data: fn() -> Vec<u8>) -> Rule {
    Rule {
        section,
        name,
        data,
        range: FULL,
    }
}

const fn within(mut rule: Rule, start: u128, end: u128) -> Rule {
    rule.range = Some((start, end));
    rule
}

const fn without_range(mut rule: Rule) -> Rule {
    rule.range = None;
    rule
}

pub(crate) const RULES: &[Rule] = &[
    rule(FRAME, "no magic", || b"plain".to_vec()),
    rule(FRAME, "shorter than the magic", || b"\xF3\x89".to_vec()),
    rule(
        FRAME,
        "16 bytes after the magic: an empty body and its right digest",
        || frame(b""),
    ),
    rule(FRAME, "wrong digest", || with_last_byte(&with(&[ONE]))),
    rule(FRAME, "one byte after the digest", || {
        [with(&[ONE]), vec![0]].concat()
    }),
    rule(FRAME, "the last byte missing", || {
        with(&[ONE])
            .split_last()
            .map(|(_, rest)| rest.to_vec())
            .unwrap_or_default()
    }),
    rule(JUDGING, "two user records", two),
    without_range(rule(JUDGING, "two user records, no range given", two)),
    rule(JUDGING, "no user record", || with(&[&field(1, b"a")])),
    rule(JUDGING, "data that is an aggregate itself", || {
        with(&[&field(1, b"a"), &field(3, &record(0, None, &with(&[ONE])))])
    }),
    within(
        rule(
            JUDGING,
            "range of just that hash key, both ends inclusive",
            || with(&[ONE]),
        ),
        A,
        A,
    ),
    within(
        rule(JUDGING, "range that starts one above", || with(&[ONE])),
        A + 1,
        u128::MAX,
    ),
    within(
        rule(JUDGING, "range that ends one below", || with(&[ONE])),
        0,
        A - 1,
    ),
    within(rule(JUDGING, "the second of two out of range", two), A, A),
    within(rule(JUDGING, "the first of two out of range", two), B, B),
    within(
        rule(JUDGING, "plain, its own key out of range", || {
            b"plain".to_vec()
        }),
        0,
        0,
    ),
    within(
        rule(
            JUDGING,
            "explicit hash key in range, partition key not",
            || of(&[b"a"], &[b"7"], &[(0, Some(0))]),
        ),
        7,
        7,
    ),
    within(
        rule(
            JUDGING,
            "partition key in range, explicit hash key not",
            || of(&[b"a"], &[b"7"], &[(0, Some(0))]),
        ),
        A,
        A,
    ),
    rule(JUDGING, "partition key index out of range", || {
        of(&[b"a"], &[], &[(0, None), (5, None), (0, None)])
    }),
    rule(JUDGING, "explicit hash key index out of range", || {
        of(&[b"a"], &[b"7"], &[(0, Some(0)), (0, Some(1)), (0, None)])
    }),
    rule(
        JUDGING,
        "the first user record bad (the smallest such body)",
        || with(&[b"\x0a\x01a\x1a\x05\x08\x05\x1a\x01x"]),
    ),
    within(
        rule(JUDGING, "out of range before a bad index", || {
            of(&[b"a"], &[], &[(0, None), (5, None)])
        }),
        B,
        B,
    ),
    within(
        rule(JUDGING, "a bad index before out of range", || {
            of(&[b"a", b"b"], &[], &[(0, None), (5, None), (1, None)])
        }),
        A,
        A,
    ),
    within(
        rule(
            JUDGING,
            "out of range and a bad explicit hash key in one user record",
            || of(&[b"a"], &[b"x"], &[(0, Some(0))]),
        ),
        B,
        B,
    ),
    rule(
        JUDGING,
        "a table entry that no user record uses is bad",
        || of(&[b"a", b"\xFF"], &[b"x"], &[(0, None)]),
    ),
    rule(
        JUDGING,
        "a later user record without explicit hash key",
        || of(&[b"a"], &[b"7"], &[(0, Some(0)), (0, None)]),
    ),
    rule(JUDGING, "explicit hash key present and empty", || {
        hash_key("")
    }),
    rule(PROTOBUF, "no partition key index", || {
        with(&[&field(1, b"a"), &field(3, &field(3, b"x"))])
    }),
    rule(PROTOBUF, "no data", || {
        with(&[&field(1, b"a"), &field(3, b"\x08\x00")])
    }),
    rule(PROTOBUF, "a tag without a key", || {
        with(&[
            &field(1, b"a"),
            &field(3, &[record(0, None, b"x"), field(4, b"")].concat()),
        ])
    }),
    rule(PROTOBUF, "a tag of any bytes", || {
        with(&[
            &field(1, b"a"),
            &field(
                3,
                &[record(0, None, b"x"), field(4, &field(1, b"\xFF\xFE"))].concat(),
            ),
        ])
    }),
    rule(PROTOBUF, "a length beyond the end", || {
        with(&[ONE, b"\x0a\x05a"])
    }),
    rule(PROTOBUF, "tables after the user records", || {
        with(&[&field(3, &record(0, None, b"x")), &field(1, b"a")])
    }),
    rule(PROTOBUF, "a scalar twice", || {
        with(&[
            &field(1, b"a"),
            &field(1, b"b"),
            &field(
                3,
                &[tag(1, VARINT), vec![0], record(1, None, b"x")].concat(),
            ),
        ])
    }),
    rule(PROTOBUF, "unknown fields of every wire type", || {
        with(&[
            ONE,
            b"\x28\x01\x29\x00\x00\x00\x00\x00\x00\x00\x00\x2a\x01x\x2b\x2c\x2d\x00\x00\x00\x00",
        ])
    }),
    rule(
        PROTOBUF,
        "a known field with another wire type beside the right one",
        || with(&[b"\x08\x01", ONE]),
    ),
    rule(
        PROTOBUF,
        "a required field with another wire type only",
        || with(&[&field(1, b"a"), &field(3, b"\x0a\x01\x00\x1a\x01x")]),
    ),
    rule(PROTOBUF, "wire type 6", || with(&[ONE, b"\x2e"])),
    rule(PROTOBUF, "field number 0", || with(&[ONE, b"\x00\x01"])),
    rule(PROTOBUF, "the highest field number", || {
        with(&[ONE, b"\xf8\xff\xff\xff\x0f\x01"])
    }),
    rule(PROTOBUF, "an end of group without a start", || {
        with(&[ONE, b"\x2c"])
    }),
    rule(PROTOBUF, "a group closed by another number", || {
        with(&[ONE, b"\x2b\x34"])
    }),
    rule(PROTOBUF, "a group that is not closed", || {
        with(&[ONE, b"\x2b"])
    }),
    rule(
        PROTOBUF,
        "100 groups, one in the other, at top level",
        || groups(100, 0),
    ),
    rule(PROTOBUF, "101 groups at top level", || groups(101, 0)),
    rule(PROTOBUF, "99 groups in a user record", || groups(99, 1)),
    rule(PROTOBUF, "100 groups in a user record", || groups(100, 1)),
    rule(PROTOBUF, "98 groups in a tag", || groups(98, 2)),
    rule(PROTOBUF, "99 groups in a tag", || groups(99, 2)),
    rule(PROTOBUF, "a tag beyond 32 bits is cut", || {
        frame(b"\x8a\x80\x80\x80\x10\x01a\x1a\x05\x08\x00\x1a\x01x")
    }),
    rule(PROTOBUF, "a length beyond 32 bits is cut", || {
        frame(b"\x0a\x81\x80\x80\x80\x10a\x1a\x05\x08\x00\x1a\x01x")
    }),
    rule(PROTOBUF, "a length of 2^31", || {
        with(&[ONE, b"\x2a\x80\x80\x80\x80\x08"])
    }),
    rule(PROTOBUF, "an overlong varint of ten bytes", || {
        index(&varint_of(0, 10))
    }),
    rule(
        PROTOBUF,
        "a varint of ten bytes, bits beyond 2^64 cut",
        || index(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e"),
    ),
    rule(PROTOBUF, "a varint of eleven bytes", || {
        index(&varint_of(0, 11))
    }),
    rule(PROTOBUF, "index 2^31", || index(&varint_of(1 << 31, 5))),
    rule(PROTOBUF, "index 2^32", || index(&varint_of(1 << 32, 5))),
    rule(PROTOBUF, "index 2^63", || index(&varint_of(1 << 63, 10))),
    rule(PROTOBUF, "the tag of a table as 10 bytes", || {
        with(&[
            &varint_of(u64::from((1_u32 << 3) | LENGTH), 10),
            b"\x01a",
            &field(3, &record(0, None, b"x")),
        ])
    }),
    rule(HASH_KEYS, "2^128-1", || {
        hash_key("340282366920938463463374607431768211455")
    }),
    rule(HASH_KEYS, "2^128", || {
        hash_key("340282366920938463463374607431768211456")
    }),
    rule(HASH_KEYS, "-1", || hash_key("-1")),
    rule(HASH_KEYS, "-0, delivered unchanged", || hash_key("-0")),
    rule(HASH_KEYS, "+7", || hash_key("+7")),
    rule(HASH_KEYS, "007", || hash_key("007")),
    rule(HASH_KEYS, "digits of another script (U+0663)", || {
        hash_key("\u{663}")
    }),
    rule(HASH_KEYS, "digits of two scripts", || {
        hash_key("\u{ff11}\u{663}")
    }),
    rule(
        HASH_KEYS,
        "digits outside the Basic Multilingual Plane",
        || hash_key("\u{1d7d0}"),
    ),
    rule(HASH_KEYS, "superscript two", || hash_key("\u{b2}")),
    rule(HASH_KEYS, "minus sign U+2212", || hash_key("\u{2212}1")),
    rule(HASH_KEYS, "a blank before", || hash_key(" 1")),
    rule(HASH_KEYS, "a blank after", || hash_key("1 ")),
    rule(HASH_KEYS, "1.0", || hash_key("1.0")),
    rule(HASH_KEYS, "0x10", || hash_key("0x10")),
    rule(HASH_KEYS, "1_0", || hash_key("1_0")),
    rule(HASH_KEYS, "a lone sign", || hash_key("-")),
    rule(HASH_KEYS, "two signs", || hash_key("+-1")),
    rule(HASH_KEYS, "not UTF-8", || {
        of(&[b"a"], &[b"1\xFF"], &[(0, None), (0, Some(0))])
    }),
    rule(UTF8, "FF", || key(b"\xFF")),
    rule(UTF8, "a sequence cut short: E2 82", || key(b"\xE2\x82")),
    rule(UTF8, "overlong: C0 80", || key(b"\xC0\x80")),
    rule(UTF8, "beyond U+10FFFF: F4 90 80 80", || {
        key(b"\xF4\x90\x80\x80")
    }),
    rule(UTF8, "a surrogate's first two bytes: ED A0", || {
        key(b"\xED\xA0")
    }),
    rule(UTF8, "a surrogate: ED A0 80", || key(b"\xED\xA0\x80")),
    rule(UTF8, "a surrogate pair: ED A0 80 ED B0 80", || {
        key(b"\xED\xA0\x80\xED\xB0\x80")
    }),
    rule(UTF8, "ED A0 41", || key(b"\xED\xA0A")),
];

fn with_last_byte(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    if let Some(last) = data.last_mut() {
        *last ^= 1;
    }
    data
}
