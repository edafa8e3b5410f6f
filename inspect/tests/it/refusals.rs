//! What holds no records, and what breaks off.

use kinesis_aggregation_inspect::{FindError, Finder, Found, Shape, Warning, find};

use crate::support::{a, assert_finds, b, base64, by_pieces, refusal, wrapped};

#[test]
fn what_is_no_record_at_all() {
    for text in [
        "null",
        "None",
        "AccessDenied",
        "ExpiredIteratorException",
        "An error occurred (ExpiredIteratorException) when calling the GetRecords operation",
        "hello, world\n",
    ] {
        assert_eq!(refusal(text), FindError::UnknownShape, "{text}");
    }
    for text in ["", "\n \n", " "] {
        assert_eq!(refusal(text), FindError::Empty, "{text:?}");
    }
    for text in [
        "{}",
        "[1]",
        "{\"no\":\"records\"}",
        "{\"Records\":7}",
        "{\"__type\":\"ExpiredIteratorException\"}",
        "{\"data\":{\"order\":1}}",
        "{\"response\":{\"data\":\"aGVsbG8=\"}}",
    ] {
        assert_eq!(refusal(text), FindError::NoRecords, "{text}");
    }
}

#[test]
fn a_part_of_wrapped_text_is_not_many_records() {
    for encoded in [base64(&a()), hex::encode(a())] {
        for width in [60, 64, 76] {
            let text = wrapped(&encoded, width, "", "");
            let lines: Vec<_> = text.lines().collect();
            // Without its last line, without one in the middle, and with one twice.
            for kept in [
                lines[..lines.len() - 1].join("\n"),
                [lines[0], lines.last().unwrap()].join("\n"),
                [lines[0], lines[0], lines[1]].join("\n"),
            ] {
                let error = refusal(&kept);
                assert_eq!(error, FindError::BrokenText { line: 1 }, "{kept}");
            }
        }
    }
}

#[test]
fn wrapped_text_without_an_aggregate_is_warned_of() {
    let text = base64(&[b'x'; 200]);
    for width in [60, 64, 76] {
        let all = find(wrapped(&text, width, "", "").as_bytes()).unwrap();
        assert_eq!(all.warnings(), [Warning::LooksWrapped { width }]);
    }
    let all = find(wrapped(&text, 72, "", "").as_bytes()).unwrap();
    assert_eq!(all.warnings(), []);
}

#[test]
fn other_services_are_named() {
    for (source, event) in [
        (
            "aws:dynamodb",
            r#"{"Records":[{"eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"1"}}]}"#,
        ),
        (
            "aws:s3",
            r#"{"Records":[{"eventSource":"aws:s3","s3":{"object":{"key":"k"}}}]}"#,
        ),
        (
            "aws:sns",
            r#"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"text"}}]}"#,
        ),
        (
            "aws:sqs",
            r#"{"Records":[{"eventSource":"aws:sqs","body":"text"}]}"#,
        ),
        (
            "aws:kafka",
            r#"{"eventSource":"aws:kafka","records":{"t-0":[{"value":"YQ=="}]}}"#,
        ),
        (
            "SelfManagedKafka",
            r#"{"eventSource":"SelfManagedKafka","records":{"t-0":[{"value":"YQ=="}]}}"#,
        ),
    ] {
        match refusal(event) {
            FindError::OtherSource { name, .. } => assert_eq!(name, source),
            error => panic!("{error}"),
        }
    }
    assert_eq!(
        refusal(b"\x1F\x8B\x08\x00more"),
        FindError::Compressed("gzip")
    );
    assert_eq!(
        refusal(b"\x28\xB5\x2F\xFDmore"),
        FindError::Compressed("zstd")
    );
}

