//! Every shape of input, and what is wrong with others.

use super::{TempDir, base64, get_records, good_aggregate, kagg};

const THREE: [&[u8]; 3] = [b"one", b"two", b"three"];

fn lambda(data: &str) -> String {
    format!(
        r#"{{"Records":[{{"eventID":"shardId-000000000000:7","kinesis":{{"partitionKey":"k",
        "sequenceNumber":"7","data":"{data}","approximateArrivalTimestamp":1.50}}}}]}}"#
    )
}

#[test]
fn every_shape_is_read_by_its_name_and_by_its_content() {
    let data = good_aggregate();
    for (shape, input) in [
        ("lambda", lambda(&base64(&data)).into_bytes()),
        (
            "kinesis",
            get_records(std::slice::from_ref(&data)).into_bytes(),
        ),
        ("raw", data.clone()),
        ("hex", hex::encode(&data).into_bytes()),
        ("hex", hex::encode_upper(&data).into_bytes()),
        ("base64", base64(&data).into_bytes()),
    ] {
        for name in [shape, "auto"] {
            let run = kagg(&format!("deaggregate --input {name}"), &input).expect(0);
            assert_eq!(run.data(), THREE, "{shape} as {name}");
            assert_eq!(run.stderr, "");
        }
    }
}

#[test]
fn the_input_is_a_file_or_standard_input() {
    let directory = TempDir::new();
    let file = directory.file("record", good_aggregate());
    assert_eq!(
        kagg(&format!("deaggregate {file}"), "").expect(0).data(),
        THREE
    );
    assert_eq!(
        kagg("deaggregate -", good_aggregate()).expect(0).data(),
        THREE
    );
    let run = kagg("deaggregate no-such-file", "").expect(2);
    assert!(
        run.stderr.starts_with("kagg: cannot open no-such-file"),
        "{}",
        run.stderr
    );
}

#[test]
fn lines_may_end_in_any_way_and_an_empty_one_is_a_record_without_data() {
    for input in [
        "6f6e65\r\n\r\n74776f\r\n",
        "6f6e65\n\n74776f",
        "6f6e65 \n \n 74776f\n",
    ] {
        let run = kagg("deaggregate --input hex", input).expect(0);
        assert_eq!(run.data(), [&b"one"[..], b"", b"two"], "{input:?}");
    }
    assert_eq!(kagg("deaggregate", "\n6f6e65").expect(0).data().len(), 2);
}

#[test]
fn the_output_may_be_the_bytes_alone() {
    let run = kagg("deaggregate --output data", good_aggregate()).expect(0);
    assert_eq!(run.stdout, b"one\ntwo\nthree\n");
}

#[test]
fn missing_keys_are_null_and_unknown_ones_ignored() {
    let run = kagg(
        "deaggregate",
        r#"{"Records":[{"Data":"b25l","Unknown":{"Data":1},"EncryptionType":null}],"More":[]}"#,
    )
    .expect(0);
    assert_eq!(
        run.text(),
        "{\"record\":0,\"shardId\":null,\"sequenceNumber\":null,\"subSequenceNumber\":0,\"aggregated\":false,\
         \"partitionKey\":null,\"explicitHashKey\":null,\"data\":\"b25l\",\
         \"approximateArrivalTimestamp\":null}\n"
    );
    let run = kagg(
        "deaggregate",
        r#"{"Records":[{"kinesis":{"sequenceNumber":"7","data":"b25l"}}]}"#,
    )
    .expect(0);
    assert_eq!(run.data(), [b"one"]);
}

