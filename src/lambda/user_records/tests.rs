//! Deadlines, on clocks made for these tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::error::Error;
use super::super::kinesis::OwnedKinesisEvent;
use super::super::out_of_order::Handled;
use super::super::response::BatchResponse;
use super::super::test_event::TestEvent;
use super::*;
use crate::record::UserRecord;

/// A clock that moves on by a second each time it is read.
fn ticking() -> SystemTime {
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    let seconds = SECONDS.fetch_add(1, Ordering::Relaxed);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn is_done(response: &BatchResponse, count: usize, restart: &str) {
    assert_eq!(response.counts().done(), count);
    assert!(response.item_identifiers().eq([restart]));
}

fn event() -> OwnedKinesisEvent {
    let json = TestEvent::new()
        .plain("a", "one")
        .aggregate(["b", "c", "d"].map(|key| UserRecord::new(key, "one of three")))
        .plain("e", "one")
        .kinesis_json();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn at_the_deadline_what_is_done_stays_done() {
    let event = event();
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    let processor =
        Processor::new().on_failure(move |failure| told.lock().unwrap().push(failure.to_string()));
    // The clock is read once to set an alarm, and once for each user record.
    let after = |looks: u64| EventUserRecords {
        deadline: Some(Deadline {
            at: ticking() + Duration::from_secs(looks + 1),
            now: ticking,
        }),
        ..processor.read(&event)
    };
    let response = after(3).process(|_| Ok::<(), Error>(()));
    is_done(&response, 3, "2");
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let user_records = after(4);
    let run = user_records.process_async(async |_| Ok::<(), Error>(()));
    is_done(&runtime.block_on(run), 3, "2");
    let user_records = after(4);
    let run = user_records.process_concurrently(2, async |_| Ok::<(), Error>(()));
    is_done(&runtime.block_on(run), 3, "2");
    // The state holds nothing of the aggregate, which comes again whole.
    let count = |state: &mut u64, _: EventUserRecord<'_, _>| {
        *state += 1;
        Ok::<(), Error>(())
    };
    let (state, response) = after(3).process_window(0, count);
    assert_eq!(state, 1);
    is_done(&response, 3, "2");
    let one = "Kinesis record 2, user record 2: out of time";
    let all = "Kinesis record 2: out of time";
    assert_eq!(*log.lock().unwrap(), [one, one, all, one]);
}

/// A clock that stands still, so that only the alarm can stop what hangs.
fn in_a_millisecond() -> Deadline {
    Deadline {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1),
        now: || SystemTime::UNIX_EPOCH,
    }
}

#[test]
fn a_handler_that_hangs_is_broken_off_at_the_deadline() {
    async fn hangs(data: &[u8]) -> Result<(), Error> {
        match data {
            b"one" => Ok(()),
            _ => std::future::pending().await,
        }
    }
    let event = event();
    let processor = Processor::new();
    let mut user_records = processor.read(&event);
    user_records.deadline = Some(in_a_millisecond());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let handle = async |user_record: EventUserRecord<'_>| hangs(user_record.data()).await;
    let response = runtime.block_on(user_records.process_async(handle));
    is_done(&response, 1, "2");
    // In the other lanes both plain records are done.
    let response = runtime.block_on(user_records.process_concurrently(5, handle));
    is_done(&response, 2, "2");
    assert_eq!(response.counts().failed(), 0);
    let window = async |state: &mut u64, user_record: EventUserRecord<'_>| {
        *state += 1;
        hangs(user_record.data()).await
    };
    let (state, response) = runtime.block_on(user_records.process_window_async(0, window));
    assert_eq!(state, 1);
    is_done(&response, 1, "2");
    let poison = async |_, user_record: EventUserRecord<'_>| hangs(user_record.data()).await;
    let json = async |(): (), _: EventUserRecord<'_>| Ok(());
    let response = runtime.block_on(user_records.process_json_async(json, poison));
    is_done(&response, 1, "2");
    let batch = async |_: &[EventUserRecord<'_>]| -> Result<_, Error> {
        hangs(b"").await?;
        Ok(Handled::All)
    };
    let response = runtime.block_on(user_records.process_batch_async(batch));
    is_done(&response, 0, "1");
}

#[test]
fn a_callback_that_hangs_is_broken_off_at_the_deadline() {
    let json = TestEvent::new()
        .cut_aggregate([UserRecord::new("a", "one")])
        .kinesis_json();
    let event: OwnedKinesisEvent = serde_json::from_str(&json).unwrap();
    let processor = Processor::new().on_cut_async(|_| Box::pin(std::future::pending()));
    let mut user_records = processor.read(&event);
    user_records.deadline = Some(in_a_millisecond());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let fine = async |_: EventUserRecord<'_>| Ok::<(), Error>(());
    let response = runtime.block_on(user_records.process_async(fine));
    is_done(&response, 1, "1");
    let response = runtime.block_on(user_records.process_concurrently(2, fine));
    is_done(&response, 1, "1");
}

/// Such a deadline comes from cargo-lambda's emulator, and from a margin longer than the timeout.
#[test]
fn a_deadline_that_has_passed_or_never_comes_is_ignored() {
    let event = event();
    let processor = Processor::new();
    for deadline in [Duration::ZERO, Duration::from_secs(600)] {
        let user_records = processor.read(&event);
        let user_records = user_records.until(SystemTime::UNIX_EPOCH + deadline);
        let response = user_records.process(|_| Ok::<(), Error>(()));
        assert!(response.is_success());
    }
    // The clock does not go that far.
    let never = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX.unsigned_abs());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let user_records = processor.read(&event).until(never);
    let run = user_records.process_async(async |_| Ok::<(), Error>(()));
    assert!(runtime.block_on(run).is_success());
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    let user_records = processor.read(&event).until(tomorrow);
    assert_eq!(user_records.deadline.unwrap().at, tomorrow);
    assert!(user_records.process(|_| Ok::<(), Error>(())).is_success());
}
