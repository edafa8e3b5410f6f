//! Less to redo.

use std::sync::{Arc, Mutex};

use kinesis_aggregation::lambda::{
    BatchResponse, Done, Error, Handled, KinesisEvent, MemoryResume, Processor, RecordKey, Resume,
};
use proptest::prelude::*;

use super::support::{ARN, SHARD, Stored, block_on, event_bytes, named};

fn run(processor: &Processor, json: &[u8], fail: &str) -> (Vec<String>, BatchResponse) {
    let event = KinesisEvent::from_slice(json).unwrap();
    let mut called = Vec::new();
    let response = processor.read(&event).process(|user_record| {
        let text = String::from_utf8_lossy(user_record.data()).into_owned();
        let fails = text == fail;
        called.push(text);
        if fails { Err("on purpose") } else { Ok(()) }
    });
    (called, response)
}

fn json() -> Vec<u8> {
    event_bytes(&[
        Stored::aggregate("999", &[("k", "one"), ("l", "two"), ("k", "three")]),
        Stored::aggregate("1000", &[("m", "four"), ("k", "five")]),
    ])
}

#[test]
fn a_retry_leaves_out_what_was_done() {
    let memory = Arc::new(MemoryResume::new());
    let processor = Processor::new().resume(Arc::clone(&memory));
    let (called, response) = run(&processor, &json(), "two");
    assert_eq!(called, ["one", "two"]);
    assert_eq!(named(&response), ["999"]);
    assert_eq!(memory.len(), 1);
    let (called, response) = run(&processor, &json(), "");
    assert_eq!(called, ["two", "three", "four", "five"]);
    assert!(response.is_success());
    // The entry goes when its Kinesis record succeeds.
    assert!(memory.is_empty());
}

/// Two streams in one event that does not say which is which: what was done of one record is not
/// done of the other.
#[test]
fn records_that_cannot_be_told_apart_are_not_remembered() {
    let json = br#"{"Records": [
        {"kinesis": {"sequenceNumber": "7", "partitionKey": "k", "data": "b25l"}},
        {"kinesis": {"sequenceNumber": "7", "partitionKey": "l", "data": "dHdv"}}
    ]}"#;
    let event = KinesisEvent::from_slice(json).unwrap();
    let memory = Arc::new(MemoryResume::new());
    let processor = Processor::new().resume(Arc::clone(&memory));
    let run = |fail: &'static [u8]| {
        let called = Mutex::new(Vec::new());
        let user_records = processor.read(&event);
        let response = block_on(user_records.process_concurrently(2, async |user_record| {
            called.lock().unwrap().push(user_record.data().to_vec());
            if user_record.data() == fail {
                Err("on purpose")
            } else {
                Ok(())
            }
        }));
        (called.into_inner().unwrap(), response)
    };
    let (called, response) = run(b"one");
    assert_eq!(called, [b"one", b"two"]);
    assert_eq!(named(&response), ["7"]);
    let (called, response) = run(b"");
    assert_eq!(called, [b"one", b"two"]);
    assert!(response.is_success() && memory.is_empty());
}

#[test]
fn what_was_done_after_the_failure_is_left_out_too() {
    let memory = Arc::new(MemoryResume::new());
    let processor = Processor::new().resume(Arc::clone(&memory));
    let json = json();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let user_records = processor.read(&event);
    let response = block_on(user_records.process_concurrently(3, async |user_record| {
        if user_record.data() == b"two" {
            Err("on purpose")
        } else {
            Ok(())
        }
    }));
    assert_eq!(named(&response), ["999"]);
    // The second one is done whole, and will come again.
    assert_eq!(memory.len(), 2);
    let (called, _) = run(&processor, &json, "");
    assert_eq!(called, ["two"]);
    assert!(memory.is_empty());
}

