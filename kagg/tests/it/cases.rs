//! What people had in hand: the inputs in inspect/tests/cases, and the right answers.

use std::io::Write as _;

use super::{Run, kagg, kagg_args};

fn case(command: &str, name: &str) -> Run {
    let path = format!("inspect/tests/cases/{name}");
    let args: Vec<_> = command.split_whitespace().chain([path.as_str()]).collect();
    kagg_args(&args, "")
}

const A: [&str; 3] = [
    r#"{"order":1,"status":"paid"}"#,
    r#"{"order":2,"status":"open"}"#,
    r#"{"order":3,"status":"paid"}"#,
];
const B: [&str; 2] = [r#"{"order":4}"#, r#"{"order":5}"#];

#[track_caller]
fn assert_prints(run: &Run, data: &[&str]) {
    let printed: Vec<_> = run
        .data()
        .into_iter()
        .map(|data| String::from_utf8(data).unwrap())
        .collect();
    assert_eq!(printed, data);
}

#[test]
fn all_forms_are_read() {
    let both = [&A[..], &B].concat();
    for (name, data) in [
        ("wrapped_base64_76.txt", &A[..]),
        ("hex_0x.txt", &A),
        ("hex_bytea.txt", &A),
        ("hex_xxd.txt", &A),
        ("query_data_text.txt", &both),
        ("base64_urlsafe.txt", &A),
        ("jq_c_get_records.jsonl", &both),
        ("get_records_yaml.txt", &both),
        (
            "put_records_request.json",
            &[r#"{"order":1}"#, r#"{"order":2}"#],
        ),
        ("lambda_one_record.json", &A),
        ("pipes_eventbridge_bus.json", &A),
        ("python_bytes.txt", &A),
        ("boto3_repr.txt", &A),
        ("buffer_get_records.json", &A),
        ("on_failure_s3.json", &both),
        ("json_in_a_string.json", &both),
        ("cloudwatch_log_line.txt", &both),
        ("event_without_sequence_number.json", &A),
        ("powershell_utf16.json", &both),
        ("good_event.json", &both),
    ] {
        let run = case("deaggregate", name).expect(0);
        assert_eq!(run.stderr, "", "{name}");
        assert_prints(&run, data);
    }
    for name in ["hex_bytea.txt", "hex_xxd.txt"] {
        assert_prints(&case("deaggregate --input hex", name).expect(0), &A);
    }
}

#[test]
fn what_holds_no_records_says_what_it_is() {
    for (name, words) in [
        ("on_failure_sqs_body.json", "aws kinesis get-shard-iterator"),
        ("refuse_msk.json", "aws:kafka"),
        ("shards_describe_stream.json", "list of shards"),
    ] {
        let run = case("deaggregate", name).expect(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert_eq!(run.text(), "");
    }
}

#[test]
fn aggregates_in_a_row() {
    let run = case("deaggregate", "concatenated.bin").expect(0);
    assert_eq!(run.lines().len(), 1);
    assert_eq!(run.lines()[0]["aggregated"], false);
    assert_eq!(
        run.stderr,
        "record 0: warning: an aggregate with a right digest ends at byte 143, another starts there and ends at byte \
         209; delivered as a plain record, as it is\n"
    );
    let run = case("inspect", "concatenated.bin").expect(1);
    assert!(
        run.text()
            .contains("ends at byte 143, another starts there"),
        "{}",
        run.text()
    );
    let both = [&A[..], &B].concat();
    let run = case("carve", "concatenated.bin").expect(0);
    assert_eq!(run.stderr, "");
    assert_prints(&run, &both);
    assert_prints(
        &case("deaggregate --unwrap", "concatenated.bin").expect(0),
        &both,
    );
}

#[test]
fn what_lies_between_aggregates_is_reported_and_passed_on() {
    let bytes = std::fs::read("../inspect/tests/cases/concatenated.bin").unwrap();
    let input = [b"before", &bytes[..143], b"between", &bytes[143..], b"\n"].concat();
    let run = kagg("carve", &input).expect(0);
    assert_prints(&run, &[&A[..], &B].concat());
    assert_eq!(
        run.stderr,
        "standard input: bytes 0 to 6 (6) belong to no aggregate\n\
         standard input: bytes 149 to 156 (7) belong to no aggregate\n\
         standard input: bytes 222 to 223 (1) belong to no aggregate\n"
    );
    let run = kagg("carve --gaps", &input).expect(0);
    assert_prints(
        &run,
        &[&["before"], &A[..], &["between"], &B, &["\n"]].concat(),
    );
}

/// As the other commands do: see `inspect::what_was_read_before_a_read_error_is_summed_up`.
#[test]
fn what_was_carved_before_a_read_error_is_printed_and_the_last_gap_reported() {
    let bytes = std::fs::read("../inspect/tests/cases/concatenated.bin").unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes[..143]).unwrap();
    gzip.write_all(b"after").unwrap();
    let mut gzip = gzip.finish().unwrap();
    // Its checksum is cut off.
    gzip.truncate(gzip.len() - 4);
    let run = kagg("carve --gaps", &gzip).expect(2);
    assert_prints(&run, &[&A[..], &["after"]].concat());
    let mut told = run.stderr.lines();
    let gap = "standard input: bytes 143 to 148 (5) belong to no aggregate";
    assert_eq!(told.next(), Some(gap), "{}", run.stderr);
    let error = told.next().unwrap();
    assert!(error.starts_with("kagg: standard input: "), "{error}");
}

#[test]
fn coats() {
    for (name, command, words) in [
        (
            "coat_base64_twice.b64",
            "inspect",
            "base64 or hexadecimal text of an aggregate of 3 user records",
        ),
        (
            "coat_utf8_lossy.bin",
            "inspect --input raw",
            "decoded as UTF-8",
        ),
    ] {
        let run = case(command, name).expect(1);
        assert!(run.text().contains(words), "{}", run.text());
        let run = case(&command.replace("inspect", "deaggregate"), name).expect(0);
        assert!(
            run.stderr.starts_with("record 0: warning: "),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    assert_prints(
        &case("deaggregate --unwrap", "coat_base64_twice.b64").expect(0),
        &A,
    );
    case("inspect --unwrap", "coat_base64_twice.b64").expect(0);
}

#[test]
fn shards_of_describe_stream() {
    let shards = "inspect/tests/cases/shards_describe_stream.json";
    let run = case(&format!("inspect --shards {shards}"), "good_event.json").expect(0);
    assert!(
        run.text().contains("shardId-000000000000, 0-340"),
        "{}",
        run.text()
    );
}
