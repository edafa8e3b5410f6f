//! Keys of every kind: as the table entries' bytes.

use fastrand::Rng;

/// The zeros of the scripts whose digits Java's `BigInteger` reads (37 of them).
pub(crate) const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

/// Zeros outside the Basic Multilingual Plane, whose digits it refuses.
const FAR_ZEROS: [u32; 8] = [
    0x104A0, 0x11066, 0x110F0, 0x11C50, 0x16E80, 0x1D7CE, 0x1E950, 0x1FBF0,
];

/// Bytes that are not UTF-8, or only just.
const BAD_UTF8: [&[u8]; 24] = [
    b"\xED\xA0",
    b"\xED\xA0\x80",
    b"\xED\xAF\xBF\xED\xBF\xBF",
    b"\xED\xA0\x80\xED\xB0\x80",
    b"\xED\xA0\x41",
    b"\xED\xBF",
    b"\xED",
    b"\xED\x9F\xBF",
    b"\xC0\x80",
    b"\xC1\xBF",
    b"\xC2",
    b"\xE0\x80\x80",
    b"\xE0\x9F\xBF",
    b"\xE2\x82",
    b"\xE2\x82\x41",
    b"\xF0\x80\x80\x80",
    b"\xF0\x8F\xBF\xBF",
    b"\xF0\x9F\x98",
    b"\xF4\x8F\xBF\xBF",
    b"\xF4\x90\x80\x80",
    b"\xF5\x80\x80\x80",
    b"\xFF\xFE",
    b"\x80\x80",
    b"\xF0\x9F\xED\xA0\x80",
];

/// A partition key as applications have them.
pub(crate) fn good_key(rng: &mut Rng) -> String {
    match rng.u8(0..10) {
        0 => String::new(),
        1 => rng.u32(..).to_string(),
        2 => "\u{e9}\u{20ac}\u{1f600}"
            .chars()
            .take(rng.usize(1..4))
            .collect(),
        3 => (0..rng.usize(1..257)).map(|_| rng.char(..)).collect(),
        4 => "k".repeat(rng.usize(120..260)),
        _ => (0..rng.usize(1..9)).map(|_| rng.alphanumeric()).collect(),
    }
}

/// An explicit hash key that the service takes.
pub(crate) fn good_hash_key(rng: &mut Rng) -> String {
    let number = match rng.u8(0..6) {
        0 => 0,
        1 => u128::MAX - u128::from(rng.u8(0..2)),
        2 => 1 << rng.u32(0..128),
        _ => rng.u128(..) >> rng.u32(0..128),
    };
    number.to_string()
}

/// Any table entry: good, or bytes that are not UTF-8 in it.
pub(crate) fn any_key(rng: &mut Rng) -> Vec<u8> {
    let mut key = good_key(rng).into_bytes();
    for _ in 0..rng.usize(0..3) {
        let at = rng.usize(0..=key.len());
        let bad = match rng.u8(0..3) {
            0 => (0..rng.usize(1..5)).map(|_| rng.u8(0x80..)).collect(),
            1 => vec![0xED, rng.u8(0x9F..=0xC0), rng.u8(0x7F..=0xC0)],
            _ => BAD_UTF8[rng.usize(0..BAD_UTF8.len())].to_vec(),
        };
        key.splice(at..at, bad);
    }
    key
}

/// An explicit hash key of any kind.
pub(crate) fn any_hash_key(rng: &mut Rng) -> Vec<u8> {
    let text = match rng.u8(0..16) {
        0 => format!("-{}", rng.u8(0..3)),
        1 => format!("+{}", good_hash_key(rng)),
        2 => format!("{}{}", "0".repeat(rng.usize(1..50)), good_hash_key(rng)),
        // 2^128 and its neighbours, and far beyond.
        3 => format!("34028236692093846346337460743176821145{}", rng.u8(0..10)),
        4 => (0..rng.usize(39..400)).map(|_| rng.digit(10)).collect(),
        5 => {
            let digits = rng.usize(1..12);
            (0..digits).map(|_| script_digit(rng)).collect()
        }
        6 => {
            // Just beside a script's digits.
            let zero = ZEROS[rng.usize(0..ZEROS.len())];
            let c = if rng.bool() { zero + 10 } else { zero - 1 };
            String::from_iter(char::from_u32(c))
        }
        7 => {
            let zero = FAR_ZEROS[rng.usize(0..FAR_ZEROS.len())];
            format!(
                "1{}",
                char::from_u32(zero + rng.u32(0..10)).unwrap_or_default()
            )
        }
        8 => spoil(rng),
        9 => [
            "",
            "-",
            "+",
            "+-1",
            "-+1",
            "--1",
            "1-",
            "- 1",
            "0x10",
            "1_0",
            "1.0",
            "1e3",
            "\u{b2}",
            "\u{2212}1",
            "\u{ff0b}1",
            "\u{ff0d}1",
            "\u{2167}",
            "\0",
        ][rng.usize(0..18)]
        .to_owned(),
        10 => good_key(rng),
        11 => return any_key(rng),
        12 => {
            let sign = ["", "-", "+"][rng.usize(0..3)];
            let zeros: String = (0..rng.usize(1..6))
                .filter_map(|_| char::from_u32(ZEROS[rng.usize(0..ZEROS.len())]))
                .collect();
            format!("{sign}{zeros}")
        }
        _ => good_hash_key(rng),
    };
    text.into_bytes()
}

fn script_digit(rng: &mut Rng) -> char {
    let zero = ZEROS[rng.usize(0..ZEROS.len())];
    char::from_u32(zero + rng.u32(0..10)).unwrap_or_default()
}

/// A good number with one character too much.
fn spoil(rng: &mut Rng) -> String {
    let mut text = good_hash_key(rng);
    let at = rng.usize(0..=text.len());
    let c = match rng.u8(0..3) {
        0 => [
            ' ', '\t', '\n', '.', ',', '_', '-', '+', 'e', '\u{a0}', '\u{feff}',
        ][rng.usize(0..11)],
        1 => rng.char(..'\u{fff0}'),
        _ => rng.char(..),
    };
    text.insert(at, c);
    text
}
