//! The quick ways of the reader against its general one, on bytes that are almost the KPL's: the
//! same positions, or the same refusal at the same offset.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample;

use super::{Frame, Index, MAGIC};

/// What is written before each field's value, and at the ends of varints.
const TELLING: [u8; 14] = [
    0x00, 0x01, 0x08, 0x0A, 0x10, 0x12, 0x1A, 0x1B, 0x1C, 0x22, 0x7F, 0x80, 0x81, 0xFF,
];

const PADS: [(bool, bool); 3] = [(true, false), (false, true), (true, true)];

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7F {
        bytes.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The same in a byte more than it needs, if it is `padded`, which protobuf allows: `85 00` is 5.
fn length(value: usize, padded: bool) -> Vec<u8> {
    let mut bytes = varint(value);
    if padded && let Some(last) = bytes.last_mut() {
        *last |= 0x80;
        bytes.push(0);
    }
    bytes
}

/// A record as the KPL writes it.
fn record(key: usize, hash_key: Option<usize>, data_len: usize) -> Vec<u8> {
    padded_record(key, hash_key, data_len, (false, false))
}

/// The same, with its own length or that of its data padded.
fn padded_record(
    key: usize,
    hash_key: Option<usize>,
    data_len: usize,
    (itself, data): (bool, bool),
) -> Vec<u8> {
    let mut fields = [vec![0x08], varint(key)].concat();
    if let Some(hash_key) = hash_key {
        fields.extend([vec![0x10], varint(hash_key)].concat());
    }
    fields.extend([vec![0x1A], length(data_len, data)].concat());
    // Data that look like headers themselves.
    fields.extend([0x1A, 0x07, 0x08, 0x00].iter().cycle().take(data_len));
    [vec![0x1A], length(fields.len(), itself), fields].concat()
}

/// Of a few kinds each, so that there are runs of each shape.
fn records() -> impl Strategy<Value = Vec<(Vec<u8>, usize)>> {
    let index = || prop_oneof![8 => 0..4_usize, 2 => 126..130_usize, 1 => Just(16_384_usize)];
    let data_len = prop_oneof![
        3 => Just(200_usize),
        3 => Just(20_usize),
        2 => 0..10_usize,
        2 => 118..132_usize,
        1 => 16_370..16_390_usize,
    ];
    let one = (index(), prop::option::of(index()), data_len);
    let pad = prop_oneof![6 => Just((false, false)), 1 => sample::select(&PADS[..])];
    let one = (one, pad)
        .prop_map(|((key, hash_key, data_len), pad)| padded_record(key, hash_key, data_len, pad));
    vec(
        (one, prop_oneof![4 => 1..6_usize, 1 => 250..270_usize]),
        1..6,
    )
}

/// What breaks a message.
#[derive(Clone, Debug)]
enum Break {
    /// A byte of a header becomes another one.
    Header(sample::Index, usize, u8),
    /// A bit of any byte.
    Bit(sample::Index, u8),
    Insert(sample::Index, usize, u8),
    Remove(sample::Index, usize),
    Cut(sample::Index),
}

fn breaks() -> impl Strategy<Value = Vec<Break>> {
    let byte = || prop_oneof![3 => sample::select(&TELLING[..]), 1 => any::<u8>()];
    let at = any::<sample::Index>;
    let one = prop_oneof![
        6 => (at(), 0..12_usize, byte()).prop_map(|(at, off, byte)| Break::Header(at, off, byte)),
        1 => (at(), 0..8_u8).prop_map(|(at, bit)| Break::Bit(at, bit)),
        2 => (at(), 0..12_usize, byte()).prop_map(|(at, off, byte)| Break::Insert(at, off, byte)),
        2 => (at(), 0..12_usize).prop_map(|(at, off)| Break::Remove(at, off)),
        1 => at().prop_map(Break::Cut),
    ];
    vec(one, 0..4)
}

/// The message, and where its records start.
fn message(records: &[(Vec<u8>, usize)]) -> (Vec<u8>, Vec<usize>) {
    let mut message = b"\x0A\x03key".to_vec();
    let mut starts = Vec::new();
    for (record, times) in records {
        for _ in 0..*times {
            starts.push(message.len());
            message.extend(record);
        }
    }
    (message, starts)
}

fn break_it(message: &mut Vec<u8>, starts: &[usize], how: &Break) {
    let header = |at: &sample::Index, off: usize| starts[at.index(starts.len())] + off;
    match how {
        Break::Header(at, off, byte) => {
            if let Some(known) = message.get_mut(header(at, *off)) {
                *known = *byte;
            }
        }
        Break::Bit(at, bit) if !message.is_empty() => {
            let at = at.index(message.len());
            message[at] ^= 1 << bit;
        }
        Break::Insert(at, off, byte) => {
            let at = header(at, *off).min(message.len());
            message.insert(at, *byte);
        }
        Break::Remove(at, off) => {
            let at = header(at, *off);
            if at < message.len() {
                message.remove(at);
            }
        }
        Break::Cut(at) => message.truncate(at.index(message.len() + 1)),
        Break::Bit(..) => {}
    }
}

/// Both ways; whether the message was read.
fn both(message: &[u8]) -> Result<bool, TestCaseError> {
    // Neither looks at the digest.
    let data = [&MAGIC, message, &[0; 16]].concat();
    let Some(frame) = Frame::split(&data) else {
        return Ok(false);
    };
    let (mut quick, mut general) = (Index::default(), Index::default());
    let read = quick.refill_by::<true>(&frame);
    prop_assert_eq!(&read, &general.refill_by::<false>(&frame));
    prop_assert_eq!(quick.records(), general.records());
    prop_assert!(quick.partition_keys().eq(general.partition_keys()));
    prop_assert!(quick.explicit_hash_keys().eq(general.explicit_hash_keys()));
    // What is before the error, too.
    let (mut quick, mut general) = (Index::default(), Index::default());
    prop_assert_eq!(&read, &quick.read_by::<true>(&frame));
    prop_assert_eq!(&read, &general.read_by::<false>(&frame));
    prop_assert_eq!(quick.records(), general.records());
    Ok(read.is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_broken_kpl_shape_reads_as_any_shape(records in records(), breaks in breaks()) {
        let (mut message, starts) = message(&records);
        prop_assert!(both(&message)?, "the KPL's own shape is read");
        for how in &breaks {
            break_it(&mut message, &starts, how);
            both(&message)?;
        }
    }
}

/// A record of each shape that is read quickly, and of those beside it.
fn shapes() -> Vec<Vec<u8>> {
    let mut shapes = vec![
        // Lengths of two bytes and of one.
        record(1, None, 125),
        record(1, Some(2), 123),
        record(1, None, 200),
        record(1, None, 20),
        record(1, Some(2), 200),
        record(1, Some(2), 20),
        record(1, None, 0),
        record(1, Some(2), 0),
    ];
    for (pad, hash_key) in PADS
        .into_iter()
        .flat_map(|pad| [(pad, None), (pad, Some(2))])
    {
        shapes.push(padded_record(1, hash_key, 5, pad));
        shapes.push(padded_record(1, hash_key, 20, pad));
    }
    // The longest whose own length takes one byte: `1A 7F`, and the length of its data two.
    shapes.push(padded_record(1, None, 122, (false, true)));
    shapes.push(padded_record(1, Some(2), 120, (false, true)));
    shapes
}

/// Every byte of every header of each shape, alone and in a run, changed to every other one, and
/// the message cut after it: nothing is left to chance.
#[test]
fn every_byte_of_every_header() {
    let mut refused = 0;
    for shape in &shapes() {
        for broken in 0..4 {
            let (message, starts) = message(&[(shape.clone(), 4)]);
            assert!(both(&message).expect("both ways agree"), "{shape:02x?}");
            let header = starts[broken]..(starts[broken] + 12).min(message.len());
            for at in header {
                for byte in 0..=u8::MAX {
                    let mut message = message.clone();
                    message[at] = byte;
                    refused += usize::from(!both(&message).expect("both ways agree"));
                    message.truncate(at + 1);
                    both(&message).expect("both ways agree");
                }
            }
        }
    }
    assert!(refused > 10_000, "only {refused} were broken");
}

/// Two bytes of a header changed at once: differences of two parts must not cancel each other, as they
/// would if they were joined by `^`.
#[test]
fn every_two_bytes_of_a_header() {
    let changes = |byte: u8| (0..8).map(move |bit| byte ^ 1 << bit).chain([0x00, 0xFF]);
    let mut refused = 0;
    for shape in &shapes() {
        let (message, starts) = message(&[(shape.clone(), 3)]);
        let header = starts[0]..starts[0] + 12.min(shape.len());
        for (first, second) in header
            .clone()
            .flat_map(|at| header.clone().map(move |to| (at, to)))
        {
            if first >= second {
                continue;
            }
            for one in changes(message[first]) {
                let mut message = message.clone();
                message[first] = one;
                for other in changes(message[second]) {
                    message[second] = other;
                    refused += usize::from(!both(&message).expect("both ways agree"));
                }
            }
        }
    }
    assert!(refused > 10_000, "only {refused} were broken");
}

/// A partition key's index of three bytes, the last of which looks like the tag of an explicit hash
/// key's index, and what follows like that and the tag of the data: `81 81 10`, `10 1A`, `1A 19`.
#[test]
fn an_index_of_three_bytes_is_not_taken_for_two_indices() {
    let header = [0x1A, 0x21, 0x08, 0x81, 0x81, 0x10, 0x10, 0x1A, 0x1A, 0x19];
    let record = [&header[..], &[0; 25]].concat();
    let (message, _) = message(&[(record, 4)]);
    assert!(both(&message).expect("both ways agree"));
}
