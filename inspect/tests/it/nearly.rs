//! What is nearly an aggregate, or was one: on either side of each limit of coats and carving.

use bytes::Bytes;
use kinesis_aggregation_inspect::{Carved, Carver, Coat, FoundRecord, unwrap};

use crate::support::{a, b, framed};

/// The magic as replacement characters, two to four, before the tag of one of the three tables.
#[test]
fn a_lossy_aggregate_is_told_from_lossy_text() {
    let lossy = |count: usize, after: &[u8]| {
        let text = [&"\u{FFFD}".repeat(count).into_bytes()[..], after].concat();
        Coat::of(&text.into()) == Some(Coat::LossyUtf8)
    };
    for count in 0..7 {
        for tag in [0x0A, 0x12, 0x1A] {
            assert_eq!(lossy(count, &[tag]), (2..=4).contains(&count), "{count}");
        }
        assert!(!lossy(count, b"x") && !lossy(count, b""), "{count}");
    }
}

#[test]
fn what_follows_an_aggregate_makes_it_several_from_three_bytes_on() {
    let with = |more: &[u8]| FoundRecord::new([&a()[..], more].concat());
    assert_eq!(Coat::of(with(b"").data()), None);
    assert_eq!(Coat::of(with(b"\r\n").data()), None);
    for (record, ends, more_follows) in [
        (with(b"\r\n\n"), vec![143], true),
        (with(&b()), vec![143, 209], false),
        (with(&[&b()[..], b"x"].concat()), vec![143, 209], true),
    ] {
        let coat = Coat::of(record.data()).unwrap();
        assert_eq!(coat, Coat::SeveralAggregates { ends, more_follows });
        assert_eq!(coat.comes_off(), !more_follows);
        assert_eq!(unwrap(&record).is_some(), !more_follows);
    }
}

/// Bytes 80 to 9F as Windows-1252 has them, and one that was lost besides.
#[test]
fn text_of_latin1_comes_off_if_it_is_whole() {
    let data = framed("0a01611a0708001a03809f96");
    let text: String = data.iter().map(|&byte| windows_1252(byte)).collect();
    let record = FoundRecord::new(text.clone());
    let user_records = Some(1);
    assert_eq!(Coat::of(record.data()), Some(Coat::Latin1 { user_records }));
    assert_eq!(unwrap(&record).unwrap()[0].data()[..], data);
    let mut damaged = text;
    damaged.pop();
    let record = FoundRecord::new(damaged);
    let user_records = None;
    assert_eq!(Coat::of(record.data()), Some(Coat::Latin1 { user_records }));
    assert!(unwrap(&record).is_none());
}

fn windows_1252(byte: u8) -> char {
    const FROM_80: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ";
    let at = usize::from(byte).checked_sub(0x80);
    at.and_then(|at| FROM_80.chars().nth(at))
        .unwrap_or(char::from(byte))
}

#[test]
fn compressed_data_is_told_by_its_first_bytes() {
    for (data, format) in [
        (&b"\x1F\x8B\x08"[..], Some("gzip")),
        (b"\x1F\x8B\x07", None),
        (b"\x28\xB5\x2F\xFD", Some("zstd")),
        (b"\x28\xB5\x2F", None),
        (b"\x78\x01", Some("zlib")),
        (b"\x78\x5E", Some("zlib")),
        (b"\x78\xDA", Some("zlib")),
        (b"\x78\x02", None),
        (b"xylophone", None),
    ] {
        let expected = format.map(|format| Coat::Compressed { format });
        assert_eq!(Coat::of(&Bytes::from_static(data)), expected, "{data:x?}");
    }
}

fn carved(carver: &mut Carver) -> Vec<(bool, u64, usize)> {
    std::iter::from_fn(|| {
        carver.next().map(|carved| match carved {
            Carved::Aggregate { offset, data } => (true, offset, data.len()),
            Carved::Gap { offset, data } => (false, offset, data.len()),
        })
    })
    .collect()
}

/// Fields that no writer has today, of each type but a group.
#[test]
fn an_aggregate_with_unknown_fields_is_carved() {
    for (field, is_one) in [
        ("2005", true),
        ("20ffffffffffffffffff01", true),
        ("290102030405060708", true),
        ("3501020304", true),
        ("3a0101", true),
        // A group, and the field 0.
        ("2324", false),
        ("0005", false),
    ] {
        let data = framed(&format!("0a01611a0508001a0178{field}"));
        let mut carver = Carver::new();
        carver.push(&data);
        carver.end();
        assert_eq!(carved(&mut carver), [(is_one, 0, data.len())], "{field}");
    }
}

/// A field that says that it is longer than any record does not hold up what comes after it.
#[test]
fn what_cannot_be_an_aggregate_is_not_waited_for() {
    let mut carver = Carver::new();
    // 1 + 10 MiB.
    carver.push(b"\xF3\x89\x9A\xC2\x1A\x81\x80\x80\x05");
    carver.push(&a());
    assert_eq!(carved(&mut carver), [(false, 0, 9), (true, 9, a().len())]);
    // A varint of more than ten bytes.
    let mut carver = Carver::new();
    carver.push(&[&b"\xF3\x89\x9A\xC2\x20"[..], &[0xFF; 10]].concat());
    carver.push(&a());
    assert_eq!(carved(&mut carver), [(false, 0, 15), (true, 15, a().len())]);
}

#[test]
fn a_long_gap_comes_in_parts_that_are_not_kept() {
    let mut carver = Carver::new();
    let piece = vec![b'x'; 1 << 18];
    let mut parts = Vec::new();
    for _ in 0..16 {
        carver.push(&piece);
        parts.extend(carved(&mut carver));
    }
    assert!(parts.len() >= 3, "{parts:?}");
    assert!(parts.iter().all(|(_, _, len)| *len >= 1 << 20), "{parts:?}");
    carver.end();
    parts.extend(carved(&mut carver));
    let all: usize = parts.iter().map(|(_, _, len)| len).sum();
    assert_eq!(all, 16 << 18);
}
