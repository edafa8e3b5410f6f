//! Siblings of the cases: the same two aggregates in other forms.

use kinesis_aggregation_inspect::{Finder, Found, Shape};

use crate::support::{a, assert_finds, b, base64, wrapped};

#[test]
fn wrapped_text_is_joined() {
    for encoded in [base64(&a()), hex::encode(a()), hex::encode_upper(a())] {
        for width in [30, 60, 64, 75, 76, 77] {
            for (before, after) in [
                ("", ""),
                ("    ", ""),
                ("\t", " \r"),
                ("\"", "\""),
                ("> ", ""),
            ] {
                // Quoted mail is not read.
                if before == "> " {
                    continue;
                }
                let text = wrapped(&encoded, width, before, after);
                assert_finds(&format!("{width} {before:?}"), text, &[a()]);
            }
        }
    }
}

#[test]
fn wrapped_records_may_follow_one_another() {
    for between in ["", "\n", "\r\n\n"] {
        let text = format!(
            "{}{between}{}",
            wrapped(&base64(&a()), 76, "", ""),
            wrapped(&base64(&b()), 76, "", "")
        );
        assert_finds(&format!("{between:?}"), text, &[a(), b()]);
    }
}

#[test]
fn a_record_a_line() {
    for (first, second) in [
        (base64(&a()), base64(&b())),
        (hex::encode(a()), hex::encode(b())),
        (
            format!("0x{}", hex::encode(a())),
            format!("0X{}", hex::encode_upper(b())),
        ),
        (
            format!("\"{}\",", base64(&a())),
            format!("\"{}\"", base64(&b())),
        ),
        (
            base64(&a()).replace('=', ""),
            base64(&b()).replace('+', "-"),
        ),
        (
            base64(&a()),
            b"aGVsbG8gd29ybGQ="
                .iter()
                .map(|&byte| char::from(byte))
                .collect(),
        ),
    ] {
        let second_data = match second.as_str() {
            "aGVsbG8gd29ybGQ=" => b"hello world".to_vec(),
            _ => b(),
        };
        for end in ["\n", "\r\n"] {
            assert_finds(
                &first,
                format!("{first}{end}{second}"),
                &[a(), second_data.clone()],
            );
        }
        assert_finds(&first, format!("{first}\t{second}\n"), &[a(), second_data]);
    }
}

fn with(data: &[u8], before: &str, between: &str, after: &str) -> String {
    let digits: Vec<_> = data.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{before}{}{after}", digits.join(between))
}

#[test]
fn hexadecimal_has_many_spellings() {
    for text in [
        with(&a(), "", " ", ""),
        with(&a(), "", ":", ""),
        with(&a(), "", "-", "\n"),
        with(&a(), "[", ", ", "]"),
        with(&a(), "[0x", ", 0x", "]"),
        with(&a(), "{0x", ", 0x", "}"),
        with(&a(), "{ 0x", ",0x", " };"),
        with(&a(), "[0X", ", 0X", "]"),
        with(&a(), "{0X", ",0X", "}"),
        with(&a(), "{ 0X", " 0X", " };"),
        with(&a(), "(0X", ", 0X", ")"),
        with(&a(), "<Buffer ", " ", ">"),
        with(&a(), "<", " ", ">"),
        with(&a(), "x'", "", "'"),
        with(&a(), "X'", "", "'"),
        with(&a(), "\\\\x", "", ""),
        with(&a(), "\"\\x", "", "\""),
    ] {
        assert_finds(&text, &text, &[a()]);
    }
}

fn list(data: &[u8], before: &str, between: &str, after: &str) -> String {
    let numbers: Vec<_> = data.iter().map(u8::to_string).collect();
    format!("{before}{}{after}", numbers.join(between))
}

#[test]
fn lists_of_numbers_are_bytes() {
    let signed: Vec<_> = a()
        .iter()
        .map(|byte| byte.cast_signed().to_string())
        .collect();
    for text in [
        list(&a(), "[", ", ", "]"),
        list(&a(), "[", ",", "]"),
        list(&a(), "[", " ", "]"),
        list(&a(), "<<", ",", ">>"),
        list(&a(), "<<", ", ", ">>."),
        format!("[{}]", signed.join(", ")),
        format!("[{}]", signed.join(" ")),
    ] {
        assert_finds(&text, &text, &[a()]);
    }
}

