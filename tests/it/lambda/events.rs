//! Events parse, whatever their shape, and serialise back.

use std::time::{Duration, SystemTime};

use aws_lambda_events::event::kinesis as aws;
use kinesis_aggregation::lambda::{
    AnyEvent, EventError, EventRecord, FirehoseEvent, JsonProblem, KinesisEvent,
    OwnedFirehoseEvent, OwnedKinesisEvent, OwnedPipesEvent, Payload, PipesEvent, Processor,
    RecordErrorKind, Records, Shape,
};
use kinesis_aggregation::{Outcome, PlainReason, StoredRecord};
use serde::Deserialize;
use serde_json::{Value, json};

use super::support::{Stored, event_bytes, event_json};

macro_rules! sample {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../events/", $name, ".json")).as_slice(),
        )
    };
}

fn samples() -> Vec<((&'static str, &'static [u8]), Shape)> {
    vec![
        (sample!("kinesis"), Shape::Kinesis),
        (sample!("kinesis-kms"), Shape::Kinesis),
        (sample!("kinesis-window"), Shape::Kinesis),
        (sample!("kinesis-window-first"), Shape::Kinesis),
        (sample!("kinesis-window-final"), Shape::Kinesis),
        (sample!("pipes"), Shape::Pipes),
        (sample!("firehose"), Shape::Firehose),
        (sample!("firehose-direct"), Shape::Firehose),
        (sample!("firehose-dates"), Shape::Firehose),
    ]
}

fn written(event: &AnyEvent<'_>) -> Value {
    match event {
        AnyEvent::Kinesis(event) => serde_json::to_value(event),
        AnyEvent::Pipes(event) => serde_json::to_value(event),
        AnyEvent::Firehose(event) => serde_json::to_value(event),
        _ => unreachable!("a shape without a sample"),
    }
    .unwrap()
}

#[test]
fn every_sample_is_recognised_and_serialises_back_to_equal_json() {
    for ((name, json), shape) in samples() {
        assert_eq!(Shape::detect(json), Some(shape), "{name}");
        let event = AnyEvent::detect(json).unwrap().unwrap();
        let original: Value = serde_json::from_slice(json).unwrap();
        assert_eq!(written(&event), original, "{name}");
        if shape == Shape::Kinesis {
            let owned: OwnedKinesisEvent = serde_json::from_slice(json).unwrap();
            assert_eq!(serde_json::to_value(&owned).unwrap(), original, "{name}");
        }
    }
}

#[test]
fn no_sample_passes_for_another_shape() {
    let shapes = [Shape::Kinesis, Shape::Pipes, Shape::Firehose];
    for ((name, json), shape) in samples() {
        for other in shapes.into_iter().filter(|&other| other != shape) {
            assert!(AnyEvent::from_slice(other, json).is_err(), "{name}");
        }
    }
    assert_eq!(Shape::detect(b"{}"), None);
    assert_eq!(Shape::detect(b"[1]"), None);
    assert_eq!(Shape::detect(b"{"), None);
    assert_eq!(Shape::detect(br#"{"Records": [{"Data": "AA=="}]}"#), None);
}

#[test]
fn unknown_fields_do_not_matter() {
    let mut json = event_json(&[Stored::plain("495", "key", "data")]);
    json["new"] = json!({"in": 2027});
    json["Records"][0]["new"] = json!([1]);
    json["Records"][0]["kinesis"]["new"] = json!("x");
    let event = KinesisEvent::deserialize(&json).unwrap();
    assert_eq!(event.records()[0].data(), "data");
}

#[test]
fn only_data_and_sequence_number_must_be_there() {
    let json = br#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "ZGF0YQ=="}}]}"#;
    let event = KinesisEvent::from_slice(json).unwrap();
    let record = &event.records()[0];
    assert_eq!(record.partition_key(), None);
    assert_eq!(record.shard_id(), None);
    assert_eq!(record.arrival_time(), None);
    let original: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), original);
}

