//! Handlers as people write them, and what their answers say.

use std::fmt;
use std::sync::{Arc, Mutex};

use kinesis_aggregation::lambda::{
    AfterCut, BatchResponse, Error, EventUserRecord, FailureReason, KinesisEvent, MemoryResume,
    OwnedFirehoseEvent, OwnedKinesisEvent, OwnedPipesEvent, Processor, Records, TestEvent,
    TransformResult, Transformed,
};
use kinesis_aggregation::{HashKey, HashKeyRange, Shard, ShardMap, UserRecord};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::support::{Stored, block_on, event_bytes, named};

/// A user's own error: no `Box`, and not even a `std::error::Error`.
struct OwnError;

impl From<OwnError> for Error {
    fn from(_: OwnError) -> Self {
        "an error of one's own".into()
    }
}

#[derive(Debug)]
struct StdError;

impl fmt::Display for StdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the usual kind")
    }
}

impl std::error::Error for StdError {}

fn two() -> Vec<u8> {
    event_bytes(&[
        Stored::aggregate("1", &[("k", "a"), ("l", "b")]),
        Stored::plain("2", "k", "c"),
    ])
}

#[test]
fn a_handler_has_an_error_type_of_its_own() {
    fn own(_: EventUserRecord<'_>) -> Result<(), OwnError> {
        Err(OwnError)
    }
    async fn usual(_: EventUserRecord<'_>) -> Result<(), StdError> {
        Err(StdError)
    }
    async fn text(_: EventUserRecord<'_>) -> Result<(), &'static str> {
        Err("a text")
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    let processor = Processor::new().on_failure(move |failure| {
        let FailureReason::Handler(error) = failure.reason() else {
            panic!("{failure}");
        };
        told.lock().unwrap().push(error.to_string());
    });
    let event: OwnedKinesisEvent = serde_json::from_slice(&two()).unwrap();
    let user_records = processor.read(&event);
    let responses = [
        user_records.process(own),
        block_on(user_records.process_async(usual)),
        block_on(user_records.process_concurrently(1, text)),
    ];
    for response in responses {
        assert_eq!(named(&response), ["1"]);
    }
    let expected = [
        "an error of one's own",
        "an error of the usual kind",
        "a text",
        "a text",
    ];
    // Concurrently, the two partition keys fail each for itself.
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn async_closures_borrow_what_they_capture() {
    let json = two();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let mut seen = Vec::new();
    let response = block_on(user_records.process_async(async |user_record| {
        tokio::task::yield_now().await;
        seen.push(user_record.data().to_vec());
        Ok::<(), Error>(())
    }));
    assert!(response.is_success());
    assert_eq!(seen, [b"a", b"b", b"c"]);

    let mut sum = 0;
    let (state, _) = block_on(user_records.process_window_async(
        0,
        async |state: &mut usize, user_record| {
            *state += user_record.data().len();
            sum += 1;
            Ok::<(), Error>(())
        },
    ));
    assert_eq!((state, sum), (3, 3));
}

#[test]
fn on_cut_may_be_asynchronous() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    let processor = Processor::new().on_cut_async(move |lost| {
        let told = Arc::clone(&told);
        Box::pin(async move {
            tokio::task::yield_now().await;
            told.lock().unwrap().push(lost.data().len());
            AfterCut::GoOn
        })
    });
    let stored = Stored::cut("1", &[("k", "a")]);
    let len = stored.data.len();
    let json = event_bytes(&[stored]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let user_records = processor.read(&event);
    let fine = async |_: EventUserRecord<'_, _>| Ok::<(), Error>(());
    assert!(block_on(user_records.process_async(fine)).is_success());
    assert!(block_on(user_records.process_concurrently(2, fine)).is_success());
    let nothing = async |_: &mut (), _: EventUserRecord<'_, _>| Ok::<(), Error>(());
    assert!(
        block_on(user_records.process_window_async((), nothing))
            .1
            .is_success()
    );
    assert_eq!(*log.lock().unwrap(), [len, len, len]);
    // Nobody could wait for it here: the aggregate fails, and is not lost.
    let response = user_records.process(|_| Ok::<(), Error>(()));
    assert_eq!(named(&response), ["1"]);
    assert_eq!(log.lock().unwrap().len(), 3);

    let panics = Processor::new()
        .on_cut_async(|_| Box::pin(async { std::panic::resume_unwind(Box::new("on purpose")) }));
    let response = block_on(panics.read(&event).process_async(fine));
    assert_eq!(named(&response), ["1"]);
}

#[derive(Debug, Deserialize, PartialEq)]
struct Order<'a> {
    customer: &'a str,
    total: u64,
}

#[derive(Debug, Deserialize, PartialEq)]
struct OwnedOrder {
    total: u64,
}

fn orders() -> Vec<u8> {
    event_bytes(&[
        Stored::plain("1", "k", r#"{"customer": "c", "total": 7}"#),
        Stored::plain("2", "k", r#"{"customer": "secret", "total": "secret"}"#),
        Stored::plain("3", "k", r#"{"customer": "secret"}"#),
        Stored::plain("4", "k", "secret"),
        Stored::plain("5", "k", r#"{"customer": "d", "total": 8}"#),
    ])
}

const POISON: [&str; 3] = [
    "the JSON has a value of another type at line 1, column 40",
    "the JSON has no field `total` at line 1, column 22",
    "malformed JSON at line 1, column 1",
];

#[test]
fn user_records_in_json_have_a_place_for_poison() {
    let json = orders();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let (mut totals, mut poison) = (Vec::new(), Vec::new());
    let response = user_records.process_json(
        |order: Order<'_>, _| {
            totals.push((order.customer.to_owned(), order.total));
            Ok::<(), Error>(())
        },
        |error, _| {
            poison.push(error.to_string());
            Ok(())
        },
    );
    assert!(response.is_success());
    assert_eq!(totals, [("c".to_owned(), 7), ("d".to_owned(), 8)]);
    assert_eq!(poison, POISON);

    let (mut totals, mut poison) = (Vec::new(), Vec::new());
    let response = block_on(user_records.process_json_async(
        async |order: OwnedOrder, _| {
            totals.push(order.total);
            Ok::<(), Error>(())
        },
        async |error, _| {
            poison.push(error.to_string());
            Ok(())
        },
    ));
    assert!(response.is_success());
    assert_eq!(totals, [7, 8]);
    assert_eq!(poison, POISON);

    // Where it is not put aside, it fails as any does.
    let fine = |_: Order<'_>, _: EventUserRecord<'_, _>| Ok(());
    let response = user_records.process_json(fine, |error, _| Err(error));
    assert_eq!(named(&response), ["2"]);
}

/// Processes what `json` holds, and fails at one text.
fn run(json: &[u8], fail: &str) -> BatchResponse {
    let event = KinesisEvent::from_slice(json).unwrap();
    let processor = Processor::new();
    processor.read(&event).process(|user_record| {
        let fails = user_record.data() == fail.as_bytes();
        if fails { Err("on purpose") } else { Ok(()) }
    })
}

#[test]
fn an_invocation_that_came_to_nothing_can_fail() {
    let response = run(&two(), "a");
    let error = response.error_if_nothing_done().unwrap_err();
    assert_eq!(error.counts().failed(), 1);
    assert_eq!(
        error.to_string(),
        "no user record of the batch was done: 1 failed, 0 Kinesis records are cut"
    );
    // Something was done: it stays a partial failure.
    for text in ["b", "c"] {
        let response = run(&two(), text);
        assert!(!response.is_success());
        assert!(response.error_if_nothing_done().is_ok());
    }
    let response = run(&two(), "");
    assert_eq!(response.counts().done(), 3);
    assert!(response.error_if_nothing_done().is_ok());

    let response = run(&event_bytes(&[Stored::cut("1", &[])]), "");
    let error = response.error_if_nothing_done().unwrap_err();
    assert_eq!((error.counts().failed(), error.counts().cut()), (0, 1));

    let response = run(&event_bytes(&[]), "");
    assert!(response.error_if_nothing_done().is_ok());
}

/// The answer would bring back only what failed, and the memory has forgotten the rest: a failed
/// invocation would do that again.
#[test]
fn an_invocation_whose_memory_has_forgotten_cannot_fail() {
    let json = two();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let processor = Processor::new().resume(MemoryResume::new());
    let user_records = processor.read(&event);
    // The first aggregate is done whole, but something before the answer went wrong: it all comes
    // again, by a future that was dropped.
    block_on(async {
        let run = user_records.process_async(async |user_record| {
            if user_record.data() == b"c" {
                std::future::pending::<()>().await;
            }
            Ok::<(), Error>(())
        });
        tokio::select! {
            biased;
            _ = run => unreachable!("it waits for ever"),
            () = tokio::task::yield_now() => {}
        }
    });
    let response = user_records.process(|_| Err("on purpose"));
    assert_eq!(named(&response), ["2"]);
    let counts = response.counts();
    assert_eq!(
        (counts.done(), counts.failed(), counts.left_out()),
        (0, 1, 2)
    );
    assert!(response.error_if_nothing_done().is_ok());
}

#[test]
fn a_runtime_deserialises_owned_events() {
    fn as_a_runtime<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_slice(json.as_bytes()).unwrap()
    }
    fn data(event: &impl Records) -> Vec<String> {
        let processor = Processor::new();
        let user_records = processor.read(event);
        let user_records = user_records.user_records();
        let data = user_records
            .map(|user_record| String::from_utf8_lossy(user_record.unwrap().data()).into_owned());
        data.collect()
    }
    let made = TestEvent::new()
        .plain("k", "one")
        .aggregate([UserRecord::new("k", "two"), UserRecord::new("l", "three")]);
    let expected = ["one", "two", "three"];
    assert_eq!(
        data(&as_a_runtime::<OwnedKinesisEvent>(&made.kinesis_json())),
        expected
    );
    assert_eq!(
        data(&as_a_runtime::<OwnedPipesEvent>(&made.pipes_json())),
        expected
    );
    assert_eq!(
        data(&as_a_runtime::<OwnedFirehoseEvent>(&made.firehose_json())),
        expected
    );
    let firehose: serde_json::Value = serde_json::from_str(&made.firehose_json()).unwrap();
    let again: OwnedFirehoseEvent = as_a_runtime(&made.firehose_json());
    assert_eq!(serde_json::to_value(&again).unwrap(), firehose);
}

#[test]
fn a_test_event_has_hash_keys_and_cuts() {
    let hash_key = HashKey::new(7);
    let made = TestEvent::new()
        .cut_aggregate([UserRecord::new("k", "one").with_explicit_hash_key(hash_key)])
        .kinesis_json();
    let event: OwnedKinesisEvent = serde_json::from_str(&made).unwrap();
    let processor = Processor::new();
    let user_records = processor.read(&event);
    let read: Vec<_> = user_records.user_records().collect();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].as_ref().unwrap().hash_key(), Some(hash_key));
    assert_eq!(named(&user_records.process(|_| Ok::<(), Error>(()))), ["1"]);
}

#[test]
fn each_shard_has_its_range() {
    let middle = HashKey::new(1 << 127);
    let lower = HashKeyRange::new(HashKey::MIN, HashKey::new((1 << 127) - 1)).unwrap();
    let upper = HashKeyRange::new(middle, HashKey::MAX).unwrap();
    let map = ShardMap::new([
        Shard::closed("parent", HashKeyRange::FULL),
        Shard::open("lower", lower),
        Shard::open("upper", upper),
    ]);
    // The map takes the place of a range.
    let processor = Processor::new()
        .hash_key_range("0-1".parse().unwrap())
        .shard_map(map.unwrap());
    let aggregate = Stored::aggregate("1", &[("k", "a")]);
    let (home, other) = match HashKey::of_partition_key("k") < middle {
        true => ("lower", "upper"),
        false => ("upper", "lower"),
    };
    // Of a shard that was made since, nothing is dropped.
    for (shard, dropped) in [(home, 0), (other, 1), ("parent", 0), ("child", 0)] {
        let json = event_bytes(&[aggregate.clone().in_shard(shard)]);
        let event = KinesisEvent::from_slice(&json).unwrap();
        assert_eq!(processor.read(&event).dropped(), dropped, "{shard}");
    }
    // Lambda's events are of one shard; where one is not, no range is right for it.
    let both = [aggregate.clone().in_shard(other), aggregate.in_shard(home)];
    let json = event_bytes(&both);
    let event = KinesisEvent::from_slice(&json).unwrap();
    assert_eq!(processor.read(&event).dropped(), 0);
}

#[test]
fn firehoses_partition_keys_come_out_of_the_closure() {
    let made = TestEvent::new()
        .plain("k", "monday")
        .aggregate([
            UserRecord::new("k", "monday"),
            UserRecord::new("l", "monday"),
        ])
        .aggregate([
            UserRecord::new("k", "monday"),
            UserRecord::new("l", "friday"),
        ])
        .firehose_json();
    let event: OwnedFirehoseEvent = serde_json::from_str(&made).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    let processor =
        Processor::new().on_failure(move |failure| told.lock().unwrap().push(failure.to_string()));
    let user_records = processor.read(&event);
    let day = |user_record: EventUserRecord<'_, _>| {
        let day = String::from_utf8_lossy(user_record.data()).into_owned();
        Transformed::new(user_record.data()).with_partition_key("day", day)
    };
    let answer = user_records.transform(|user_record| Ok::<_, Error>(Some(day(user_record))));
    let waited = block_on(user_records.transform_async(async |user_record| {
        tokio::task::yield_now().await;
        Ok::<_, Error>(Some(day(user_record)))
    }));
    for answer in [answer, waited] {
        let answer = serde_json::to_value(&answer).unwrap();
        let records = answer["records"].as_array().unwrap();
        assert_eq!(records[0]["metadata"]["partitionKeys"]["day"], "monday");
        assert_eq!(records[1]["metadata"]["partitionKeys"]["day"], "monday");
        // There is one set of keys for a record: this one cannot be answered.
        assert_eq!(records[2]["result"], "ProcessingFailed");
        assert_eq!(records[2].get("metadata"), None);
    }
    let expected = "its user records have different dynamic partition keys";
    for line in log.lock().unwrap().iter() {
        assert!(line.ends_with(expected), "{line}");
    }
    assert_eq!(log.lock().unwrap().len(), 2);
}

/// Old writers left such explicit hash keys; a Lambda function must not count them as done, and
/// Firehose must not delete them.
#[test]
fn an_explicit_hash_key_that_no_shard_owns_is_a_failure_and_never_dropped() {
    let keys = [
        "-123",
        "340282366920938463463374607431768211456",
        "undefined",
    ];
    let mut stored: Vec<_> = keys
        .iter()
        .map(|key| Stored::with_explicit_hash_key("1", key, Some(0)))
        .collect();
    stored.push(Stored::with_explicit_hash_key("1", "7", Some(9)));
    for stored in stored {
        let json = event_bytes(std::slice::from_ref(&stored));
        let event = KinesisEvent::from_slice(&json).unwrap();
        let firehose = TestEvent::new()
            .plain("a", stored.data.clone())
            .firehose_json();
        let firehose: OwnedFirehoseEvent = serde_json::from_str(&firehose).unwrap();
        for range in [None, Some(HashKeyRange::FULL)] {
            let log = Arc::new(Mutex::new(Vec::new()));
            let told = Arc::clone(&log);
            let mut processor = Processor::new()
                .on_dropped(|lost| panic!("{lost:?} is no drop to pass over"))
                .on_failure(move |failure| told.lock().unwrap().push(failure.to_string()));
            if let Some(range) = range {
                processor = processor.hash_key_range(range);
            }
            let user_records = processor.read(&event);
            let mut count = 0;
            let response = user_records.process(|_| {
                count += 1;
                Ok::<(), Error>(())
            });
            assert_eq!(named(&response), ["1"]);
            assert_eq!(response.counts().cut(), 1);
            // In a range, the KCL drops what is before it, too.
            assert_eq!(count, if user_records.dropped() == 1 { 0 } else { 1 });
            let fine = async |_: EventUserRecord<'_, _>| Ok::<(), Error>(());
            let response = block_on(user_records.process_concurrently(2, fine));
            assert_eq!(named(&response), ["1"]);
            assert_eq!(log.lock().unwrap().len(), 2);
            let answer = processor
                .read(&firehose)
                .transform(|_| Ok::<_, Error>(Some(Transformed::default())));
            let failed = TransformResult::ProcessingFailed;
            assert_eq!(answer.records()[0].result(), failed);
            assert_eq!(answer.records()[0].data(), &stored.data);
        }
    }
}