/// The form is told by what follows the blanks, however little of it has come yet: byte by byte, the
/// first piece that is looked at ends with a bracket, a quote or a `b`.
#[test]
fn blanks_before_a_form_hide_nothing() {
    let python: String = a().iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let document = format!(r#"{{"Records":[{{"Data":"{}"}}]}}"#, base64(&a()));
    for text in [
        list(&a(), "[", " ", "]"),
        list(&a(), "[", ", ", "]"),
        list(&a(), "[ ", " , ", " ]"),
        with(&a(), "[", ", ", "]"),
        format!("b'{python}'"),
        format!("\"{}\"", base64(&a())),
        format!("[\"{}\"]", base64(&a())),
        serde_json::to_string(&document).unwrap(),
        document,
        base64(&a()),
    ] {
        for blanks in ["   ", "    "] {
            let text = format!("{blanks}{text}");
            assert_finds(&text, &text, &[a()]);
        }
    }
}

fn xxd(data: &[u8], row: impl Fn(usize, &[u8], String) -> String) -> String {
    let rows = data.chunks(16).enumerate();
    rows.map(|(number, bytes)| {
        let text = bytes
            .iter()
            .map(|&byte| {
                if byte.is_ascii_graphic() {
                    char::from(byte)
                } else {
                    '.'
                }
            })
            .collect();
        row(number * 16, bytes, text) + "\n"
    })
    .collect()
}

#[test]
fn dumps() {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x} "))
            .collect::<String>()
    };
    let canonical = xxd(&a(), |offset, bytes, text| {
        let (left, right) = bytes.split_at(bytes.len().min(8));
        format!(
            "{offset:08x}  {:<24} {:<24} |{text}|",
            hex(left),
            hex(right)
        )
    }) + "0000008f\n";
    let xxd_g1 = xxd(&a(), |offset, bytes, text| {
        format!("{offset:08x}: {:<48} {text}", hex(bytes))
    });
    let pairs = xxd(&a(), |offset, bytes, _| {
        let pairs = bytes.chunks(2).map(|pair| match pair {
            [low, high] => format!(" {high:02x}{low:02x}"),
            low => format!(" 00{:02x}", low[0]),
        });
        format!("{offset:07x}{}", pairs.collect::<String>())
    }) + "000008f\n";
    for text in [&canonical, &xxd_g1, &pairs] {
        assert_finds(text, text, &[a()]);
        assert_finds(text, text.replace('\n', "\r\n"), &[a()]);
        assert_finds(text, format!("\n\n{text}"), &[a()]);
    }
    // One dump after another.
    let second = xxd(&b(), |offset, bytes, text| {
        format!("{offset:08x}: {:<48} {text}", hex(bytes))
    });
    assert_finds("two", format!("{xxd_g1}{second}"), &[a(), b()]);
    // Rows that repeat are left out.
    let zeros = "00000000  41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41  |AAAAAAAAAAAAAAAA|\n*\n\
                 00000040  42                                                |B|\n00000041\n";
    let mut data = vec![b'A'; 64];
    data.push(b'B');
    assert_finds("repeated", zeros, &[data]);
}

