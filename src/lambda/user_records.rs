//! The user records of an event.

use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;

use super::call::{Alarm, Broken, Called, Deadline};
use super::error::{AfterCut, Failure, FailureReason, JsonError, Lost};
use super::kinesis::KinesisEventRecord;
use super::processor::Processor;
use super::record::{EventRecord, Records};
use super::resume::Resume;
use crate::deaggregate::{Batch, Deaggregator, Outcome};
use crate::error::Loss;
use crate::hash_key::HashKeyRange;
use crate::record::UserRecordRef;

impl Processor {
    /// Reads all Kinesis records of an event.
    pub fn read<'e, E: Records + ?Sized>(
        &'e self,
        event: &'e E,
    ) -> EventUserRecords<'e, E::Record> {
        match self.range_of(event.records()) {
            Some(range) => self.read_in_range(event, range),
            None => self.read_with(self.deaggregator(), event.records()),
        }
    }

    /// [`read`](Self::read) with the hash key range of the event's shard, in place of what the
    /// processor has. `ListShards` returns the ranges, and a shard's range never changes.
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

/// The user records of an event, read but not yet processed: the result of [`Processor::read`].
#[must_use = "nothing is processed yet"]
pub struct EventUserRecords<'e, R> {
    processor: &'e Processor,
    records: &'e [R],
    batch: Batch<'e, R>,
    deadline: Option<Deadline>,
}

impl<'e, R: EventRecord> EventUserRecords<'e, R> {
    /// Stops in time: after `deadline` no handler is called, and the answer names the first Kinesis
    /// record that is not done. Without this, a function that reaches Lambda's timeout gives no
    /// answer, and the whole batch is done again.
    ///
    /// An asynchronous handler that is still running at the deadline is dropped, and its user record
    /// comes again. A synchronous one is not interrupted. Leave time for the answer:
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
    /// A deadline that has already passed is ignored. Otherwise nothing would ever be done if the
    /// function's timeout is shorter than the time you leave, or under cargo-lambda's emulator, whose
    /// deadlines are long past.
    ///
    /// All forms of processing obey it except [`process_batch`](Self::process_batch), which calls its
    /// handler once and cannot stop it, and [`transform`](Self::transform) and
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

    /// Returns whether a loss is a drop, which is not a failure; if so, calls the callback.
    pub(super) fn is_dropped(&self, loss: &Loss) -> bool {
        self.processor.is_dropped(&Lost::new(loss, self.records))
    }

    /// Asks the callback what to do after a cut.
    pub(super) fn after_cut(&self, loss: &Loss) -> AfterCut {
        self.processor.after_cut(&Lost::new(loss, self.records))
    }

    /// [`Self::after_cut`] for the asynchronous forms; a cut fails if the alarm rings first.
    pub(super) async fn after_cut_in_time(&self, loss: &Loss, alarm: &mut Alarm) -> AfterCut {
        let lost = Lost::new(loss, self.records);
        let asked = self.processor.after_cut_async(lost);
        alarm.race(asked).await.unwrap_or(AfterCut::Fail)
    }

    /// Returns the handler's result for this user record. If it failed, calls the callback.
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

/// Counts only.
impl<R> fmt::Debug for EventUserRecords<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventUserRecords")
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// A [user record](UserRecordRef), with what the event says about the Kinesis record it came in.
///
/// `EventUserRecord<'_>` is one of an [`OwnedKinesisEvent`](super::OwnedKinesisEvent).
pub struct EventUserRecord<'b, R = KinesisEventRecord<'static>> {
    position: usize,
    source: &'b R,
    user_record: UserRecordRef<'b>,
}

impl<R> Clone for EventUserRecord<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for EventUserRecord<'_, R> {}

impl<'b, R> Deref for EventUserRecord<'b, R> {
    type Target = UserRecordRef<'b>;

    fn deref(&self) -> &UserRecordRef<'b> {
        &self.user_record
    }
}

impl<'b, R: EventRecord> EventUserRecord<'b, R> {
    pub(super) fn new(position: usize, source: &'b R, user_record: UserRecordRef<'b>) -> Self {
        Self {
            position,
            source,
            user_record,
        }
    }

    /// The Kinesis record it came in.
    pub fn source(&self) -> &'b R {
        self.source
    }

    /// That Kinesis record's index in the event, counted from 0.
    pub fn record_index(&self) -> usize {
        self.position
    }

    /// The Kinesis record's index in the event, and the sub-sequence number.
    pub(super) fn place(&self) -> (usize, u64) {
        (self.position, self.sub_sequence_number())
    }

    /// The data, to send to another task. They share the Kinesis record's buffer, but with
    /// `aws_lambda_events`' record type they are copied.
    pub fn shared_data(&self) -> Bytes {
        // They are a part of the Kinesis record's.
        let (part, whole) = (self.data(), self.source.data());
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        self.source.share(start..start.saturating_add(part.len()))
    }

    /// The data, read as JSON. `T` may borrow from them.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the data are not the JSON of a `T`. Unlike serde's own error, it quotes none of
    /// the data, so it can be logged.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{Error, EventUserRecord};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order<'a> {
    ///     customer: &'a str,
    ///     total: u64,
    /// }
    ///
    /// fn handle(user_record: EventUserRecord<'_>) -> Result<(), Error> {
    ///     let order: Order = user_record.json()?;
    ///     println!("{} owes {}", order.customer, order.total);
    ///     Ok(())
    /// }
    /// ```
    pub fn json<T: Deserialize<'b>>(&self) -> Result<T, JsonError> {
        Ok(serde_json::from_slice(self.data())?)
    }

    /// The Kinesis record's event id.
    pub fn event_id(&self) -> Option<&'b str> {
        self.source.event_id()
    }

    /// The shard.
    pub fn shard_id(&self) -> Option<&'b str> {
        self.source.shard_id()
    }

    /// The Kinesis record's sequence number, as the event has it.
    pub fn sequence_number(&self) -> Option<&'b str> {
        self.source.sequence_number()
    }

    /// When the stream received the Kinesis record.
    pub fn arrival_time(&self) -> Option<SystemTime> {
        self.source.arrival_time()
    }

    /// `shardId:sequenceNumber:subSequenceNumber`: the same at each delivery, and different for each
    /// user record of the stream. `None` if the event does not name the shard or the sequence number.
    pub fn idempotency_key(&self) -> Option<String> {
        let (shard_id, sequence_number) = (self.shard_id()?, self.sequence_number()?);
        let sub_sequence_number = self.sub_sequence_number();
        Some(format!(
            "{shard_id}:{sequence_number}:{sub_sequence_number}"
        ))
    }
}

/// Lengths only.
impl<R: EventRecord> fmt::Debug for EventUserRecord<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventUserRecord")
            .field("event_id", &self.event_id())
            .field("user_record", &self.user_record)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