#[test]
fn a_cancelled_run_is_remembered() {
    let memory = Arc::new(MemoryResume::new());
    let processor = Processor::new().resume(Arc::clone(&memory));
    let json = json();
    let event = KinesisEvent::from_slice(&json).unwrap();
    let user_records = processor.read(&event);
    block_on(async {
        let run = user_records.process_async(async |user_record| {
            if user_record.data() == b"four" {
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
    assert_eq!(memory.len(), 1);
    let (called, response) = run(&processor, &json, "");
    assert_eq!(called, ["four", "five"]);
    assert!(response.is_success());
}

/// The callback for its cut aggregate is asked after the handler, which may have done everything.
#[test]
fn a_cancelled_slice_is_remembered_if_its_handler_returned() {
    let memory = Arc::new(MemoryResume::new());
    let processor = Processor::new()
        .resume(Arc::clone(&memory))
        .on_cut_async(|_| Box::pin(std::future::pending()));
    let json = event_bytes(&[Stored::cut("1", &[("k", "one")])]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let user_records = processor.read(&event);
    for returns in [false, true] {
        block_on(async {
            let run = user_records.process_batch_async(async |_| {
                if !returns {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Error>(Handled::All)
            });
            tokio::select! {
                biased;
                _ = run => unreachable!("it waits for ever"),
                () = tokio::task::yield_now() => {}
            }
        });
        assert_eq!(memory.len(), usize::from(returns));
    }
    let (called, response) = run(&processor, &json, "");
    assert!(called.is_empty());
    assert_eq!(named(&response), ["1"]);
}

#[test]
fn the_memory_is_bounded() {
    let key = |sequence_number: &str| {
        event_bytes(&[Stored::aggregate(
            sequence_number,
            &[("k", "one"), ("l", "two")],
        )])
    };
    for memory in [
        MemoryResume::with_limits(3, usize::MAX),
        MemoryResume::with_limits(9, 900),
    ] {
        let memory = Arc::new(memory);
        let processor = Processor::new().resume(Arc::clone(&memory));
        for i in 0..10 {
            let _ = run(&processor, &key(&i.to_string()), "two");
        }
        assert_eq!(memory.len(), 3);
        // The youngest are remembered.
        assert_eq!(run(&processor, &key("9"), "").0, ["two"]);
        assert_eq!(run(&processor, &key("6"), "").0, ["one", "two"]);
    }
}

#[derive(Default)]
struct Table(Mutex<Vec<String>>);

impl Resume for Table {
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done> {
        let mut log = self.0.lock().unwrap();
        log.push(format!("load {}", records.len()));
        vec!["0".parse().unwrap()]
    }

    fn save(&self, kept: &[(RecordKey<'_>, Done)], succeeded: &[RecordKey<'_>]) {
        let mut log = self.0.lock().unwrap();
        log.extend(kept.iter().map(|(key, done)| format!("keep {key} {done}")));
        log.extend(succeeded.iter().map(|key| format!("forget {key}")));
    }
}

#[test]
fn a_table_of_ones_own_is_asked_once_and_told_once() {
    let table = Arc::new(Table::default());
    let processor = Processor::new().resume(Arc::clone(&table));
    assert_eq!(run(&processor, &json(), "three").0, ["two", "three"]);
    assert_eq!(
        run(&processor, &json(), "five").0,
        ["two", "three", "four", "five"]
    );
    let (first, second) = (format!("{ARN}/{SHARD}/999"), format!("{ARN}/{SHARD}/1000"));
    let expected = [
        "load 2".to_owned(),
        format!("keep {first} 0-1"),
        "load 2".to_owned(),
        format!("keep {second} 0"),
        format!("forget {first}"),
    ];
    assert_eq!(*table.0.lock().unwrap(), expected);
}

#[test]
fn done_refuses_what_it_never_displays() {
    for text in [
        "x",
        "1-",
        "2-1",
        "0,1",
        "0-1,1",
        "3,1",
        "18446744073709551615",
        ",",
        "1,",
    ] {
        assert!(text.parse::<Done>().is_err(), "{text}");
    }
    assert_eq!("".parse::<Done>().unwrap(), Done::nothing());
    assert_eq!(
        Done::everything().to_string().parse::<Done>().unwrap(),
        Done::everything()
    );
}

proptest! {
    #[test]
    fn done_is_a_set(numbers in prop::collection::vec(0_u64..40, 0..60)) {
        let mut done = Done::nothing();
        let mut model = std::collections::BTreeSet::new();
        for number in numbers {
            done.insert(number);
            model.insert(number);
            for candidate in 0..41 {
                prop_assert_eq!(done.contains(candidate), model.contains(&candidate));
            }
            let gaps = done.ranges().windows(2).all(|pair| pair[0].end < pair[1].start);
            prop_assert!(gaps);
        }
        prop_assert_eq!(done.to_string().parse::<Done>().unwrap(), done);
    }
}
