//! What can be tried out to the last one is tried out to the last one, in any run long enough.

use fastrand::Rng;

use crate::peer::Case;
use crate::wire::{LENGTH, VARINT, field, frame, nested_groups, record, tag, varint_of};

const TENTH_BYTES: u64 = 5 * 256;
const GROUPS: u64 = 3 * 10 * 3;
const TWO_BYTES: u64 = 256;
const MORE_BYTES: u64 = 21 * 256;
const CODE_POINTS: u64 = 0x1_0000;

/// How many different ones there are.
pub(crate) const SWEEPS: u64 = TENTH_BYTES + GROUPS + TWO_BYTES + MORE_BYTES + CODE_POINTS;

/// The `n`th one, below [`SWEEPS`].
pub(crate) fn sweep(n: u64, rng: &mut Rng) -> Case {
    let mut left = n;
    let mut kind = 0;
    for count in [TENTH_BYTES, GROUPS, TWO_BYTES, MORE_BYTES] {
        if left < count {
            break;
        }
        left -= count;
        kind += 1;
    }
    let body = match kind {
        0 => tenth_byte(left),
        1 => groups(left),
        2 => {
            let all = (0..=255).map(|second| vec![low(left), second]);
            keys(&all.collect::<Vec<_>>())
        }
        3 => more_bytes(0xE0 + low(left / 256), low(left)),
        _ => code_point(left, rng),
    };
    Case {
        partition_key: Some("outer".to_owned()),
        range: None,
        data: frame(&body),
    }
}

fn low(n: u64) -> u8 {
    n.to_le_bytes()[0]
}

/// A varint of ten bytes with every last byte: as indices, as a tag, as lengths.
fn tenth_byte(n: u64) -> Vec<u8> {
    let ten = |value: u64| {
        let mut bytes = varint_of(value, 10);
        bytes[9] = low(n);
        bytes
    };
    let key = field(1, b"a");
    let data = field(3, b"x");
    let index = [tag(1, VARINT), ten(0)].concat();
    match n / 256 {
        0 => [key, field(3, &[index, data].concat())].concat(),
        1 => {
            let hash_key = [tag(2, VARINT), ten(0)].concat();
            let record = [tag(1, VARINT), vec![0], hash_key, data].concat();
            [key, field(2, b"7"), field(3, &record)].concat()
        }
        2 => [ten(10), vec![1, b'a'], field(3, &record(0, None, b"x"))].concat(),
        3 => [
            tag(1, LENGTH),
            ten(1),
            vec![b'a'],
            field(3, &record(0, None, b"x")),
        ]
        .concat(),
        _ => [
            tag(9, VARINT),
            ten(u64::MAX),
            key,
            field(3, &record(0, None, b"x")),
        ]
        .concat(),
    }
}

/// Groups around the depth limit, at top level, in a record and in a tag; with something inside.
fn groups(n: u64) -> Vec<u8> {
    let depth = 94 + usize::from(low(n / 3 % 10));
    let mut groups = nested_groups(9, depth);
    let inside = match n / 30 {
        0 => Vec::new(),
        1 => field(7, b"inside"),
        _ => [tag(1, VARINT), vec![3]].concat(),
    };
    groups.splice(depth..depth, inside);
    let plain = record(0, None, b"x");
    let key = field(1, b"a");
    match n % 3 {
        0 => [key, groups, field(3, &plain)].concat(),
        1 => [key, field(3, &[groups, plain].concat())].concat(),
        _ => {
            let tagged = [plain, field(4, &[field(1, b"t"), groups].concat())].concat();
            [key, field(3, &tagged)].concat()
        }
    }
}

/// An aggregate whose user records have these partition keys, one each.
fn keys(keys: &[Vec<u8>]) -> Vec<u8> {
    let table = keys.iter().map(|key| field(1, key));
    let records = (0..keys.len()).map(|i| field(3, &record(u64::try_from(i).unwrap(), None, b"")));
    table.chain(records).collect::<Vec<_>>().concat()
}

/// Sequences of three bytes and more, with what may and may not follow.
fn more_bytes(first: u8, second: u8) -> Vec<u8> {
    let third = [
        0x00, b'A', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xED, 0xFF,
    ];
    let mut all = Vec::new();
    for third in third {
        all.push(vec![first, second, third]);
        for fourth in [b'A', 0x80, 0xBF, 0xC2] {
            all.push(vec![first, second, third, fourth]);
        }
    }
    keys(&all)
}

/// Each character of the Basic Multilingual Plane as an explicit hash key, alone or in a number;
/// for the surrogates, their three bytes.
fn code_point(n: u64, rng: &mut Rng) -> Vec<u8> {
    let n = u32::try_from(n).unwrap();
    let text = match char::from_u32(n) {
        Some(c) => c.to_string().into_bytes(),
        None => {
            let byte = |shift: u32, mask: u32| low(u64::from((n >> shift) & mask));
            vec![
                0xE0 | byte(12, 0xF),
                0x80 | byte(6, 0x3F),
                0x80 | byte(0, 0x3F),
            ]
        }
    };
    let before: &[u8] = [&b""[..], b"", b"1", b"-", b"+"][rng.usize(0..5)];
    let after: &[u8] = [&b""[..], b"", b"7"][rng.usize(0..3)];
    [
        field(1, b"a"),
        field(2, &[before, &text, after].concat()),
        field(3, &record(0, None, b"1")),
        field(3, &record(0, Some(0), b"2")),
    ]
    .concat()
}
