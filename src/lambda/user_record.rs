//! A user record of an event.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;

use super::error::JsonError;
use super::kinesis::KinesisEventRecord;
use super::record::{EventRecord, share_part};
use crate::hash_key::HashKey;
use crate::record::UserRecordRef;
use crate::sequence::ExtendedSequenceNumber;

/// A user record, with what the event says about the Kinesis record it came in.
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

    /// The user record alone.
    pub fn user_record(&self) -> UserRecordRef<'b> {
        self.user_record
    }

    /// See [`UserRecordRef::is_damaged`].
    pub fn is_damaged(&self) -> bool {
        self.user_record.is_damaged()
    }

    /// See [`UserRecordRef::partition_key`].
    pub fn partition_key(&self) -> Option<&'b str> {
        self.user_record.partition_key()
    }

    /// See [`UserRecordRef::explicit_hash_key`].
    pub fn explicit_hash_key(&self) -> Option<&'b str> {
        self.user_record.explicit_hash_key()
    }

    /// See [`UserRecordRef::hash_key`].
    pub fn hash_key(&self) -> Option<HashKey> {
        self.user_record.hash_key()
    }

    /// The data.
    pub fn data(&self) -> &'b [u8] {
        self.user_record.data()
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

    /// The place in its Kinesis record, counted from 0.
    pub fn sub_sequence_number(&self) -> u64 {
        self.user_record.sub_sequence_number()
    }

    /// Whether it came out of an aggregated Kinesis record.
    pub fn is_aggregated(&self) -> bool {
        self.user_record.is_aggregated()
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

    /// See [`UserRecordRef::position`].
    pub fn position(&self) -> Option<ExtendedSequenceNumber> {
        self.user_record.position()
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
