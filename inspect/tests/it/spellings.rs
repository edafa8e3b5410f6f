//! Every byte of an aggregate in the spellings of each form: found by mutations that no test noticed.

use std::fmt::Write as _;

use kinesis_aggregation::wire::{self, RecordIndices};

use crate::support::{assert_finds, base64};

/// An aggregate in whose data is every byte.
fn every_byte() -> Vec<u8> {
    let data: Vec<u8> = (0..=u8::MAX).collect();
    let indices = RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    wire::encode(["key"], [""; 0], [(indices, &data[..])])
}

fn spelled(data: &[u8], mut spell: impl FnMut(&mut String, u8)) -> String {
    let mut text = String::new();
    for &byte in data {
        spell(&mut text, byte);
    }
    text
}

#[test]
fn the_alphabet_of_urls() {
    let data = every_byte();
    let standard = base64(&data);
    assert!(standard.contains('+') && standard.contains('/'));
    let urls = standard.replace('+', "-").replace('/', "_");
    assert_finds("padded", &urls, std::slice::from_ref(&data));
    assert_finds("not padded", urls.replace('=', ""), &[data]);
}

#[test]
fn numbers_of_one_digit() {
    let data = every_byte();
    for between in [", ", ","] {
        let bytes: Vec<_> = data.iter().map(|byte| format!("0x{byte:x}")).collect();
        let text = format!("{{{}}}", bytes.join(between));
        assert_finds(&text, &text, std::slice::from_ref(&data));
    }
}

#[test]
fn literals_with_each_escape() {
    let data = every_byte();
    let python = spelled(&data, |text, byte| match byte {
        b'\\' => text.push_str(r"\\"),
        b'\'' => text.push_str(r"\'"),
        b'"' => text.push_str("\\\""),
        b'\n' => text.push_str(r"\n"),
        b'\r' => text.push_str(r"\r"),
        b'\t' => text.push_str(r"\t"),
        7 => text.push_str(r"\a"),
        8 => text.push_str(r"\b"),
        11 => text.push_str(r"\v"),
        12 => text.push_str(r"\f"),
        b' '..=b'~' => text.push(byte.into()),
        _ => write!(text, "\\x{byte:02x}").expect("a String"),
    });
    let text = format!("b'{python}'");
    assert_finds(&text, &text, std::slice::from_ref(&data));
    let octal = spelled(&data, |text, byte| {
        write!(text, "\\{byte:03o}").expect("a String");
    });
    let text = format!("b'{octal}'");
    assert_finds(&text, &text, &[data]);
}

/// As PowerShell writes a file, in pieces that part units and pairs.
#[test]
fn utf_16_of_either_order() {
    let data = every_byte();
    let event = format!(
        r#"{{"Records": [{{"Data": "{}", "PartitionKey": "k😀y", "SequenceNumber": "7"}}]}}"#,
        base64(&data)
    );
    for mark in ["\u{FEFF}", ""] {
        let units: Vec<u16> = format!("{mark}{event}").encode_utf16().collect();
        for (order, bytes) in [
            (
                "little",
                units
                    .iter()
                    .flat_map(|unit| unit.to_le_bytes())
                    .collect::<Vec<_>>(),
            ),
            (
                "big",
                units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            ),
        ] {
            let all = assert_finds(order, bytes, std::slice::from_ref(&data));
            assert_eq!(all.records()[0].partition_key(), Some("k😀y"), "{order}");
            assert_eq!(all.records()[0].sequence_number(), Some("7"), "{order}");
        }
    }
}
