//! What a handler is called with, and what the answer names.

use std::sync::{Arc, Mutex};

use aws_lambda_events::event::kinesis as aws;
use kinesis_aggregation::HashKeyRange;
use kinesis_aggregation::lambda::{
    AfterCut, BatchResponse, Error, EventUserRecord, FailureReason, Handled, JsonError,
    KinesisEvent, Processor,
};

use super::support::{Stored, block_on, event_bytes, named, quiet_panic};

/// Sequence numbers of different lengths: as texts they would sort the other way round.
fn three() -> Vec<u8> {
    event_bytes(&[
        Stored::plain("998", "p", "plain"),
        Stored::aggregate("999", &[("k", "one"), ("l", "two"), ("k", "three")]),
        Stored::aggregate("1000", &[("m", "four"), ("k", "five")]),
    ])
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// The texts that `process` was called with, failing at some.
fn process(processor: &Processor, json: &[u8], fail: &[&str]) -> (Vec<String>, BatchResponse) {
    let event = KinesisEvent::from_slice(json).unwrap();
    let mut called = Vec::new();
    let response = processor.read(&event).process(|user_record| {
        let text = text(user_record.data());
        let fails = fail.contains(&text.as_str());
        called.push(text);
        if fails { Err("on purpose") } else { Ok(()) }
    });
    (called, response)
}

fn concurrently(limit: usize, json: &[u8], fail: &[&str]) -> (Vec<String>, BatchResponse) {
    let event = KinesisEvent::from_slice(json).unwrap();
    let called = Mutex::new(Vec::new());
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let response = block_on(
        user_records.process_concurrently(limit, async |user_record| {
            let text = text(user_record.data());
            tokio::task::yield_now().await;
            let fails = fail.contains(&text.as_str());
            called.lock().unwrap().push(text);
            if fails { Err("on purpose") } else { Ok(()) }
        }),
    );
    (called.into_inner().unwrap(), response)
}

#[test]
fn all_is_well() {
    let (called, response) = process(&Processor::new(), &three(), &[]);
    assert_eq!(called, ["plain", "one", "two", "three", "four", "five"]);
    assert!(response.is_success());
}

#[test]
fn it_stops_at_the_first_failure_and_names_its_kinesis_record() {
    let (called, response) = process(&Processor::new(), &three(), &["two", "four"]);
    assert_eq!(called, ["plain", "one", "two"]);
    let answer = serde_json::to_value(&response).unwrap();
    let expected = serde_json::json!({"batchItemFailures": [{"itemIdentifier": "999"}]});
    assert_eq!(answer, expected);
}

#[test]
fn the_lowest_sequence_number_is_the_lowest_number() {
    let json = event_bytes(&[
        Stored::plain("1000", "p", "a"),
        Stored::plain("999", "p", "b"),
    ]);
    let (_, response) = process(&Processor::new(), &json, &["a"]);
    assert_eq!(named(&response), ["999"]);
}

#[test]
fn several_shards_each_have_their_lowest() {
    let json = event_bytes(&[
        Stored::plain("5", "p", "a").in_shard("one"),
        Stored::plain("6", "q", "b").in_shard("two"),
        Stored::plain("7", "r", "c").in_shard("one"),
        Stored::plain("8", "s", "d").in_shard("two"),
    ]);
    let (_, response) = process(&Processor::new(), &json, &["b"]);
    // What was not called must come again too.
    assert_eq!(named(&response), ["6", "7"]);
    let (_, response) = concurrently(1, &json, &["c", "d"]);
    assert_eq!(named(&response), ["7", "8"]);
}

#[test]
fn a_panic_is_a_failure() {
    let json = three();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reasons);
    let processor = Processor::new().on_failure(move |failure| {
        assert!(matches!(failure.reason(), FailureReason::Panicked));
        seen.lock().unwrap().push(failure.to_string());
    });
    let user_records = processor.read(&event);
    let fails = |data: &[u8]| data == b"three";
    let sync = user_records.process(|user_record| {
        if fails(user_record.data()) {
            quiet_panic()
        } else {
            Ok::<(), Error>(())
        }
    });
    let polled = user_records.process_async(async |user_record| {
        tokio::task::yield_now().await;
        if fails(user_record.data()) {
            quiet_panic()
        } else {
            Ok::<(), Error>(())
        }
    });
    let made = user_records.process_async(|user_record: EventUserRecord<'_, _>| {
        if fails(user_record.data()) {
            quiet_panic()
        }
        async { Ok::<(), Error>(()) }
    });
    let responses = [sync, block_on(polled), block_on(made)];
    for response in responses {
        assert_eq!(named(&response), ["999"]);
    }
    let reported = reasons.lock().unwrap().clone();
    assert_eq!(reported.len(), 3);
    assert_eq!(
        reported[0],
        "Kinesis record 999, user record 2: the handler panicked"
    );

    let whole = [
        user_records.process_batch::<_, Error>(|_| quiet_panic()),
        block_on(
            user_records.process_concurrently(2, async |_| -> Result<(), Error> { quiet_panic() }),
        ),
    ];
    for response in whole {
        assert_eq!(named(&response), ["998"]);
    }
}