#[test]
fn a_missing_partition_key_is_no_error() {
    let mut stored = Stored::plain("495", "", "data");
    stored.partition_key = None;
    let json = event_bytes(&[stored]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let user_record = user_records.user_records().next().unwrap().unwrap();
    assert_eq!(user_record.partition_key(), None);
}

#[test]
fn null_counts_as_missing_and_a_field_that_comes_twice_is_refused() {
    let json = br#"{"window": null, "state": null, "Records": [{"eventID": null, "kinesis": {
        "sequenceNumber": "495", "partitionKey": null, "data": "", "approximateArrivalTimestamp": null
    }}]}"#;
    let event = KinesisEvent::from_slice(json).unwrap();
    let record = &event.records()[0];
    assert_eq!((record.partition_key(), record.event_id()), (None, None));
    let written = json!({"Records": [{"kinesis": {"sequenceNumber": "495", "data": ""}}]});
    assert_eq!(serde_json::to_value(&event).unwrap(), written);

    let without_data = json!({"Records": [{"kinesis": {"sequenceNumber": "495", "data": null}}]});
    assert_eq!(record_error(&without_data).2, RecordErrorKind::NoData);

    for twice in [
        &br#"[{"sequenceNumber": "1", "data": "", "data": "AA=="}]"#[..],
        br#"[{"sequenceNumber": "1", "sequenceNumber": "2", "data": ""}]"#,
    ] {
        assert!(serde_error::<OwnedPipesEvent>(twice).starts_with("duplicate field"));
        let refused = PipesEvent::from_slice(twice);
        assert!(matches!(refused, Err(EventError::Json(_))), "{refused:?}");
    }
}

