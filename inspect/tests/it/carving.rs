//! Aggregates in other bytes, and what was done to them.

use bytes::Bytes;
use kinesis_aggregation_inspect::{Carved, Carver, Coat, FoundRecord, explain, unwrap};

use crate::support::{a, b, base64, case};

fn carve(input: &[u8], piece: usize) -> Vec<Carved> {
    let mut carver = Carver::new();
    let mut all: Vec<Carved> = Vec::new();
    let take = |carver: &mut Carver, all: &mut Vec<Carved>| {
        while let Some(carved) = carver.next() {
            match (all.last_mut(), &carved) {
                // The parts of one gap.
                (Some(Carved::Gap { data, .. }), Carved::Gap { data: more, .. }) => {
                    *data = [&data[..], more].concat().into();
                }
                _ => all.push(carved),
            }
        }
    };
    for piece in input.chunks(piece) {
        carver.push(piece);
        take(&mut carver, &mut all);
    }
    carver.end();
    take(&mut carver, &mut all);
    all
}

fn aggregate(offset: u64, data: Vec<u8>) -> Carved {
    Carved::Aggregate {
        offset,
        data: data.into(),
    }
}

fn gap(offset: u64, data: &'static [u8]) -> Carved {
    Carved::Gap {
        offset,
        data: data.into(),
    }
}

#[test]
fn aggregates_are_carved_wherever_they_are() {
    for (input, expected) in [
        (vec![], vec![]),
        (b"nothing".to_vec(), vec![gap(0, b"nothing")]),
        (a(), vec![aggregate(0, a())]),
        (
            case("concatenated.bin"),
            vec![aggregate(0, a()), aggregate(143, b())],
        ),
        (
            [b"x", &a()[..], b"\n", &b(), b"\xF3\x89"].concat(),
            vec![
                gap(0, b"x"),
                aggregate(1, a()),
                gap(144, b"\n"),
                aggregate(145, b()),
                gap(211, b"\xF3\x89"),
            ],
        ),
        // A magic that opens nothing, right before one that does.
        (
            [&b"\xF3\x89\x9A\xC2"[..], &a()].concat(),
            vec![gap(0, b"\xF3\x89\x9A\xC2"), aggregate(4, a())],
        ),
        // Another inside the data of a field that is cut.
        (
            [&b"\xF3\x89\x9A\xC2\x1A\xFF\x01"[..], &a()].concat(),
            vec![gap(0, b"\xF3\x89\x9A\xC2\x1A\xFF\x01"), aggregate(7, a())],
        ),
    ] {
        for piece in [1, 3, 64, 1000] {
            assert_eq!(carve(&input, piece), expected, "in pieces of {piece}");
        }
    }
}

#[test]
fn nothing_is_invented_and_no_byte_is_lost() {
    let whole = [&a()[..], b"between", &b()].concat();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let carved = carve(&damaged, 17);
        let mut together = Vec::new();
        for part in &carved {
            let (Carved::Aggregate { data, .. } | Carved::Gap { data, .. }) = part;
            together.extend_from_slice(data);
            if let Carved::Aggregate { data, .. } = part {
                assert!(kinesis_aggregation::wire::is_framed(data));
            }
        }
        assert_eq!(together, damaged);
    }
}

#[test]
fn coats_are_named_and_come_off() {
    let latin1: String = a().iter().map(|&byte| char::from(byte)).collect();
    let text = Coat::Text { user_records: 3 };
    let hex = hex::encode(a());
    for (data, coat) in [
        (base64(&a()).into_bytes(), text.clone()),
        (format!("\"{}\"\n", base64(&a())).into_bytes(), text.clone()),
        (hex.into_bytes(), text),
        (
            latin1.into_bytes(),
            Coat::Latin1 {
                user_records: Some(3),
            },
        ),
    ] {
        let record = FoundRecord::new(data).with_sequence_number("7");
        assert_eq!(Coat::of(record.data()), Some(coat));
        let [inside] = unwrap(&record).unwrap().try_into().unwrap();
        assert_eq!(inside.data()[..], a());
        assert_eq!(inside.sequence_number(), Some("7"));
        assert!(explain(&record, None).is_bad());
    }
    let record = FoundRecord::new(case("concatenated.bin"));
    let coat = Coat::SeveralAggregates {
        ends: vec![143, 209],
        more_follows: false,
    };
    assert_eq!(Coat::of(record.data()), Some(coat));
    let inside = unwrap(&record).unwrap();
    assert_eq!(inside[0].data()[..], a());
    assert_eq!(inside[1].data()[..], b());
}

#[test]
fn what_is_lost_is_said() {
    for data in [
        Bytes::from(case("coat_utf8_lossy.bin")),
        String::from_utf8_lossy(&a()).into_owned().into(),
        String::from_utf8_lossy(&b()).into_owned().into(),
        // Each byte by itself.
        [&"\u{FFFD}".repeat(4).into_bytes()[..], b"\x0A\x01a"]
            .concat()
            .into(),
    ] {
        assert_eq!(Coat::of(&data), Some(Coat::LossyUtf8));
        let record = FoundRecord::new(data);
        assert!(unwrap(&record).is_none());
        let problem = explain(&record, None).problem.unwrap();
        assert!(
            problem.contains("decoded as UTF-8") && problem.contains("lost"),
            "{problem}"
        );
    }
    for (data, format) in [
        (&b"\x1F\x8B\x08\x00"[..], "gzip"),
        (b"\x78\x9C\x01", "zlib"),
        (b"\x28\xB5\x2F\xFD\x00", "zstd"),
    ] {
        let record = FoundRecord::new(data);
        assert_eq!(Coat::of(record.data()), Some(Coat::Compressed { format }));
        assert!(!explain(&record, None).is_bad());
    }
}

#[test]
fn what_has_no_coat() {
    for data in [
        a(),
        b"plain".to_vec(),
        vec![],
        b"84mawg".to_vec(),
        "\u{FFFD}\u{FFFD} text".into(),
        [&a()[..], b"\n"].concat(),
    ] {
        assert_eq!(Coat::of(&data.into()), None);
    }
}
