//! The user records of an event.

use std::time::SystemTime;

use super::call::{Alarm, Broken, Called, Deadline};
use super::error::{AfterCut, Failure, FailureReason, Lost};
use super::processor::Processor;
use super::record::{EventRecord, Records};
use super::resume::Resume;
use super::user_record::EventUserRecord;
use crate::deaggregate::{Batch, Deaggregator, Outcome};
use crate::error::Loss;
use crate::hash_key::HashKeyRange;

impl Processor {
    /// Reads all Kinesis records of an event into their user records, all at once.
    pub fn read<'e, E: Records + ?Sized>(
        &'e self,
        event: &'e E,
    ) -> EventUserRecords<'e, E::Record> {
        match self.range_of(event.records()) {
            Some(range) => self.read_in_range(event, range),
            None => self.read_with(self.deaggregator(), event.records()),
        }
    }

    /// [`read`](Self::read) with the hash key range of the event's own shard, in place of the
    /// processor's own settings. The ranges are what `ListShards` answers, and a shard's never
    /// changes.
    pub fn read_in_range<'e, E: Records + ?Sized>(
        &'e self,
        event: &'e E,
        range: HashKeyRange,
    ) -> EventUserRecords<'e, E::Record> {
        let deaggregator = self.deaggregator().clone().hash_key_range(range);
        self.read_with(&deaggregator, event.records())
    }

    fn read_with<'e, R: EventRecord>(
        &'e self,
        deaggregator: &Deaggregator,
        records: &'e [R],
    ) -> EventUserRecords<'e, R> {
        EventUserRecords {
            processor: self,
            records,
            batch: deaggregator.deaggregate_batch(records),
            deadline: None,
        }
    }
}

/// The user records of an event, read but not yet processed: what [`Processor::read`] returns.
#[derive(Debug)]
#[must_use = "nothing is processed yet"]
pub struct EventUserRecords<'e, R> {
    processor: &'e Processor,
    records: &'e [R],
    batch: Batch<'e, R>,
    deadline: Option<Deadline>,
}

impl<'e, R: EventRecord> EventUserRecords<'e, R> {
    /// Stops in time: once `deadline` has passed, no handler is called any more, and the answer
    /// names the first Kinesis record that is not done. Without this, a function that runs into
    /// Lambda's timeout gives no answer, and the whole batch is done again.
    ///
    /// An asynchronous handler that is still running then is dropped, and its user record comes
    /// again. One that is not asynchronous is not interrupted. Leave time for the answer:
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use kinesis_aggregation::lambda::{BatchResponse, Error, OwnedKinesisEvent, Processor};
    ///
    /// // With lambda_runtime, the deadline is `event.context.deadline()`.
    /// fn handler(processor: &Processor, event: &OwnedKinesisEvent, deadline: SystemTime) -> BatchResponse {
    ///     processor
    ///         .read(event)
    ///         .until(deadline - Duration::from_secs(2))
    ///         .process(|user_record| {
    ///             println!("{} bytes", user_record.data().len());
    ///             Ok::<(), Error>(())
    ///         })
    /// }
    /// ```
    ///
    /// A deadline that has already passed here is ignored. Otherwise nothing would ever be done where
    /// the function's timeout is shorter than the room that you leave, or under cargo-lambda's
    /// emulator, whose deadlines are long past.
    ///
    /// It holds for all forms of processing but [`process_batch`](Self::process_batch), which calls
    /// its handler once and cannot stop it, and [`transform`](Self::transform) and
    /// [`flatten`](Self::flatten), which must answer for every record.
    pub fn until(mut self, deadline: SystemTime) -> Self {
        self.deadline = Deadline::new(deadline);
        self
    }

    pub(super) fn deadline_has_passed(&self) -> bool {
        self.deadline.is_some_and(Deadline::has_passed)
    }

    pub(super) fn alarm(&self) -> Alarm {
        self.deadline.map(Deadline::alarm).unwrap_or_default()
    }

    pub(super) fn memory(&self) -> Option<&'e dyn Resume> {
        self.processor.memory()
    }

    /// Whether a loss is a drop, which is not a failure; if so, the callback is told.
    pub(super) fn is_dropped(&self, loss: &Loss) -> bool {
        self.processor.is_dropped(&Lost::new(loss, self.records))
    }

    /// Asks the callback what to do after a cut.
    pub(super) fn after_cut(&self, loss: &Loss) -> AfterCut {
        self.processor.after_cut(&Lost::new(loss, self.records))
    }

    /// [`Self::after_cut`], where it can wait: until the alarm rings.
    pub(super) async fn after_cut_in_time(&self, loss: &Loss, alarm: &mut Alarm) -> AfterCut {
        let lost = Lost::new(loss, self.records);
        let asked = self.processor.after_cut_async(lost);
        alarm.race(asked).await.unwrap_or(AfterCut::Fail)
    }

    /// Returns the handler's result for this user record. If it failed, the callback is told.
    pub(super) fn report<T>(
        &self,
        user_record: &EventUserRecord<'_, R>,
        called: Called<T>,
    ) -> Option<T> {
        let tell = |broken: &Broken| self.fail_one(user_record, broken.reason());
        called.inspect_err(tell).ok()
    }

    /// Tells the callback that a user record failed.
    pub(super) fn fail_one(&self, user_record: &EventUserRecord<'_, R>, reason: FailureReason<'_>) {
        let (position, number) = user_record.place();
        let failure = Failure::new(self.records, position, Some(number), reason);
        self.processor.report(&failure);
    }

    /// Tells the callback that a Kinesis record failed.
    pub(super) fn fail(&self, position: usize, reason: FailureReason<'_>) {
        self.processor
            .report(&Failure::new(self.records, position, None, reason));
    }

    /// The Kinesis records, in order.
    pub fn records(&self) -> &'e [R] {
        self.records
    }

    /// The Kinesis records as they were read, each with its outcome.
    pub fn batch(&self) -> &Batch<'e, R> {
        &self.batch
    }

    /// All user records and losses, in order, to process them some other way.
    pub fn user_records(&self) -> impl Iterator<Item = Result<EventUserRecord<'_, R>, Loss>> {
        let records = self.batch.records().iter().enumerate();
        records.flat_map(|(position, record)| {
            let source = *record.source();
            record.user_records().map(move |user_record| {
                user_record.map(|user_record| EventUserRecord::new(position, source, user_record))
            })
        })
    }

    /// How many Kinesis records are dropped because a user record is outside the hash key range.
    pub fn dropped(&self) -> usize {
        let records = self.batch.records().iter();
        let dropped = records.filter(|record| record.outcome() == Outcome::Dropped);
        dropped.count()
    }
}

#[cfg(test)]
mod tests {
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

    /// A clock that goes on by a second each time somebody looks at it.
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
        let processor = Processor::new()
            .on_failure(move |failure| told.lock().unwrap().push(failure.to_string()));
        // Setting an alarm looks at the clock once, and so does each user record.
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

    /// A clock that does not go on, so that only the alarm can end what hangs.
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

    /// The emulator of cargo-lambda sends such a one, and so does a margin above the timeout.
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
}
