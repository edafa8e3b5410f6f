//! The inputs in tests/cases.

use crate::support::{a, assert_finds, b, case, refusal};

const FIRST: &str = "49590338271490256608559692538361571095921575989136588898";
const SECOND: &str = "49590338271490256608559692538361571095921575989136588950";

#[test]
fn one_aggregate() {
    for name in [
        "wrapped_base64_76.txt",
        "hex_0x.txt",
        "hex_bytea.txt",
        "hex_xxd.txt",
        "base64_urlsafe.txt",
        "lambda_one_record.json",
        "pipes_eventbridge_bus.json",
        "python_bytes.txt",
        "boto3_repr.txt",
        "buffer_get_records.json",
        "event_without_sequence_number.json",
    ] {
        assert_finds(name, case(name), &[a()]);
    }
}

#[test]
fn two_aggregates() {
    for name in [
        "query_data_text.txt",
        "jq_c_get_records.jsonl",
        "get_records_yaml.txt",
        "on_failure_s3.json",
        "json_in_a_string.json",
        "cloudwatch_log_line.txt",
        "powershell_utf16.json",
        "good_event.json",
    ] {
        assert_finds(name, case(name), &[a(), b()]);
    }
}

#[test]
fn what_the_source_says_is_kept() {
    for name in [
        "jq_c_get_records.jsonl",
        "get_records_yaml.txt",
        "on_failure_s3.json",
        "cloudwatch_log_line.txt",
        "powershell_utf16.json",
    ] {
        let all = assert_finds(name, case(name), &[a(), b()]);
        let numbers: Vec<_> = all
            .records()
            .iter()
            .map(|record| record.sequence_number())
            .collect();
        assert_eq!(numbers, [Some(FIRST), Some(SECOND)], "{name}");
        for record in all.records() {
            assert_eq!(record.partition_key(), Some("a"), "{name}");
            assert!(record.approximate_arrival_timestamp().is_some(), "{name}");
        }
    }
    let all = assert_finds("", case("lambda_one_record.json"), &[a()]);
    assert_eq!(all.records()[0].shard_id(), Some("shardId-000000000000"));
    let all = assert_finds("", case("event_without_sequence_number.json"), &[a()]);
    assert_eq!(all.records()[0].sequence_number(), None);
}

#[test]
fn requests_hold_records_too() {
    let data = [br#"{"order":1}"#.to_vec(), br#"{"order":2}"#.to_vec()];
    let all = assert_finds("", case("put_records_request.json"), &data);
    assert_eq!(all.records()[1].partition_key(), Some("customer-4"));
}

#[test]
fn what_holds_no_records_is_named() {
    let text = refusal(case("on_failure_sqs_body.json")).to_string();
    for part in [
        "arn:aws:kinesis:us-east-2:123456789012:stream/orders",
        "shardId-000000000000",
        FIRST,
        SECOND,
        "aws kinesis get-shard-iterator",
        "AT_SEQUENCE_NUMBER",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let text = refusal(case("refuse_msk.json")).to_string();
    assert!(text.contains("aws:kafka"), "{text}");
    let text = refusal(case("shards_describe_stream.json")).to_string();
    assert!(text.contains("shards"), "{text}");
}