#[test]
fn concurrently_a_failed_key_stops_and_the_rest_goes_on() {
    for limit in [0, 1, 2, 100] {
        let (mut called, response) = concurrently(limit, &three(), &["one"]);
        called.sort();
        assert_eq!(called, ["four", "one", "plain", "two"], "{limit}");
        assert_eq!(named(&response), ["999"]);
        let (_, response) = concurrently(limit, &three(), &[]);
        assert!(response.is_success());
    }
}

#[test]
fn concurrently_no_more_than_the_limit_run() {
    let records: Vec<_> = (0..50)
        .map(|i| Stored::plain(&i.to_string(), &format!("k{i}"), ""))
        .collect();
    let json = event_bytes(&records);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let running = Mutex::new((0_usize, 0_usize));
    let response = block_on(user_records.process_concurrently(7, async |_| {
        {
            let mut running = running.lock().unwrap();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        tokio::task::yield_now().await;
        running.lock().unwrap().0 -= 1;
        Ok::<(), Error>(())
    }));
    assert!(response.is_success());
    assert_eq!(running.into_inner().unwrap(), (0, 7));
}

#[test]
fn the_futures_can_be_sent() {
    fn sent<F: Future + Send>(future: F) -> F::Output {
        block_on(future)
    }
    let json = three();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    assert!(sent(user_records.process_async(async |_| Ok::<(), Error>(()))).is_success());
    assert!(sent(user_records.process_concurrently(4, async |_| Ok::<(), Error>(()))).is_success());
    let window = async |state: &mut u64, _: EventUserRecord<'_, _>| {
        *state += 1;
        Ok::<(), Error>(())
    };
    assert_eq!(sent(user_records.process_window_async(0, window)).0, 6);
    let transform = async |_: EventUserRecord<'_, _>| Ok::<_, Error>(None);
    assert!(
        sent(user_records.transform_async(transform))
            .records()
            .is_empty()
    );
    let json = async |_: String, _: EventUserRecord<'_, _>| Ok::<(), Error>(());
    let poison = async |_: JsonError, _: EventUserRecord<'_, _>| Ok(());
    assert!(sent(user_records.process_json_async(json, poison)).is_success());
    assert!(
        sent(user_records.process_batch_async(async |_| Ok::<_, Error>(Handled::All))).is_success()
    );
}

#[test]
fn the_whole_slice_at_once() {
    let json = three();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let cases = [
        (Handled::All, vec![]),
        (Handled::First(6), vec![]),
        (Handled::First(4), vec!["1000"]),
        (Handled::First(3), vec!["999"]),
        (Handled::First(0), vec!["998"]),
        (Handled::AllBut(vec![5, 2]), vec!["999"]),
        (Handled::AllBut(vec![]), vec![]),
        (Handled::AllBut(vec![4]), vec!["1000"]),
    ];
    for (handled, expected) in cases {
        let response = user_records.process_batch(|slice| {
            assert_eq!(slice.len(), 6);
            Ok::<_, Error>(handled.clone())
        });
        assert_eq!(named(&response), expected, "{handled:?}");
    }
    let response = user_records.process_batch(|_| Err("all of it"));
    assert_eq!(named(&response), ["998"]);
}

