//! Handlers that take the whole slice: what they are held to, and who is told.

use std::sync::{Arc, Mutex};

use kinesis_aggregation::LossKind;
use kinesis_aggregation::lambda::{
    AfterCut, BatchResponse, Error, Handled, KinesisEvent, MemoryResume, Processor,
};

use super::support::{Stored, block_on, event_bytes, named, quiet_panic};

type Log = Arc<Mutex<Vec<String>>>;

/// A processor that logs what its callbacks are told.
fn logging(after: AfterCut) -> (Processor, Log) {
    let log = Log::default();
    let (failures, cuts) = (Arc::clone(&log), Arc::clone(&log));
    let processor = Processor::new()
        .on_failure(move |failure| failures.lock().unwrap().push(failure.to_string()))
        .on_cut(move |lost| {
            let cut = format!("cut {}", lost.sequence_number().unwrap());
            cuts.lock().unwrap().push(cut);
            after
        });
    (processor, log)
}

fn take(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

fn batch(
    processor: &Processor,
    records: &[Stored],
    handled: Result<Handled, Error>,
) -> BatchResponse {
    let json = event_bytes(records);
    let event = KinesisEvent::from_slice(&json).unwrap();
    processor.read(&event).process_batch(|_| handled)
}

fn two() -> [Stored; 2] {
    [
        Stored::aggregate("998", &[("k", "a"), ("l", "b")]),
        Stored::aggregate("999", &[("k", "c"), ("l", "d")]),
    ]
}

#[test]
fn every_failure_is_told() {
    let (processor, log) = logging(AfterCut::Fail);
    let response = batch(&processor, &two(), Ok(Handled::AllBut(vec![3, 0])));
    assert_eq!(named(&response), ["998"]);
    let expected = [
        "Kinesis record 998, user record 0: the handler did not do it",
        "Kinesis record 999, user record 1: the handler did not do it",
    ];
    assert_eq!(take(&log), expected);
    let counts = response.counts();
    assert_eq!((counts.done(), counts.failed()), (2, 2));

    let response = batch(&processor, &two(), Ok(Handled::First(1)));
    assert_eq!(named(&response), ["998"]);
    // As when they are processed one by one, what follows was not reached.
    let expected = ["Kinesis record 998, user record 1: the handler did not do it"];
    assert_eq!(take(&log), expected);

    let response = batch(&processor, &two(), Err("all of it".into()));
    assert_eq!(named(&response), ["998"]);
    let expected = [
        "Kinesis record 998: all of it",
        "Kinesis record 999: all of it",
    ];
    assert_eq!(take(&log), expected);
    assert_eq!(response.counts().failed(), 4);

    let json = event_bytes(&two());
    let event = KinesisEvent::from_slice(&json).unwrap();
    let panics = processor
        .read(&event)
        .process_batch(|_| -> Result<Handled, Error> { quiet_panic() });
    assert_eq!(named(&panics), ["998"]);
    assert_eq!(take(&log).len(), 2);
}

#[test]
fn an_index_outside_the_slice_is_an_error() {
    let (processor, log) = logging(AfterCut::Fail);
    for (handled, index) in [
        (Handled::First(5), 5),
        (Handled::AllBut(vec![4]), 4),
        (Handled::AllBut(vec![0, usize::MAX]), usize::MAX),
    ] {
        let response = batch(&processor, &two(), Ok(handled));
        assert_eq!(named(&response), ["998"]);
        assert_eq!(response.counts().done(), 0);
        let expected =
            format!("Kinesis record 998: the handler named {index} of a slice of 4 user records");
        assert_eq!(take(&log)[0], expected);
    }
    let response = batch(&processor, &two(), Ok(Handled::First(4)));
    assert!(response.is_success());
}

/// If the answer cannot be trusted, nothing is done, and it is no cut's turn.
#[test]
fn after_an_index_outside_the_slice_no_later_cut_is_told() {
    let (processor, log) = logging(AfterCut::GoOn);
    let records = [Stored::plain("1", "k", "a"), Stored::cut("2", &[])];
    for handled in [Handled::First(5), Handled::AllBut(vec![5])] {
        let response = batch(&processor, &records, Ok(handled));
        assert_eq!(named(&response), ["1"]);
        let expected = ["Kinesis record 1: the handler named 5 of a slice of 1 user records"];
        assert_eq!(take(&log), expected);
    }
}

#[test]
fn a_cut_is_told_in_its_place() {
    let records = [
        Stored::cut("1", &[]),
        Stored::plain("2", "k", "a"),
        Stored::cut("3", &[]),
        Stored::cut("4", &[("k", "b")]),
        Stored::plain("5", "k", "c"),
    ];
    let (processor, log) = logging(AfterCut::GoOn);
    // Before the first that is not done, and not after it.
    let response = batch(&processor, &records, Ok(Handled::First(0)));
    assert_eq!(named(&response), ["2"]);
    let at_2 = "Kinesis record 2, user record 0: the handler did not do it";
    assert_eq!(take(&log), [at_2, "cut 1"]);
    let response = batch(&processor, &records, Err("all of it".into()));
    assert_eq!(named(&response), ["2"]);
    assert_eq!(take(&log).last().unwrap(), "cut 1");
    let response = batch(&processor, &records, Ok(Handled::First(2)));
    assert_eq!(named(&response), ["5"]);
    let at_5 = "Kinesis record 5, user record 0: the handler did not do it";
    assert_eq!(take(&log), [at_5, "cut 1", "cut 3", "cut 4"]);
    // Without an order, wherever the readable ones are done.
    let response = batch(&processor, &records, Ok(Handled::AllBut(vec![1])));
    assert_eq!(named(&response), ["4"]);
    assert_eq!(take(&log).split_off(1), ["cut 1", "cut 3"]);
}

/// Concurrently, too: as soon as the readable user records of its aggregate are done.
#[test]
fn a_cut_is_told_before_later_user_records_are_called() {
    let json = event_bytes(&[
        Stored::cut("1", &[("k", "a")]),
        Stored::plain("2", "k", "b"),
    ]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let (processor, log) = logging(AfterCut::GoOn);
    let user_records = processor.read(&event);
    let response = block_on(user_records.process_concurrently(1, async |user_record| {
        let data = String::from_utf8_lossy(user_record.data()).into_owned();
        log.lock().unwrap().push(data);
        Ok::<(), Error>(())
    }));
    assert!(response.is_success());
    assert_eq!(take(&log), ["a", "cut 1", "b"]);
}

#[test]
fn a_cut_that_went_on_is_not_told_again() {
    let records = [
        Stored::plain("1", "k", "a"),
        Stored::cut("2", &[("k", "b")]),
    ];
    let json = event_bytes(&records);
    let event = KinesisEvent::from_slice(&json).unwrap();
    for form in 0..3 {
        let (processor, log) = logging(AfterCut::GoOn);
        let processor = processor.resume(MemoryResume::new());
        let user_records = processor.read(&event);
        let mut told = Vec::new();
        for attempt in 0..3 {
            // The first one fails at first, and the cut aggregate comes again with it.
            let fails = attempt < 2;
            let response = match form {
                0 => user_records.process_batch(|slice| {
                    let failed = (fails && slice[0].data() == b"a").then_some(0);
                    Ok::<_, Error>(Handled::AllBut(Vec::from_iter(failed)))
                }),
                1 => block_on(user_records.process_concurrently(2, async |user_record| {
                    // In another lane, so that the cut one is done.
                    match fails && user_record.source().sequence_number() == "1" {
                        true => Err("on purpose"),
                        false => Ok(()),
                    }
                })),
                _ => block_on(user_records.process_batch_async(async |slice| {
                    let failed = (fails && slice[0].data() == b"a").then_some(0);
                    Ok::<_, Error>(Handled::AllBut(Vec::from_iter(failed)))
                })),
            };
            assert_eq!(response.is_success(), !fails, "{form}");
            let log = take(&log);
            told.extend(log.into_iter().filter(|line| line.starts_with("cut")));
        }
        assert_eq!(told, ["cut 2"], "{form}");
    }
}

/// In order, the bad user record of a salvaged aggregate is told before what follows it.
#[test]
fn a_cut_in_the_middle_that_went_on_is_not_told_again() {
    let (processor, log) = logging(AfterCut::GoOn);
    let processor = processor.salvage(true).resume(MemoryResume::new());
    let json = event_bytes(&[Stored::with_bad_one("1", &[("k", "a")], &[("k", "b")])]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    let user_records = processor.read(&event);
    let run = |fail: &str| {
        user_records.process(|user_record| {
            let data = String::from_utf8_lossy(user_record.data()).into_owned();
            let fails = data == fail;
            log.lock().unwrap().push(data);
            if fails { Err("on purpose") } else { Ok(()) }
        })
    };
    let response = run("b");
    assert_eq!(named(&response), ["1"]);
    let failure = "Kinesis record 1, user record 2: on purpose";
    assert_eq!(take(&log), ["a", "cut 1", "b", failure]);
    let response = run("");
    assert!(response.is_success());
    assert_eq!(take(&log), ["b"]);
    assert_eq!(
        (response.counts().done(), response.counts().left_out()),
        (1, 1)
    );
}

#[test]
fn a_cut_that_fails_is_asked_again() {
    let (processor, log) = logging(AfterCut::Fail);
    let processor = processor.resume(MemoryResume::new());
    let records = [Stored::cut("1", &[("k", "a")])];
    for attempt in 0..2 {
        let response = batch(&processor, &records, Ok(Handled::All));
        assert_eq!(named(&response), ["1"]);
        assert_eq!(response.counts().cut(), 1);
        assert_eq!(response.counts().left_out(), attempt);
        let log = take(&log);
        assert_eq!(log[0], "cut 1");
        assert!(log[1].starts_with("Kinesis record 1: "), "{log:?}");
    }
}

/// The callback's word about a salvaged user record is no word about its handler: with a
/// `Resume`, the one was taken for the other.
#[test]
fn a_salvaged_user_record_is_called_after_its_cut_went_on_and_the_cut_is_told_once() {
    let records = [Stored::with_explicit_hash_key("1", "undefined", Some(0))];
    let json = event_bytes(&records);
    let event = KinesisEvent::from_slice(&json).unwrap();
    for in_order in [true, false] {
        let (processor, log) = logging(AfterCut::GoOn);
        let processor = processor.salvage(true).resume(MemoryResume::new());
        let run = |fail: &str| {
            let user_records = processor.read(&event);
            let handle = |data: &[u8]| {
                let data = String::from_utf8_lossy(data).into_owned();
                let fails = data == fail;
                log.lock().unwrap().push(data);
                if fails { Err("on purpose") } else { Ok(()) }
            };
            match in_order {
                true => user_records.process(|user_record| handle(user_record.data())),
                false => block_on(
                    user_records
                        .process_concurrently(1, async |user_record| handle(user_record.data())),
                ),
            }
        };
        let failure = "Kinesis record 1, user record 1: on purpose";
        assert_eq!(named(&run("bad")), ["1"], "{in_order}");
        let (first, second) = match in_order {
            true => (vec!["good", "cut 1", "bad", failure], vec!["bad"]),
            false => (vec!["good", "bad", failure], vec!["bad", "cut 1"]),
        };
        assert_eq!(take(&log), first, "{in_order}");
        assert!(run("").is_success(), "{in_order}");
        assert_eq!(take(&log), second, "{in_order}");
    }
}

/// It has failed once, its user record is done: it must not pass for done when it comes again.
#[test]
fn a_cut_whose_user_record_is_salvaged_fails_until_the_callback_goes_on() {
    let records = [Stored::with_explicit_hash_key("1", "-123", Some(0))];
    let (processor, log) = logging(AfterCut::Fail);
    let processor = processor.salvage(true).resume(MemoryResume::new());
    for attempt in 0..3 {
        let response = match attempt {
            1 => {
                let json = event_bytes(&records);
                let event = KinesisEvent::from_slice(&json).unwrap();
                processor.read(&event).process(|_| Ok::<(), Error>(()))
            }
            _ => batch(&processor, &records, Ok(Handled::All)),
        };
        assert_eq!(named(&response), ["1"], "{attempt}");
        assert_eq!(response.counts().cut(), 1, "{attempt}");
        let left_out = if attempt == 0 { 0 } else { 2 };
        assert_eq!(response.counts().left_out(), left_out, "{attempt}");
        assert_eq!(take(&log)[0], "cut 1", "{attempt}");
    }
}

/// A digest that is wrong and a bad hash key are two cuts of the same user record.
#[test]
fn two_cuts_of_one_user_record_are_told_apart() {
    let mut stored = Stored::with_bad_hash_key("1", &[("k", "a")]);
    *stored.data.last_mut().unwrap() ^= 1;
    let json = event_bytes(&[stored]);
    let event = KinesisEvent::from_slice(&json).unwrap();
    for in_order in [true, false] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let kinds = told.clone();
        let processor = Processor::new()
            .salvage_damaged(true)
            .resume(MemoryResume::new())
            .on_cut(move |lost| {
                let is_digest = lost.loss().kind() == &LossKind::DigestMismatch;
                kinds.lock().unwrap().push(is_digest);
                if is_digest {
                    AfterCut::GoOn
                } else {
                    AfterCut::Fail
                }
            });
        for attempt in 0..3 {
            let user_records = processor.read(&event);
            let response = match in_order {
                true => user_records.process(|_| Ok::<(), Error>(())),
                false => user_records.process_batch(|_| Ok::<_, Error>(Handled::All)),
            };
            assert_eq!(named(&response), ["1"], "{in_order} {attempt}");
            let told = std::mem::take(&mut *told.lock().unwrap());
            assert_eq!(told.last(), Some(&false), "{in_order} {attempt}: {told:?}");
        }
    }
}