#[test]
fn records_are_found_wherever_they_are_in_json() {
    let (a64, b64) = (base64(&a()), base64(&b()));
    let record =
        |data: &str| format!(r#"{{"SequenceNumber":"1","Data":"{data}","PartitionKey":"a"}}"#);
    let (first, second) = (record(&a64), record(&b64));
    let lambda = |data: &str| {
        format!(
            r#"{{"kinesis":{{"partitionKey":"a","sequenceNumber":"1","data":"{data}"}},"eventSource":"aws:kinesis"}}"#
        )
    };
    let event = format!(r#"{{"Records":[{},{}]}}"#, lambda(&a64), lambda(&b64));
    let quoted = serde_json::to_string(&event).unwrap();
    let twice = serde_json::to_string(&quoted).unwrap();
    for text in [
        format!("[{first},{second}]"),
        format!("{first}\n{second}\n"),
        format!("{first},\n{second}"),
        format!("{}\n{}", lambda(&a64), lambda(&b64)),
        format!(r#"[{{"Records":[{first}]}},{{"Records":[{second}]}}]"#),
        format!(r#"["{a64}","{b64}"]"#),
        format!(
            r#"{{"SubscribeToShardEvent":{{"Records":[{first},{second}],"MillisBehindLatest":0}}}}"#
        ),
        format!(
            r#"{{"requestContext":{{"condition":"RetriesExhausted"}},"requestPayload":{event},"responsePayload":null}}"#
        ),
        format!(r#"{{"version":"1.0","payload":{quoted}}}"#),
        format!(r#"{{"Records":[{{"messageId":"1","eventSource":"aws:sqs","body":{quoted}}}]}}"#),
        format!(r#"{{"Records":[{{"EventSource":"aws:sns","Sns":{{"Message":{quoted}}}}}]}}"#),
        format!(r#"{{"body":{twice}}}"#),
        format!(
            r#"{{"events":[{{"timestamp":1,"message":{}}}]}}"#,
            serde_json::to_string(&format!("2026-11-25T15:00:00Z\tid\tINFO\t{event}\n")).unwrap()
        ),
        format!(r#"{{"attemptsMade":4,"rawData":"{a64}"}}{{"attemptsMade":4,"rawData":"{b64}"}}"#)
            .replace("attemptsMade\":4", "partitionKey\":\"a\""),
        format!("START RequestId: 5f1c Version: 1\n2026 INFO {event}\nEND RequestId: 5f1c\n"),
        format!("{{\"level\":\"INFO\",\"event\":{event}}}\n"),
        format!("\u{feff}{event}"),
    ] {
        assert_finds(&text, &text, &[a(), b()]);
    }
}

#[test]
fn data_may_be_written_in_any_way() {
    let signed: Vec<_> = a()
        .iter()
        .map(|byte| byte.cast_signed().to_string())
        .collect();
    let keyed: Vec<_> = a()
        .iter()
        .enumerate()
        .map(|(at, byte)| format!("\"{at}\":{byte}"))
        .collect();
    let python: String = a().iter().map(|byte| format!("\\x{byte:02x}")).collect();
    for data in [
        list(&a(), "[", ",", "]"),
        format!("[{}]", signed.join(",")),
        list(&a(), "{\"type\":\"Buffer\",\"data\":[", ",", "]}"),
        list(&a(), "{\"hb\":[", ",", "],\"offset\":0}"),
        format!("{{{}}}", keyed.join(",")),
        format!("\"{}\"", base64(&a()).replace('=', "").replace('+', "-")),
        format!("\"data:;base64,{}\"", base64(&a())),
        format!("\"data:application/octet-stream;base64,{}\"", base64(&a())),
        format!("\"0x{}\"", hex::encode(a())),
        format!("\"\\\\x{}\"", hex::encode(a())),
        format!("\"{}\"", hex::encode(a())),
        format!(
            "\"{}\"",
            wrapped(&base64(&a()), 76, "", "").replace('\n', "\\n")
        ),
        format!("b'{python}'"),
        format!("b\"{python}\""),
        list(&a(), "Uint8Array(143) [\n  ", ", ", "\n]"),
        with(&a(), "<Buffer ", " ", ">"),
    ] {
        for text in [
            format!(r#"{{"Records":[{{"SequenceNumber":"7","Data":{data},"PartitionKey":"k"}}]}}"#),
            format!(
                "{{ Records: [ {{ SequenceNumber: '7', Data: {data}, PartitionKey: 'k' }} ], MillisBehindLatest: 0 }}"
            ),
            format!(
                "{{'Records': [{{'SequenceNumber': '7', 'Data': {data}, 'PartitionKey': 'k', 'X': None, 'T': datetime.datetime(2026, 1, 1, tzinfo=tzlocal())}}]}}"
            ),
        ] {
            let all = assert_finds(&text, &text, &[a()]);
            assert_eq!(all.records()[0].sequence_number(), Some("7"));
            assert_eq!(all.records()[0].partition_key(), Some("k"));
        }
    }
}

#[test]
fn the_text_output_of_the_aws_cli() {
    let number = "49590338271490256608559692538361571095921575989136588898";
    let text = format!(
        "0\tAAAAAAAAAAFsomething==\nRECORDS\t1545084650.987\t{}\ta\t{number}\n\
         RECORDS\t2026-11-25T15:00:00.123000+00:00\t{}\tKMS\ta\t{number}\n",
        base64(&a()),
        base64(&b())
    );
    let all = assert_finds("", text.replace('\n', "\r\n"), &[a(), b()]);
    for (record, arrival) in all
        .records()
        .iter()
        .zip(["1545084650.987", "\"2026-11-25T15:00:00.123000+00:00\""])
    {
        assert_eq!(record.sequence_number(), Some(number));
        assert_eq!(record.partition_key(), Some("a"));
        assert_eq!(record.approximate_arrival_timestamp(), Some(arrival));
    }
    // --query 'Records[].[SequenceNumber,Data]'
    let text = format!("{number}\t{}\n{number}\t{}\n", base64(&a()), base64(&b()));
    let all = assert_finds("", text, &[a(), b()]);
    assert_eq!(all.records()[1].sequence_number(), Some(number));
}

#[test]
fn yaml_of_all_kinds() {
    let folded = wrapped(&base64(&a()), 76, "      ", "");
    for text in [
        format!(
            "- Records:\n  - Data: {}\n    PartitionKey: a\n    SequenceNumber: '7'\n",
            base64(&a())
        ),
        format!(
            "Records:\n- Data: !!binary |\n{folded}  PartitionKey: a\n  SequenceNumber: \"7\"\n"
        ),
        format!(
            "Records:\n  -\n    Data: {}\n    SequenceNumber: '7'\n",
            base64(&a())
        ),
        format!("- Data: {}\n  SequenceNumber: '7'\n", base64(&a())),
    ] {
        let all = assert_finds(&text, &text, &[a()]);
        assert_eq!(all.records()[0].sequence_number(), Some("7"), "{text}");
    }
}

#[test]
fn utf16_of_both_kinds() {
    let event = format!(
        r#"{{"Records":[{{"Data":"{}","PartitionKey":"é😀"}}]}}"#,
        base64(&a())
    );
    let units: Vec<u16> = event.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for text in [
        [&b"\xFF\xFE"[..], &little].concat(),
        [&b"\xFE\xFF"[..], &big].concat(),
        little,
        big,
    ] {
        let all = assert_finds("UTF-16", text, &[a()]);
        assert_eq!(all.records()[0].partition_key(), Some("é😀"));
    }
}

/// As Windows' editors write it.
#[test]
fn a_mark_before_utf8_is_no_part_of_the_text() {
    for text in [base64(&a()), hex::encode(a()), list(&a(), "[", ", ", "]")] {
        assert_finds(&text, format!("\u{feff}{text}\r\n"), &[a()]);
    }
}

/// Of a shape that was named, the content is not looked at: it may start like another one.
#[test]
fn a_shape_that_is_named_is_taken_at_its_word() {
    let like_utf16 = b"\xFF\xFEa\0b\0".to_vec();
    let like_json = b"{\"Data\":\"\"}".to_vec();
    for (shape, input, data) in [
        (Shape::Raw, like_utf16.clone(), like_utf16),
        (Shape::Raw, like_json.clone(), like_json),
        (Shape::Hex, b"abcd".to_vec(), b"\xAB\xCD".to_vec()),
        (
            Shape::Hex,
            b"00000000: abcd  ..\n".to_vec(),
            b"\xAB\xCD".to_vec(),
        ),
        (Shape::Base64, b"abcd".to_vec(), b"\x69\xB7\x1D".to_vec()),
    ] {
        for len in [1, input.len()] {
            let mut finder = Finder::new().shape(shape);
            input.chunks(len).for_each(|piece| finder.push(piece));
            finder.end();
            match finder.next() {
                Ok(Some(Found::Record(record))) => assert_eq!(record.data()[..], data),
                other => panic!("{shape:?}: {other:?}"),
            }
            assert_eq!(finder.next(), Ok(None));
        }
    }
}
