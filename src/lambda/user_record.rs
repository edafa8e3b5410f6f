//! A user record of an event.

use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;

use super::error::JsonError;
use super::kinesis::KinesisEventRecord;
use super::record::{EventRecord, share_part};
use crate::record::UserRecordRef;

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

    /// The Kinesis record's index in the event, and the user record's in there.
    pub(super) fn place(&self) -> (usize, u64) {
        (self.position, self.sub_sequence_number())
    }

    /// The data, to send to another task. With this module's record types they share the Kinesis
    /// record's buffer; with `aws_lambda_events`' they are copied.
    pub fn shared_data(&self) -> Bytes {
        share_part(self.source, self.data())
    }

    /// The data, read as JSON. `T` may borrow from them.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the data are not the JSON of a `T`. Unlike serde's own error, it quotes
    /// nothing of the data, and can be logged.
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

    /// `shardId:sequenceNumber:subSequenceNumber`: the same at every delivery, and different for
    /// every other user record of the stream. `None` if the event does not name the shard or the
    /// sequence number.
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
