//! Tumbling windows.

use std::collections::BTreeMap;

use kinesis_aggregation::lambda::{
    BatchResponse, Error, KinesisEvent, MAX_STATE, Processor, WindowResponse,
};

use super::support::{Stored, block_on, event_bytes, event_json, named, quiet_panic};

#[test]
fn the_state_is_of_any_type() {
    let mut json = event_json(&[]);
    for (state, expected) in [("{}", 0), ("null", 0), ("42", 42)] {
        json["state"] = serde_json::from_str(state).unwrap();
        let json = json.to_string();
        let event = KinesisEvent::from_slice(json.as_bytes()).unwrap();
        assert_eq!(event.state::<u64>().unwrap(), expected);
    }
    json["state"] = serde_json::json!({"a": 1.5});
    let text = json.to_string();
    let event = KinesisEvent::from_slice(text.as_bytes()).unwrap();
    let state: BTreeMap<String, f64> = event.state().unwrap();
    assert_eq!(state["a"], 1.5);
    assert!(event.state::<u64>().is_err());
    json["state"] = serde_json::json!("secret");
    let text = json.to_string();
    let event = KinesisEvent::from_slice(text.as_bytes()).unwrap();
    let error = event.state::<u64>().unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
    let bytes = event_bytes(&[]);
    let without = KinesisEvent::from_slice(&bytes).unwrap();
    assert_eq!(without.state::<u64>().unwrap(), 0);
}

#[test]
fn a_window_knows_its_bounds() {
    let json = include_bytes!("../../events/kinesis-window-final.json");
    let event = KinesisEvent::from_slice(json).unwrap();
    let window = event.window().unwrap();
    assert_eq!(
        (window.start(), window.end()),
        ("2026-07-29T08:00:00Z", "2026-07-29T08:02:00Z")
    );
    assert!(event.is_final_invoke_for_window() && event.is_window_terminated_early());
    assert_eq!(event.shard_id(), Some("shardId-000000000002"));
    assert_eq!(event.state::<u64>().unwrap(), 42);
}

#[test]
fn a_failed_kinesis_record_leaves_nothing_in_the_state() {
    let json = event_bytes(&[
        Stored::aggregate("999", &[("k", "a"), ("l", "b")]),
        Stored::aggregate("1000", &[("m", "c"), ("k", "d")]),
    ]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    for panics in [false, true] {
        let fails = move |data: &[u8]| -> Result<(), kinesis_aggregation::lambda::Error> {
            match (data == b"d", panics) {
                (false, _) => Ok(()),
                (true, false) => Err("on purpose".into()),
                (true, true) => quiet_panic(),
            }
        };
        let (state, response) = user_records.process_window(Vec::new(), |state, user_record| {
            state.extend(user_record.data());
            fails(user_record.data())
        });
        assert_eq!((&state[..], named(&response)), (&b"ab"[..], vec!["1000"]));
        let run = user_records.process_window_async(
            Vec::new(),
            async |state: &mut Vec<u8>, user_record| {
                state.extend(user_record.data());
                fails(user_record.data())
            },
        );
        let (state, response) = block_on(run);
        assert_eq!((&state[..], named(&response)), (&b"ab"[..], vec!["1000"]));
    }
}

#[test]
fn a_cut_kinesis_record_leaves_nothing_in_the_state() {
    for (cut, expected) in [(vec![("m", "b")], "a"), (vec![], "a")] {
        let json = event_bytes(&[Stored::plain("1", "k", "a"), Stored::cut("2", &cut)]);
        let event = KinesisEvent::from_slice(&json).unwrap();
        let processor = Processor::new();
        let user_records = processor.read(&event);
        let (state, response) = user_records.process_window(Vec::new(), |state, user_record| {
            state.extend(user_record.data());
            Ok::<(), Error>(())
        });
        assert_eq!(
            (&state[..], named(&response)),
            (expected.as_bytes(), vec!["2"])
        );
    }
}

/// Lambda ends such a window early. An error would bring the same state back, for ever.
#[test]
fn a_state_that_is_too_large_is_answered_all_the_same() {
    let fits = "x".repeat(MAX_STATE - 2);
    let answer = WindowResponse::new(&fits, BatchResponse::success()).unwrap();
    assert!(!answer.is_state_too_large());
    let answer = WindowResponse::new(&(fits + "x"), BatchResponse::success()).unwrap();
    assert!(answer.is_state_too_large());
    assert_eq!(answer.state_json().len(), MAX_STATE + 1);
}

#[test]
fn the_answer_has_state_and_failures() {
    let response = BatchResponse::failed_from(&"0999".parse().unwrap());
    let answer = WindowResponse::new(&BTreeMap::from([("a", 1)]), response).unwrap();
    let expected = r#"{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"999"}]}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
}
