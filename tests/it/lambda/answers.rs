//! Answers to Firehose and Pipes.

use std::sync::{Arc, Mutex};

use kinesis_aggregation::lambda::{
    AfterCut, Error, FirehoseEvent, OwnedPipesEvent, PipesEvent, Processor, TestEvent, Transformed,
};
use kinesis_aggregation::{HashKey, UserRecord};
use serde_json::{Value, json};

use super::support::{Stored, event_json, quiet_panic};

fn base64(data: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}

fn firehose(records: &[Stored]) -> Vec<u8> {
    let records: Vec<_> = records
        .iter()
        .map(|stored| json!({"recordId": stored.sequence_number, "data": base64(&stored.data)}))
        .collect();
    serde_json::to_vec(&json!({ "records": records })).unwrap()
}

#[test]
fn one_answer_for_each_record_id() {
    let records = [
        Stored::aggregate("1", &[("k", "a"), ("l", "skip"), ("m", "b")]),
        Stored::plain("2", "k", "skip"),
        Stored::aggregate("3", &[("k", "c"), ("l", "fail")]),
        Stored::cut("4", &[("k", "d")]),
        Stored::plain("5", "k", "panic"),
        Stored::plain("6", "k", ""),
    ];
    let json = firehose(&records);
    let event = FirehoseEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let answer = processor
        .read(&event)
        .transform(|user_record| match user_record.data() {
            b"skip" => Ok(None),
            b"fail" => Err("on purpose"),
            b"panic" => quiet_panic(),
            data => Ok(Some(Transformed::new([data, b"\n"].concat()))),
        });
    let expected = json!({"records": [
        {"recordId": "1", "result": "Ok", "data": base64("a\nb\n")},
        {"recordId": "2", "result": "Dropped", "data": ""},
        {"recordId": "3", "result": "ProcessingFailed", "data": base64(&records[2].data)},
        {"recordId": "4", "result": "ProcessingFailed", "data": base64(&records[3].data)},
        {"recordId": "5", "result": "ProcessingFailed", "data": base64("panic")},
        {"recordId": "6", "result": "Ok", "data": base64("\n")},
    ]});
    assert_eq!(serde_json::to_value(&answer).unwrap(), expected);

    let goes_on = Processor::new().on_cut(|_| AfterCut::GoOn);
    let answer = goes_on
        .read(&event)
        .transform(|_| Ok::<_, Error>(Some(Transformed::new("x"))));
    let answer = serde_json::to_value(&answer).unwrap();
    assert_eq!(answer["records"][3]["result"], "Ok");
}

#[test]
fn an_enrichment_answers_with_a_flat_array() {
    let of_lambda = event_json(&[
        Stored::aggregate("1", &[("k", "a"), ("l", "b")]),
        Stored::cut("2", &[("m", "c")]),
    ]);
    let flat: Vec<Value> = of_lambda["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let mut record = record.clone();
            let kinesis = record["kinesis"].take();
            let flat = record.as_object_mut().unwrap();
            flat.remove("kinesis");
            flat.extend(kinesis.as_object().unwrap().clone());
            record
        })
        .collect();
    let json = serde_json::to_vec(&flat).unwrap();
    let event = PipesEvent::from_slice(&json).unwrap();

    let told = Arc::new(Mutex::new(0));
    let count = Arc::clone(&told);
    let fails = Processor::new().on_failure(move |_| *count.lock().unwrap() += 1);
    assert_eq!(fails.read(&event).flatten().unwrap_err().record_index(), 1);
    assert_eq!(*told.lock().unwrap(), 1);

    let goes_on = Processor::new().on_cut(|_| AfterCut::GoOn);
    let user_records = goes_on.read(&event);
    let answer = serde_json::to_value(user_records.flatten().unwrap()).unwrap();
    let answer = answer.as_array().unwrap();
    assert_eq!(answer.len(), 3);
    assert_eq!(answer[1]["partitionKey"], "l");
    assert_eq!(answer[1]["data"], base64("b"));
    assert_eq!(answer[1]["subSequenceNumber"], 1);
    assert_eq!(answer[1]["sequenceNumber"], "1");
    assert_eq!(answer[1]["approximateArrivalTimestamp"], 1_785_312_000.9);
    // It is a pipe's event again, of plain records.
    let again = serde_json::to_vec(&answer).unwrap();
    assert_eq!(PipesEvent::from_slice(&again).unwrap().records().len(), 3);
}

#[test]
fn an_enrichments_user_record_has_a_pipes_fields_and_its_own() {
    let hash_key = HashKey::new(7);
    let json = TestEvent::new()
        .aggregate([UserRecord::new("k", "secret").with_explicit_hash_key(hash_key)])
        .plain("a", Stored::damaged("2", &[("l", "two")]).data)
        .pipes_json();
    let event: OwnedPipesEvent = serde_json::from_str(&json).unwrap();
    let processor = Processor::new().salvage_damaged(true);
    let processor = processor.on_cut(|_| AfterCut::GoOn);
    let user_records = processor.read(&event);
    let answer = user_records.flatten().unwrap();
    assert!(!format!("{answer:?}").contains("secret"));
    let source = json!({
        "subSequenceNumber": 0,
        "aggregated": true,
        "approximateArrivalTimestamp": 1_767_225_600.5,
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/test",
        "awsRegion": "us-east-1",
    });
    let own = [
        json!({"partitionKey": "k", "explicitHashKey": "7", "data": base64("secret"),
            "sequenceNumber": "1", "eventID": "shardId-000000000000:1"}),
        json!({"partitionKey": "l", "damaged": true, "data": base64("two"),
            "sequenceNumber": "2", "eventID": "shardId-000000000000:2"}),
    ];
    let expected = own.map(|mut own| {
        let source = source.as_object().unwrap().clone();
        own.as_object_mut().unwrap().extend(source);
        own
    });
    assert_eq!(serde_json::to_value(answer).unwrap(), json!(expected));
}
