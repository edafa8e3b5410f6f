//! Transforms Firehose's records: the answer names each of them.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::call::{Alarm, Called, call, call_async};
use super::error::{AfterCut, Error, FailureReason};
use super::json::as_base64;
use super::process::Run;
use super::record::EventRecord;
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::UserRecords;
use crate::error::Loss;

/// The answer of a function that transforms: one record for each record id, in order.
///
/// Firehose takes no more than 6 MB of it.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use = "without this answer Firehose takes everything for failed"]
pub struct TransformResponse {
    records: Vec<TransformedRecord>,
}

impl TransformResponse {
    /// The answers.
    pub fn records(&self) -> &[TransformedRecord] {
        &self.records
    }
}

/// The result of transforming one record, by Firehose's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum TransformResult {
    /// It was transformed.
    Ok,
    /// It was left out on purpose.
    Dropped,
    /// It failed; the answer has its data unchanged.
    ProcessingFailed,
}

/// The answer to one record.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransformedRecord {
    record_id: String,
    result: TransformResult,
    #[serde(serialize_with = "as_base64")]
    data: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<TransformMetadata>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct TransformMetadata {
    partition_keys: BTreeMap<String, String>,
}

impl TransformedRecord {
    /// The record's id.
    pub fn record_id(&self) -> &str {
        &self.record_id
    }

    /// Returns its result.
    pub fn result(&self) -> TransformResult {
        self.result
    }

    /// The data in the answer.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

/// Lengths only.
impl fmt::Debug for TransformedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransformedRecord")
            .field("record_id", &self.record_id)
            .field("result", &self.result)
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// A transformed user record.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Transformed {
    data: Vec<u8>,
    partition_keys: BTreeMap<String, String>,
}

impl Transformed {
    /// A user record with these data. End them with a newline if the destination wants lines.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            partition_keys: BTreeMap::new(),
        }
    }

    /// Adds a key of Firehose's dynamic partitioning. An answer has one set for a whole record, so
    /// the user records of one aggregate must agree; if they do not, the record fails.
    #[must_use]
    pub fn with_partition_key(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.partition_keys.insert(name.into(), value.into());
        self
    }
}

/// Lengths only.
impl fmt::Debug for Transformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformed")
            .field("data_len", &self.data.len())
            .field("partition_keys", &self.partition_keys.len())
            .finish()
    }
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` for each user record, in order. The answer to a record is what `f` returned for its
    /// user records, joined. `None` leaves a user record out. If nothing is left, the record is
    /// `Dropped`, and so is one outside the hash key range.
    ///
    /// At the first error or panic the record is `ProcessingFailed`, with its data unchanged; so is a
    /// cut aggregate, unless [`on_cut`](super::Processor::on_cut) goes on. Other records are not
    /// affected.
    ///
    /// Records without a record id, which only other kinds of events have, are skipped.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{Error, FirehoseEvent, Processor, Transformed};
    ///
    /// let event = FirehoseEvent::from_slice(
    ///     br#"{"records": [{"recordId": "1", "data": "SGVsbG8="}]}"#,
    /// )?;
    /// let answer = Processor::new().read(&event).transform(|user_record| {
    ///     let upper = user_record.data().to_ascii_uppercase();
    ///     Ok::<_, Error>(Some(Transformed::new(upper).with_partition_key("day", "2026-11-25")))
    /// });
    /// assert_eq!(&answer.records()[0].data()[..], b"HELLO");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transform<'b, F, E>(&'b self, mut f: F) -> TransformResponse
    where
        F: FnMut(EventUserRecord<'b, R>) -> Result<Option<Transformed>, E>,
        E: Into<Error>,
    {
        let mut records = Vec::new();
        for mut one in One::all(self) {
            while let Some(user_record) = one.next() {
                let called = call(|| f(user_record));
                one.settle(&user_record, called);
            }
            records.push(one.answer());
        }
        TransformResponse { records }
    }

    /// [`transform`](Self::transform) with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped there is no answer, and Firehose sends the batch again.
    pub async fn transform_async<F, E>(&self, mut f: F) -> TransformResponse
    where
        F: AsyncFnMut(EventUserRecord<'_, R>) -> Result<Option<Transformed>, E>,
        E: Into<Error>,
    {
        let mut records = Vec::new();
        let mut never = Alarm::default();
        for mut one in One::all(self) {
            while let Some(user_record) = one.next_in_time(&mut never).await {
                let called = call_async(|| f(user_record)).await;
                one.settle(&user_record, called);
            }
            records.push(one.answer());
        }
        TransformResponse { records }
    }
}

/// One record on its way to its answer.
struct One<'b, R> {
    event: &'b EventUserRecords<'b, R>,
    position: usize,
    source: &'b R,
    record_id: &'b str,
    user_records: UserRecords<'b>,
    made: Option<Transformed>,
    failed: bool,
}

impl<'b, R: EventRecord> One<'b, R> {
    /// The records of an event, except those without a record id: no answer could name them.
    fn all(event: &'b EventUserRecords<'b, R>) -> impl Iterator<Item = Self> {
        let records = event.batch().records().iter().enumerate();
        records.filter_map(move |(position, record)| {
            let source: &'b R = record.source();
            Some(Self {
                event,
                position,
                source,
                record_id: source.record_id()?,
                user_records: record.into_iter(),
                made: None,
                failed: false,
            })
        })
    }

    /// Adds what the handler made of a user record.
    fn settle(
        &mut self,
        user_record: &EventUserRecord<'b, R>,
        called: Called<Option<Transformed>>,
    ) {
        match (self.event.report(user_record, called), &mut self.made) {
            (None, _) => self.failed = true,
            (Some(None), _) => {}
            (Some(made), None) => self.made = made,
            (Some(Some(made)), Some(before)) if made.partition_keys == before.partition_keys => {
                before.data.extend_from_slice(&made.data);
            }
            (Some(Some(_)), Some(_)) => {
                let reason = FailureReason::PartitionKeysDiffer;
                self.event.fail_one(user_record, reason);
                self.failed = true;
            }
        }
    }

    fn answer(self) -> TransformedRecord {
        let (result, data, partition_keys) = match self.made {
            _ if self.failed => {
                let data = self.source.share(0..self.source.data().len());
                (TransformResult::ProcessingFailed, data, BTreeMap::new())
            }
            None => (TransformResult::Dropped, Bytes::new(), BTreeMap::new()),
            Some(made) => (TransformResult::Ok, made.data.into(), made.partition_keys),
        };
        TransformedRecord {
            record_id: self.record_id.to_owned(),
            result,
            data,
            metadata: (!partition_keys.is_empty()).then_some(TransformMetadata { partition_keys }),
        }
    }
}

impl<'b, R: EventRecord> Run<'b, R> for One<'b, R> {
    fn event(&self) -> &'b EventUserRecords<'b, R> {
        self.event
    }

    fn step(&mut self) -> Option<Result<EventUserRecord<'b, R>, Loss>> {
        while !self.failed {
            match self.user_records.next()? {
                Err(loss) if self.event.is_dropped(&loss) => {}
                step => {
                    let item = |read| EventUserRecord::new(self.position, self.source, read);
                    return Some(step.map(item));
                }
            }
        }
        None
    }

    fn settle_cut(&mut self, loss: &Loss, after: AfterCut) {
        if after == AfterCut::Fail {
            self.event.fail(self.position, FailureReason::Cut(loss));
            self.failed = true;
        }
    }
}