#[test]
fn the_arrival_time_is_the_inputs_own_value() {
    for value in [
        "1545084650.9870",
        "\"2026-11-23T12:00:00.123000+00:00\"",
        "1e9",
        "null",
    ] {
        let input =
            format!(r#"{{"Records":[{{"Data":"b25l","ApproximateArrivalTimestamp": {value} }}]}}"#);
        let run = kagg("deaggregate", &input).expect(0);
        let end = format!("\"approximateArrivalTimestamp\":{value}}}\n");
        assert!(run.text().ends_with(&end), "{}", run.text());
    }
}

#[test]
fn strings_with_escapes_are_read() {
    let run = kagg(
        "deaggregate",
        r#"{"Records":[{"Data":"\/\/79","PartitionKey":"\u00e9\n\"","SequenceNumber":"\u0031"}]}"#,
    )
    .expect(0);
    assert_eq!(run.data(), [[0xFF, 0xFE, 0xFD]]);
    let [line] = run.lines().try_into().unwrap();
    assert_eq!(line["partitionKey"], "é\n\"");
    assert_eq!(line["sequenceNumber"], "1");
}

#[test]
fn a_record_that_cannot_be_read_refuses_itself_only() {
    let good = r#"{"Data":"b25l"}"#;
    for (bad, what) in [
        (r#"{"SequenceNumber":"1"}"#, "it has no data"),
        (r#"{"Data":"b"}"#, "its data is not base64"),
        (r#"{"Data":"%%%%"}"#, "its data is not base64"),
        (r#"{"Data":7}"#, "its data is not a string"),
        (r#"{"Data":{"a":1}}"#, "its data is an object"),
        (r#"{"Data":["a"]}"#, "its data is a list, but not of bytes"),
        ("7", "it is not an object"),
    ] {
        let input = format!("{{\"Records\":[{good},{bad},{good}]}}");
        let run = kagg("deaggregate --input kinesis", &input).expect(1);
        let start = format!("record 1 (standard input, line 1): refused: {what}");
        assert!(run.stderr.starts_with(&start), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
        assert_eq!(run.data(), [b"one", b"one"]);
    }
    let run = kagg("deaggregate", lambda("b*5")).expect(1);
    assert!(run.stderr.contains("not base64"), "{}", run.stderr);
}

#[test]
fn no_error_shows_the_data() {
    let run = kagg(
        "deaggregate --input lambda",
        r#"{"Records":[{"kinesis":"secret \", expected"}]}"#,
    )
    .expect(1);
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
}

#[test]
fn a_bad_line_refuses_itself_only() {
    let run = kagg("deaggregate --input hex", "6f6e65\n74776f\n6f6e6\n6f6e65\n").expect(1);
    assert_eq!(run.data(), [b"one", b"two", b"one"]);
    assert!(run.stderr.contains("line 3)"), "{}", run.stderr);
    assert!(run.stderr.contains("5 digits"), "{}", run.stderr);
    let run = kagg("deaggregate --input base64", "b25l\n b2*l\r\n").expect(1);
    assert_eq!(run.data(), [b"one"]);
    assert!(run.stderr.contains("line 2)"), "{}", run.stderr);
    assert!(run.stderr.contains("byte 4"), "{}", run.stderr);
    let run = kagg("deaggregate --input base64", "b\n").expect(1);
    assert!(run.stderr.contains("1 characters"), "{}", run.stderr);
}

#[test]
fn lines_may_start_with_a_byte_order_mark() {
    for (line, name) in [("6f6e65", "hex"), ("b25l", "base64")] {
        for args in [
            "deaggregate".to_owned(),
            format!("deaggregate --input {name}"),
        ] {
            let run = kagg(&args, format!("\u{feff}{line}\r\n{line}\n")).expect(0);
            assert_eq!(run.data(), [b"one", b"one"], "{args}");
        }
    }
}

#[test]
fn a_long_first_line_is_recognised() {
    let line = "b25l".repeat(100_000);
    let run = kagg("deaggregate", line.clone()).expect(0);
    assert_eq!(run.data()[0].len(), 300_000);
    let run = kagg("deaggregate", format!("{line}\nb25l\n")).expect(0);
    assert_eq!(run.data().len(), 2);
}

#[test]
fn what_cannot_be_told_by_its_content_is_refused() {
    for input in [
        "hello, world\n",
        "",
        "\n \n",
        "{\"no\":\"records\"}",
        "[1]",
        "{",
        "{\"Records\":7}",
        "\0\u{1}\u{2}",
    ] {
        let run = kagg("deaggregate", input).expect(2);
        assert!(
            run.stderr.starts_with("kagg: "),
            "{input:?}: {}",
            run.stderr
        );
        assert_eq!(run.text(), "");
    }
}

#[test]
fn a_name_wins_over_the_content() {
    assert_eq!(
        kagg("deaggregate --input raw", "6f6e65").expect(0).data(),
        [b"6f6e65"]
    );
    // All hexadecimal, and base64 too.
    assert_eq!(
        kagg("deaggregate --input base64", "b25l").expect(0).data(),
        [b"one"]
    );
    assert_eq!(
        kagg("deaggregate --input base64", "abcd").expect(0).data(),
        [[0x69, 0xb7, 0x1d]]
    );
    assert_eq!(kagg("deaggregate", "abcd").expect(0).data(), [[0xab, 0xcd]]);
    kagg(
        "deaggregate --input lambda",
        r#"{"Records":[{"Data":"b25l"}]}"#,
    )
    .expect(2);
}

#[test]
fn no_records_are_no_error() {
    for (shape, input) in [
        ("auto", "{\"Records\":[],\"NextShardIterator\":\"x\"}"),
        ("lambda", "{\"Records\":[]}"),
        ("hex", ""),
        ("base64", ""),
    ] {
        let run = kagg(&format!("deaggregate --input {shape}"), input).expect(0);
        assert_eq!(run.text(), "");
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn several_files_are_read_in_their_order() {
    let directory = TempDir::new();
    let page = |data: &[u8]| get_records(&[data.to_vec()]);
    let (first, second) = (
        directory.file("1.json", page(b"one")),
        directory.file("2.json", page(b"two")),
    );
    let run = kagg(&format!("deaggregate {first} {second} {first}"), "").expect(0);
    assert_eq!(run.data(), [b"one", b"two", b"one"]);
    let numbers: Vec<_> = run
        .lines()
        .iter()
        .map(|line| line["record"].as_u64())
        .collect();
    assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
    let broken = directory.file("3.json", "{\"Records\":[{\"Data\":\"b25l\"},");
    let run = kagg(&format!("deaggregate {first} {broken}"), "").expect(2);
    assert_eq!(run.data(), [b"one", b"one"]);
    assert!(
        run.stderr
            .contains("3.json: the JSON breaks at line 1, byte 28"),
        "{}",
        run.stderr
    );
}

#[test]
fn pages_may_follow_one_another_and_a_mark_may_stand_before_them() {
    let page = get_records(&[b"one".to_vec(), b"two".to_vec()]);
    let run = kagg("deaggregate", format!("\u{feff}{page}\n{page}\n")).expect(0);
    let records: Vec<_> = run
        .lines()
        .iter()
        .map(|line| line["record"].as_u64())
        .collect();
    assert_eq!(records, [Some(0), Some(1), Some(2), Some(3)]);
    let query = r#"[{"Data":"b25l"},{"Data":"dHdv"}]"#;
    assert_eq!(
        kagg("deaggregate", query).expect(0).data(),
        [b"one", b"two"]
    );
}

/// The sample events hold plain records; each is read by its name and by its content.
#[test]
fn every_event_that_carries_kinesis_records_is_read() {
    let events = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/events");
    for (name, file) in [
        ("lambda", "kinesis.json"),
        ("lambda", "kinesis-window.json"),
        ("pipes", "pipes.json"),
        ("firehose", "firehose.json"),
        ("firehose", "firehose-direct.json"),
    ] {
        let by_name = kagg(&format!("deaggregate --input {name} {events}/{file}"), "").expect(0);
        let by_content = kagg(&format!("deaggregate {events}/{file}"), "").expect(0);
        assert!(!by_name.data().is_empty(), "{file}");
        assert_eq!(by_name.stdout, by_content.stdout, "{file}");
    }
    let pipes = kagg(&format!("inspect --json {events}/pipes.json"), "").expect(0);
    assert!(pipes.text().contains("shardId-000000000002"));
}