fn record_error(json: &Value) -> (usize, Option<String>, RecordErrorKind, String) {
    let json = serde_json::to_vec(json).unwrap();
    // Through serde alone, the message says as much.
    let message = serde_json::from_slice::<KinesisEvent<'_>>(&json)
        .unwrap_err()
        .to_string();
    match KinesisEvent::from_slice(&json) {
        Err(EventError::Record(error)) => {
            assert!(message.starts_with(&error.to_string()), "{message}");
            let identifier = error.identifier().map(str::to_owned);
            (
                error.record_index(),
                identifier,
                error.kind(),
                error.to_string(),
            )
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn bad_base64_and_missing_data_name_the_record() {
    let good = event_json(&[
        Stored::plain("495", "key", "data"),
        Stored::plain("496", "key", "data"),
    ]);
    let mut bad = good.clone();
    bad["Records"][1]["kinesis"]["data"] = json!("not base64");
    let (position, identifier, kind, message) = record_error(&bad);
    assert_eq!((position, identifier.as_deref()), (1, Some("496")));
    assert_eq!(kind, RecordErrorKind::NotBase64 { len: 10 });
    assert_eq!(
        message,
        "record 1 (496) has `data` of 10 characters that are not base64"
    );

    // Neither are characters that JSON does not allow in a string, or bytes that are no text.
    for bytes in [&b"a\nbc"[..], b"a\xFFbc", b"\\ud800"] {
        let json = [
            br#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": ""#,
            bytes,
            br#""}}]}"#,
        ];
        let refused = KinesisEvent::from_slice(&json.concat()).map(|_| ());
        let Err(EventError::Record(error)) = refused else {
            panic!("{refused:?}");
        };
        assert!(matches!(error.kind(), RecordErrorKind::NotBase64 { .. }));
    }

    let mut missing = good.clone();
    missing["Records"][1]["kinesis"]
        .as_object_mut()
        .unwrap()
        .remove("data");
    assert_eq!(
        record_error(&missing).3,
        "record 1 (496) has no field `data`"
    );

    let mut unnamed = good;
    unnamed["Records"][0]["kinesis"]["sequenceNumber"] = json!("");
    let (position, _, kind, _) = record_error(&unnamed);
    assert_eq!((position, kind), (0, RecordErrorKind::NoSequenceNumber));
}

/// Serde quotes what it finds where it expects something else, and a runtime logs that.
#[test]
fn an_error_quotes_no_data() {
    let events = [
        r#"{"Records": [{"kinesis": "secret"}]}"#,
        r#"{"Records": "secret"}"#,
        r#""secret""#,
        r#"{"Records": [{"kinesis": {"sequenceNumber": 5318008}}]}"#,
        r#"{"Records": [{"kinesis": {"partitionKey": {"secret": 1}}}]}"#,
        r#"{"Records": "secret, expected secret"}"#,
        r#"{"Records": [], "window": "secret"}"#,
        r#"{"Records": [], "isFinalInvokeForWindow": "secret"}"#,
        r#"{"records": [{"recordId": 5318008}]}"#,
        r#"[{"sequenceNumber": 5318008}]"#,
        r#"[5318008]"#,
    ];
    for json in events {
        let bytes = json.as_bytes();
        let errors = [
            KinesisEvent::from_slice(bytes).unwrap_err().to_string(),
            PipesEvent::from_slice(bytes).unwrap_err().to_string(),
            FirehoseEvent::from_slice(bytes).unwrap_err().to_string(),
            serde_error::<OwnedKinesisEvent>(bytes),
            serde_error::<OwnedPipesEvent>(bytes),
            serde_error::<OwnedFirehoseEvent>(bytes),
        ];
        for error in errors {
            let quotes = error.contains("secret") || error.contains("5318008");
            assert!(!quotes, "{json}: {error}");
            assert!(error.contains("line 1"), "{json}: {error}");
        }
    }
}

/// What a runtime sees.
fn serde_error<T: serde::de::DeserializeOwned>(json: &[u8]) -> String {
    match serde_json::from_slice::<T>(json) {
        Ok(_) => "line 1: none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn errors_name_the_missing_field() {
    let records = br#"{"records": []}"#;
    let error = KinesisEvent::from_slice(records).unwrap_err();
    let expected = "the JSON has no field `Records` at line 1, column 15";
    assert_eq!(error.to_string(), expected);
    let EventError::Json(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.field(), Some("Records"));
    assert_eq!(error.problem(), JsonProblem::MissingField);
    let seen = serde_error::<OwnedKinesisEvent>(records);
    assert_eq!(seen, "missing field `Records` at line 1 column 15");

    let error = KinesisEvent::from_slice(br#"{"Records": [{}]}"#).unwrap_err();
    assert!(error.to_string().contains("no field `kinesis`"), "{error}");
    let error = FirehoseEvent::from_slice(br#"{"records": [{"data": "AA=="}]}"#).unwrap_err();
    assert!(error.to_string().contains("no field `recordId`"), "{error}");
    let error = PipesEvent::from_slice(br#"[{"sequenceNumber": "1"}]"#).unwrap_err();
    assert_eq!(error.to_string(), "record 0 (1) has no field `data`");
}

#[test]
fn arrival_times_are_exact() {
    let (_, json) = sample!("kinesis");
    let event = KinesisEvent::from_slice(json).unwrap();
    let expected = [
        Duration::from_millis(1_785_312_000_900),
        Duration::from_millis(1_785_312_001_123),
    ];
    for (record, expected) in event.records().iter().zip(expected) {
        assert_eq!(
            record.arrival_time(),
            Some(SystemTime::UNIX_EPOCH + expected)
        );
    }
    assert_eq!(
        event.records()[0].arrival_timestamp().unwrap().as_json(),
        "1785312000.9"
    );
}

#[test]
fn firehose_counts_milliseconds_and_may_say_dates() {
    let millis = |millis| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
    let first = |json| FirehoseEvent::from_slice(json).unwrap().records()[0].arrival_time();
    assert_eq!(first(sample!("firehose").1), millis(1_785_312_000_899));
    assert_eq!(
        first(sample!("firehose-direct").1),
        millis(1_785_312_000_900)
    );
    assert_eq!(first(sample!("firehose-dates").1), None);
}

#[test]
fn strings_are_borrowed_and_escapes_are_read() {
    let json = br#"[{"sequenceNumber": "495", "partitionKey": "\u00e4\n", "data": "ZGF0YQ=="}]"#;
    let event = PipesEvent::from_slice(json).unwrap();
    let record = &event.records()[0];
    assert_eq!(record.partition_key(), Some("ä\n"));
    let at = record.sequence_number().as_ptr().addr();
    assert!((json.as_ptr().addr()..json.as_ptr().addr() + json.len()).contains(&at));
}

#[test]
fn owned_user_records_share_the_decoded_data() {
    let json = event_bytes(&[Stored::aggregate("495", &[("k", "one"), ("l", "two")])]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let whole = event.records()[0].data();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    for user_record in user_records.user_records() {
        let shared = user_record.unwrap().shared_data();
        let at = shared.as_ptr().addr();
        assert!((whole.as_ptr().addr()..whole.as_ptr().addr() + whole.len()).contains(&at));
    }
}

#[test]
fn the_crates_event_gives_the_same_user_records() {
    let json = event_bytes(&[
        Stored::aggregate("495", &[("k", "one"), ("l", "two")]),
        Stored::plain("496", "key", "three"),
    ]);
    let ours = KinesisEvent::from_slice(&json).unwrap();
    let theirs: aws::KinesisEvent = serde_json::from_slice(&json).unwrap();
    let payload: Payload = serde_json::from_slice(&json).unwrap();
    let through_payload = payload.kinesis_event().unwrap();
    let owned: OwnedKinesisEvent = serde_json::from_slice(&json).unwrap();
    let processor = Processor::new();

    fn flat<E: Records>(processor: &Processor, event: &E) -> Vec<(String, Vec<u8>, Vec<u8>)> {
        let user_records = processor.read(event);
        let flat = user_records.user_records().map(|user_record| {
            let user_record = user_record.unwrap();
            let key = user_record.idempotency_key().unwrap();
            (
                key,
                user_record.data().to_vec(),
                user_record.shared_data().to_vec(),
            )
        });
        flat.collect()
    }

    let expected = flat(&processor, &ours);
    assert_eq!(expected.len(), 3);
    assert_eq!(expected[1].0, "shardId-000000000002:495:1");
    assert_eq!(flat(&processor, &theirs), expected);
    assert_eq!(flat(&processor, &owned), expected);
    assert_eq!(flat(&processor, &through_payload), expected);
    assert_eq!(flat(&processor, &theirs.records), expected);
}

#[test]
fn a_service_managed_streams_record_has_no_key_in_the_crates_type_either() {
    let json = br#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "ZGF0YQ==",
        "approximateArrivalTimestamp": 1}}]}"#;
    let event: aws::KinesisEvent = serde_json::from_slice(json).unwrap();
    assert_eq!(StoredRecord::partition_key(&event.records[0]), None);
}

#[test]
fn the_emulators_event_has_every_kind_of_record() {
    let json = include_bytes!("../../lambda/event.json");
    let event = KinesisEvent::from_slice(json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let outcomes: Vec<_> = user_records
        .batch()
        .records()
        .iter()
        .map(|r| r.outcome())
        .collect();
    let expected = [
        Outcome::Plain(PlainReason::NotFramed),
        Outcome::Aggregated,
        Outcome::Aggregated,
        Outcome::Plain(PlainReason::DigestMismatch),
        Outcome::Cut,
        Outcome::Plain(PlainReason::NotFramed),
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn empty_data_are_data() {
    let json = event_bytes(&[Stored::plain("495", "key", "")]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    assert!(event.records()[0].data().is_empty());
}

#[test]
fn debug_shows_lengths_only() {
    let json = event_bytes(&[Stored::aggregate("495", &[("topsecret", "verysecret")])]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let user_record = user_records.user_records().next();
    let shown = format!(
        "{event:?} {:?} {user_records:?} {user_record:?}",
        event.records()
    );
    assert!(!shown.contains("secret"), "{shown}");
    // The crate's own types show everything.
    let theirs: aws::KinesisEvent = serde_json::from_slice(&json).unwrap();
    let shown = format!("{:?}", processor.read(&theirs));
    assert!(!shown.contains("sequence_number"), "{shown}");
}
