//! Events given to code that is written against `aws_lambda_events`' types.

use std::time::{Duration, SystemTime};

use aws_lambda_events::event::kinesis as aws;
use kinesis_aggregation::lambda::{EventRecord, KinesisEvent, OwnedKinesisEvent};
use serde_json::{Value, json};

use super::support::{Stored, event_bytes, event_json};

macro_rules! file {
    ($path:literal) => {
        (
            $path,
            include_bytes!(concat!("../../", $path, ".json")).to_vec(),
        )
    };
}

/// Every Kinesis event there is, and one with a partition key missing.
fn events() -> Vec<(&'static str, Vec<u8>)> {
    let mut keyless = Stored::plain("497", "", "data");
    keyless.partition_key = None;
    let made = [
        Stored::aggregate("495", &[("k", "one"), ("l", "two")]),
        Stored::plain("496", "\u{e4}\n", ""),
        keyless,
    ];
    vec![
        file!("events/kinesis"),
        file!("events/kinesis-kms"),
        file!("events/kinesis-window"),
        file!("events/kinesis-window-first"),
        file!("events/kinesis-window-final"),
        file!("lambda/event"),
        file!("lambda/event-good"),
        ("made here", event_bytes(&made)),
    ]
}

fn convert(json: &[u8]) -> aws::KinesisEvent {
    let owned: OwnedKinesisEvent = serde_json::from_slice(json).unwrap();
    let converted = aws::KinesisEvent::from(owned);
    let borrowed = KinesisEvent::from_slice(json).unwrap();
    assert_eq!(aws::KinesisEvent::from(borrowed), converted);
    converted
}

/// One record with this in place of its own field, or without the field.
fn with(field: &str, value: Option<Value>) -> Vec<u8> {
    let mut json = event_json(&[Stored::plain("495", "key", "data")]);
    let record = json["Records"][0]["kinesis"].as_object_mut().unwrap();
    record.remove(field);
    record.extend(value.map(|value| (field.to_owned(), value)));
    serde_json::to_vec(&json).unwrap()
}

fn arrival(json: &[u8]) -> SystemTime {
    let record = &convert(json).records[0];
    record.kinesis.approximate_arrival_timestamp.0.into()
}

#[test]
fn the_converted_event_is_the_one_that_the_crate_reads() {
    for (name, json) in events() {
        let mut read: aws::KinesisEvent = serde_json::from_slice(&json).unwrap();
        let ours = KinesisEvent::from_slice(&json).unwrap();
        assert_eq!(read.records.len(), ours.records().len());
        for (read, ours) in read.records.iter_mut().zip(ours.records()) {
            // 1785312000.9 is 9 milliseconds past to the crate.
            let timestamp = ours.arrival_timestamp().unwrap().as_json();
            let read = &mut read.kinesis.approximate_arrival_timestamp.0;
            if timestamp == "1785312000.9" {
                let right = Duration::from_millis(1_785_312_000_900);
                assert_ne!(SystemTime::from(*read), SystemTime::UNIX_EPOCH + right);
                *read = (SystemTime::UNIX_EPOCH + right).into();
            }
        }
        assert_eq!(convert(&json), read, "{name}");
    }
}

#[test]
fn what_the_crate_wrote_is_read_again() {
    for (name, json) in events() {
        let converted = convert(&json);
        let again = serde_json::to_vec(&converted).unwrap();
        assert_eq!(convert(&again), converted, "{name}");
    }
}

#[test]
fn arrival_times_are_exact_where_the_crate_is_wrong_or_refuses() {
    let cases = [
        ("1785312000.9", (1_785_312_000, 900_000_000)),
        ("1785312000.05", (1_785_312_000, 50_000_000)),
        ("1785312000.987654321", (1_785_312_000, 987_654_321)),
        ("\"1785312000.123\"", (1_785_312_000, 123_000_000)),
        ("1785312000", (1_785_312_000, 0)),
        // Not representable, or no time at all.
        ("1e30", (0, 0)),
        ("1e15", (0, 0)),
        ("-1", (0, 0)),
        ("null", (0, 0)),
        ("\"2026-07-29T08:00:00Z\"", (0, 0)),
    ];
    for (timestamp, (seconds, nanos)) in cases {
        let json = format!(
            r#"{{"Records": [{{"kinesis": {{"sequenceNumber": "495", "data": "ZGF0YQ==",
                "approximateArrivalTimestamp": {timestamp}}}}}]}}"#
        );
        let expected = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
        assert_eq!(arrival(json.as_bytes()), expected, "{timestamp}");
    }
}

#[test]
fn only_data_and_sequence_number_must_be_there() {
    let json = br#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "ZGF0YQ=="}}]}"#;
    serde_json::from_slice::<aws::KinesisEvent>(json).unwrap_err();
    let mut expected = aws::KinesisEventRecord::default();
    expected.kinesis.sequence_number = "495".to_owned();
    expected.kinesis.data.0 = b"data".to_vec();
    assert_eq!(convert(json).records, [expected]);
}

#[test]
fn encryption_types_are_the_crates() {
    let encryption = |value| {
        let converted = convert(&with("encryptionType", value));
        converted.records[0].kinesis.encryption_type.clone()
    };
    assert_eq!(encryption(None), aws::KinesisEncryptionType::None);
    for (text, expected) in [
        ("NONE", aws::KinesisEncryptionType::None),
        ("KMS", aws::KinesisEncryptionType::Kms),
        ("NEW", aws::KinesisEncryptionType::None),
    ] {
        assert_eq!(encryption(Some(json!(text))), expected, "{text}");
    }
}

#[test]
fn the_data_are_not_copied() {
    let json = event_bytes(&[Stored::aggregate("495", &[("k", "one"), ("l", "two")])]);
    let event: OwnedKinesisEvent = serde_json::from_slice(&json).unwrap();
    let at = event.records()[0].data().as_ptr();
    let converted = aws::KinesisEvent::from(event);
    assert_eq!(converted.records[0].kinesis.data.as_ptr(), at);

    // Somebody else still has them.
    let event: OwnedKinesisEvent = serde_json::from_slice(&json).unwrap();
    let shared = event.records()[0].data().clone();
    let converted = aws::KinesisEvent::from(event);
    assert_eq!(*converted.records[0].kinesis.data, shared);
}
