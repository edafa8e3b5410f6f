//! The forms of the output.

use super::{aggregate_of, get_records, good_aggregate, kagg, kagg_args};

const GZIPPED: &str = "inspect/tests/cases/gzip_user_records.b64";

#[test]
fn data_comes_with_a_delimiter_of_choice() {
    for (delimiter, expected) in [
        ("", &b"onetwothree"[..]),
        ("\\0", b"one\0two\0three\0"),
        (", ", b"one, two, three, "),
        ("\\r\\n", b"one\r\ntwo\r\nthree\r\n"),
    ] {
        let run = kagg_args(
            &["deaggregate", "--output", "data", "--delimiter", delimiter],
            good_aggregate(),
        );
        assert_eq!(run.expect(0).stdout, expected);
    }
    kagg(
        "deaggregate --output data --delimiter \\x",
        good_aggregate(),
    )
    .expect(2);
}

/// What is compressed can be given to gunzip, or decompressed here.
#[test]
fn compressed_user_records() {
    let run = kagg_args(
        &[
            "deaggregate",
            "--output",
            "data",
            "--delimiter",
            "",
            GZIPPED,
        ],
        "",
    )
    .expect(0);
    let mut gunzip = std::process::Command::new("gunzip")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut gunzip.stdin.take().unwrap(), &run.stdout).unwrap();
    let output = gunzip.wait_with_output().unwrap();
    assert_eq!(output.stdout, br#"{"order":1}{"order":2}"#);

    for format in ["auto", "gzip"] {
        let run = kagg(&format!("deaggregate --decompress {format} {GZIPPED}"), "").expect(0);
        assert_eq!(run.data(), [br#"{"order":1}"#, br#"{"order":2}"#]);
    }
    // Data that is not compressed stays as it is.
    for format in ["auto", "gzip", "zlib", "zstd", "none"] {
        let run = kagg(
            &format!("deaggregate --decompress {format}"),
            good_aggregate(),
        )
        .expect(0);
        assert_eq!(run.data(), [&b"one"[..], b"two", b"three"]);
    }
}

#[test]
fn bundles_of_cloudwatch_logs_are_split() {
    let bundle = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",
        "subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":5,"message":"a b"}, {"id":"2","timestamp":6,"message":"c"}]}"#;
    let data = aggregate_of(&[("a", None, bundle), ("b", None, "no bundle")]);
    let run = kagg("deaggregate --split cloudwatch --output data", data).expect(0);
    assert_eq!(
        run.text(),
        "{\"id\":\"1\",\"timestamp\":5,\"message\":\"a b\"}\n{\"id\":\"2\",\"timestamp\":6,\"message\":\"c\"}\nno bundle\n"
    );
}

#[test]
fn text_is_for_a_person() {
    let data = aggregate_of(&[
        ("k\u{1b}[2J", None, "{\"a\": \"\u{e9}\\\"}"),
        ("b", None, "\u{1b}]0;x\u{7}\n\u{202e}\u{9b}"),
    ]);
    let run = kagg(
        "deaggregate --output text",
        get_records(&[data, vec![0xFF, 0xFE]]),
    )
    .expect(0);
    assert_eq!(
        run.text(),
        "2026-11-23T12:00:00.123000+00:00\t100:0\tk\\u{1b}[2J\t{\"a\": \"\u{e9}\\\"}\n\
         2026-11-23T12:00:00.123000+00:00\t100:1\tb\t\\u{1b}]0;x\\u{7}\\n\\u{202e}\\u{9b}\n\
         2026-11-23T12:00:00.123000+00:00\t101:0\ta\tbase64://4=\n"
    );
    let event = r#"{"Records":[{"kinesis":{"sequenceNumber":"7","data":"aGk=","approximateArrivalTimestamp":1545084650.987}}]}"#;
    let run = kagg("deaggregate --output text", event).expect(0);
    assert_eq!(run.text(), "2018-12-17T22:10:50.987Z\t7:0\t-\thi\n");
}

#[test]
fn a_template_says_what_is_printed() {
    for (template, expected) in [
        ("%s %k %v\\n", "-:0 a one\n-:1 b two\n-:2 c three\n"),
        ("%n/%S%%;", "0/3%;0/3%;0/5%;"),
        ("%%%v", "%one%two%three"),
        ("%t|%e|%p\\t", "-|-|-\t-|-|-\t-|-|-\t"),
        ("x", "xxx"),
    ] {
        let run = kagg_args(&["deaggregate", "--format", template], good_aggregate()).expect(0);
        assert_eq!(run.text(), expected, "{template}");
    }
    for template in ["%", "%q", "\\q"] {
        kagg_args(&["deaggregate", "--format", template], good_aggregate()).expect(2);
    }
}
