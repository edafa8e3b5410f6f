//! Answers that name every record: Firehose's.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::error::{Error, Failure, FailureReason};
use super::json::AsBase64;
use super::process::report;
use super::record::EventRecord;
use super::unwind;
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::Deaggregated;

/// The answer of a function that transforms: one answer for each record id, in order.
///
/// Firehose takes no more than 6 MB of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TransformResponse {
    records: Vec<TransformedRecord>,
}

impl TransformResponse {
    /// The answers.
    pub fn records(&self) -> &[TransformedRecord] {
        &self.records
    }

    /// The answers, to add partition keys to.
    pub fn records_mut(&mut self) -> &mut [TransformedRecord] {
        &mut self.records
    }
}

/// What became of a record, in the service's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum TransformResult {
    /// It was transformed.
    Ok,
    /// It was left out on purpose.
    Dropped,
    /// It failed, and comes back as it was.
    ProcessingFailed,
}

/// The answer to one record.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransformedRecord {
    record_id: String,
    result: TransformResult,
    data: AsBase64<Bytes>,
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

    /// What became of it.
    pub fn result(&self) -> TransformResult {
        self.result
    }

    /// The data to go on with.
    pub fn data(&self) -> &Bytes {
        &self.data.0
    }

    /// Sets the keys of Firehose's dynamic partitioning. They hold for the whole record: the user
    /// records of one aggregate cannot go to different partitions.
    pub fn set_partition_keys(&mut self, partition_keys: BTreeMap<String, String>) {
        self.metadata = Some(TransformMetadata { partition_keys });
    }
}

/// Lengths only.
impl fmt::Debug for TransformedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransformedRecord")
            .field("record_id", &self.record_id)
            .field("result", &self.result)
            .field("data_len", &self.data.0.len())
            .finish_non_exhaustive()
    }
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` for each user record, in order, and answers for each record with what it
    /// returned for all its user records, put together: end each with a newline if the
    /// destination wants lines. `None` leaves a user record out; a record of which nothing is left
    /// is `Dropped`, and so is one out of the hash key range.
    ///
    /// At the first error or panic the record is `ProcessingFailed`, with the data as they came;
    /// so is one whose aggregate is cut, unless [`on_cut`](super::Processor::on_cut) goes on. The
    /// other records are not touched by that.
    ///
    /// A record without a record id, which only other events have, gets no answer.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{Error, FirehoseEvent, Processor};
    ///
    /// let event = FirehoseEvent::from_slice(
    ///     br#"{"records": [{"recordId": "1", "data": "SGVsbG8="}]}"#,
    /// )?;
    /// let answer = Processor::new()
    ///     .read(&event)
    ///     .transform(|user_record| Ok(Some(user_record.data().to_ascii_uppercase())));
    /// assert_eq!(&answer.records()[0].data()[..], b"HELLO");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transform<'b, F>(&'b self, mut f: F) -> TransformResponse
    where
        F: FnMut(EventUserRecord<'b, R>) -> Result<Option<Vec<u8>>, Error>,
    {
        let mut answer = TransformResponse::default();
        for (position, record) in self.batch().records().iter().enumerate() {
            let Some(record_id) = record.source().record_id() else {
                continue;
            };
            let (result, data) = match self.transform_one(position, record, &mut f) {
                None => (TransformResult::ProcessingFailed, whole(record.source())),
                Some(None) => (TransformResult::Dropped, Bytes::new()),
                Some(Some(data)) => (TransformResult::Ok, Bytes::from(data)),
            };
            answer.records.push(TransformedRecord {
                record_id: record_id.to_owned(),
                result,
                data: AsBase64(data),
                metadata: None,
            });
        }
        answer
    }

    /// None if it failed, else what is left of it, if anything is.
    fn transform_one<'b, F>(
        &'b self,
        position: usize,
        record: &'b Deaggregated<&'b R>,
        f: &mut F,
    ) -> Option<Option<Vec<u8>>>
    where
        F: FnMut(EventUserRecord<'b, R>) -> Result<Option<Vec<u8>>, Error>,
    {
        let (processor, source) = (self.processor(), *record.source());
        let mut all: Option<Vec<u8>> = None;
        for user_record in record.user_records() {
            let user_record = match user_record {
                Ok(user_record) => EventUserRecord::new(position, source, user_record),
                Err(loss) if processor.judge(&loss, source).is_fail() => {
                    let reason = FailureReason::Cut(&loss);
                    processor.report(&Failure::new(position, source, None, reason));
                    return None;
                }
                Err(_) => continue,
            };
            let mut made = None;
            let called = unwind::catch(|| f(user_record));
            let called = called.map(|result| result.map(|data| made = data));
            if report(processor, &user_record, &called) {
                return None;
            }
            match (&mut all, made) {
                (Some(all), Some(made)) => all.extend_from_slice(&made),
                (None, made) => all = made,
                (Some(_), None) => {}
            }
        }
        Some(all)
    }
}

fn whole<R: EventRecord>(source: &R) -> Bytes {
    source.share(0..source.data().len())
}