#[test]
fn a_cut_aggregate_fails_after_its_readable_user_records() {
    let json = event_bytes(&[
        Stored::cut("5", &[("k", "one"), ("l", "two")]),
        Stored::plain("6", "p", "three"),
    ]);
    let (called, response) = process(&Processor::new(), &json, &[]);
    assert_eq!(called, ["one", "two"]);
    assert_eq!(named(&response), ["5"]);

    let (mut called, response) = concurrently(2, &json, &[]);
    called.sort();
    assert_eq!(called, ["one", "three", "two"]);
    assert_eq!(named(&response), ["5"]);

    let lost = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lost);
    let processor = Processor::new().on_cut(move |cut| {
        let sequence_number = cut.sequence_number().map(str::to_owned);
        seen.lock()
            .unwrap()
            .push((sequence_number, cut.loss().lost(), cut.data().len()));
        AfterCut::GoOn
    });
    let (called, response) = process(&processor, &json, &[]);
    assert_eq!(called, ["one", "two", "three"]);
    assert!(response.is_success());
    let lost = lost.lock().unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].0.as_deref(), lost[0].1.clone()), (Some("5"), 2..3));
    assert!(lost[0].2 > 20);

    let panics = Processor::new().on_cut(|_| quiet_panic());
    assert_eq!(named(&process(&panics, &json, &[]).1), ["5"]);
}

#[test]
fn out_of_range_is_dropped_counted_and_no_failure() {
    let json = event_bytes(&[
        Stored::aggregate("5", &[("k", "one")]),
        Stored::plain("6", "p", "two"),
    ]);
    let dropped = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&dropped);
    let processor = Processor::new()
        .hash_key_range("0-1".parse().unwrap())
        .on_dropped(move |_| *seen.lock().unwrap() += 1);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let user_records = processor.read(&event);
    assert_eq!(user_records.dropped(), 1);
    let whole = processor.read_in_range(&event, HashKeyRange::default());
    assert_eq!(whole.dropped(), 0);
    let (called, response) = process(&processor, &json, &[]);
    assert_eq!(called, ["two"]);
    assert!(response.is_success());
    let response = block_on(user_records.process_concurrently(2, async |_| Ok::<(), Error>(())));
    assert!(response.is_success());
    assert_eq!(*dropped.lock().unwrap(), 2);
}

#[test]
fn salvage_hands_out_what_follows_a_bad_user_record() {
    let json = event_bytes(&[Stored::cut("5", &[("k", "one")])]);
    let processor = Processor::new().salvage(true);
    let (called, response) = process(&processor, &json, &[]);
    assert_eq!(called, ["one"]);
    assert_eq!(named(&response), ["5"]);
}

/// Otherwise it reaches the handler as it is, in the KCL's way.
#[test]
fn a_damaged_aggregate_is_opened_on_demand_and_is_a_cut() {
    let mut stored = Stored::aggregate("5", &[("k", "one"), ("l", "two")]);
    *stored.data.last_mut().unwrap() ^= 1;
    let json = event_bytes(&[stored]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    for (after, expected) in [(AfterCut::Fail, &["5"][..]), (AfterCut::GoOn, &[])] {
        let processor = Processor::new()
            .salvage_damaged(true)
            .on_cut(move |_| after);
        let mut called = Vec::new();
        let response = processor.read(&event).process(|user_record| {
            assert!(user_record.is_damaged());
            called.push(text(user_record.data()));
            Ok::<(), Error>(())
        });
        assert_eq!(called, ["one", "two"]);
        assert_eq!(named(&response), expected);
    }
    let plain = Processor::new();
    let user_records = plain.read(&event);
    let plain = user_records.user_records().next().unwrap().unwrap();
    assert!(!plain.is_aggregated() && !plain.is_damaged());
}

#[test]
fn an_empty_identifier_is_only_ever_said_on_purpose() {
    // Only the crate's type lets a record without a sequence number through.
    let json = br#"{"Records": [
        {"kinesis": {"data": "AA==", "approximateArrivalTimestamp": 1}},
        {"kinesis": {"sequenceNumber": "6", "data": "AA==", "approximateArrivalTimestamp": 1}}
    ]}"#;
    let event: aws::KinesisEvent = serde_json::from_slice(json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let response = user_records.process(|_| Err("on purpose"));
    assert!(response.is_all_failed());
    let mut count = 0;
    let response = user_records.process(|_| {
        count += 1;
        if count == 2 {
            Err("on purpose")
        } else {
            Ok(())
        }
    });
    assert_eq!(named(&response), ["6"]);
    assert!(user_records.process(|_| Ok::<(), Error>(())).is_success());
}

#[test]
fn zero_user_records_are_done() {
    let json = event_bytes(&[Stored::aggregate("5", &[])]);
    let (called, response) = process(&Processor::new(), &json, &[]);
    // 16 bytes or fewer after the magic are no aggregate: such a record is plain.
    assert_eq!(called.len(), 1);
    assert!(response.is_success());
    let empty = event_bytes(&[]);
    assert!(process(&Processor::new(), &empty, &[]).1.is_success());
}