#[test]
fn a_message_about_a_batch_is_named_through_its_wrapping() {
    let message = String::from_utf8(crate::support::case("on_failure_sqs_body.json")).unwrap();
    let body = serde_json::to_string(&message).unwrap();
    for text in [
        format!(r#"{{"Messages":[{{"MessageId":"1","Body":{body}}}]}}"#),
        format!(r#"{{"Records":[{{"eventSource":"aws:sqs","body":{body}}}]}}"#),
        format!(r#"{{"Type":"Notification","Message":{body}}}"#),
    ] {
        assert!(
            matches!(refusal(&text), FindError::BatchWithoutRecords(_)),
            "{text}"
        );
    }
}

#[test]
fn a_damaged_document_gives_its_whole_records_first() {
    let record =
        |data: &[u8]| format!("{{\"SequenceNumber\":\"1\",\"Data\":\"{}\"}}", base64(data));
    let whole = format!("{{\"Records\":[\n{},\n{}\n]}}", record(&a()), record(&b()));
    let second = whole.rfind("{\"Seq").unwrap();
    for (damaged, line) in [
        (whole[..whole.len() - 1].to_owned(), 4),
        (whole[..second + 40].to_owned(), 3),
        (whole.replacen("},\n", "}\n", 1), 3),
        (
            whole.replacen(
                "\"SequenceNumber\":\"1\",\"Data\":\"84mawgoKY3VzdG9tZXItOR",
                "\"SequenceNumber\" \"1\",\"Data\":\"84",
                1,
            ),
            3,
        ),
    ] {
        let mut finder = kinesis_aggregation_inspect::Finder::new();
        finder.push(damaged.as_bytes());
        finder.end();
        let first = finder.next().unwrap();
        assert!(matches!(first, Some(Found::Record(record)) if record.data()[..] == a()));
        let error = loop {
            match finder.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{damaged}"),
                Err(error) => break error,
            }
        };
        assert!(
            error.to_string().contains(&format!("line {line},")),
            "{error}: {damaged}"
        );
        assert!(finder.next().unwrap().is_none());
    }
}

#[test]
fn nothing_is_empty_in_a_shape_that_is_named_too() {
    for shape in [Shape::Lambda, Shape::Kinesis, Shape::Pipes, Shape::Firehose] {
        for input in ["", " \n"] {
            let mut finder = Finder::new().shape(shape);
            finder.push(input.as_bytes());
            finder.end();
            assert_eq!(finder.next(), Err(FindError::Empty), "{shape:?} {input:?}");
        }
    }
}

/// Input that ends before its form is known becomes a record or is refused. It is never skipped.
#[test]
fn what_ends_before_its_form_is_told_is_not_passed_over() {
    for text in ["[", "b", "[1", "{", "   [", "    b", "[1 "] {
        refusal(text);
    }
    for quote in ["\"", "   \"", "   '"] {
        assert_finds(quote, quote, &[Vec::new()]);
    }
}

#[test]
fn what_was_printed_only_in_part_is_named() {
    let text = "{ Data: <Buffer f3 89 9a c2 0a ... 93 more bytes>, SequenceNumber: '1' }";
    assert!(refusal(text).to_string().contains("Node"));
    let text = "{ Data: Uint8Array(143) [ 243, 137, ... 43 more items ], SequenceNumber: '1' }";
    assert!(refusal(text).to_string().contains("only the start"));
}

#[test]
fn a_record_that_cannot_be_read_refuses_itself_only() {
    let good = format!("{{\"Data\":\"{}\"}}", base64(&a()));
    for bad in [
        "{}",
        "7",
        "{\"Data\":7}",
        "{\"Data\":\"%\"}",
        "{\"Data\":{}}",
        "{\"PartitionKey\":\"secret\"}",
    ] {
        let all = find(format!("{{\"Records\":[{good},{bad},{good}]}}").as_bytes()).unwrap();
        assert_eq!(all.records().len(), 2, "{bad}");
        assert_eq!(all.records()[1].index(), 2, "{bad}");
        let [refused] = all.refused() else {
            panic!("{bad}")
        };
        assert_eq!(refused.index(), 1);
        assert!(!refused.to_string().contains("secret"));
    }
}

#[test]
fn documents_without_records_are_warned_of() {
    let good = format!("{{\"Records\":[{{\"Data\":\"{}\"}}]}}", base64(&a()));
    for text in [format!("{good}\n{{}}"), format!("{{}}\n{good}")] {
        let all = find(text.as_bytes()).unwrap();
        assert_eq!(all.records().len(), 1);
        assert!(matches!(
            all.warnings(),
            [Warning::NothingInDocument { .. }]
        ));
    }
    assert!(find(b"{\"Records\":[]}").unwrap().records().is_empty());
    assert!(find(b"[]").unwrap().records().is_empty());
}

/// No input makes it panic: each prefix of each case, and each with one byte changed.
#[test]
fn any_input_is_borne() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            let _ = find(&bytes[..end]);
            let mut changed = bytes.clone();
            changed[end] ^= 1 << (end % 8);
            let _ = find(&changed);
            let _ = by_pieces(&changed, 13);
        }
    }
}
