//! Reading one shard.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{ChildShard, Record, ShardIteratorType};
use kinesis_aggregation::HashKeyRange;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use super::lineage::Member;
use super::start::Start;
use crate::aws::{StreamName, failure};
use crate::exit::{Failure, Result};

/// A shard may be read five times a second, by all of its readers together.
const PAUSE: Duration = Duration::from_millis(200);
/// Where there was nothing.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// What comes of a shard, in order.
pub(super) enum Message {
    Page(HashKeyRange, Vec<Record>),
    /// It has nothing more. Its children are told here, or only by `ListShards`.
    End(String, Vec<ChildShard>),
    Failed(Failure),
}

/// What all readers share.
pub(super) struct Readers {
    pub(super) client: Client,
    pub(super) stream: StreamName,
    pub(super) follow: bool,
    /// When the command was started.
    pub(super) started: DateTime,
    /// How many pages may be in memory at once.
    pub(super) pages: Semaphore,
    pub(super) sender: mpsc::Sender<Message>,
}

impl Readers {
    pub(super) fn now() -> DateTime {
        DateTime::from(SystemTime::now())
    }

    /// Reads `shard` from `start` to its end, or, unless following, to the present.
    pub(super) async fn read(self: Arc<Self>, shard: Member, start: Start) {
        let last = match self.pages(&shard, start).await {
            Ok(children) => Message::End(shard.id, children),
            Err(failure) => Message::Failed(failure),
        };
        // Nobody listens any more when the command is done.
        let _ = self.sender.send(last).await;
    }

    async fn pages(&self, shard: &Member, start: Start) -> Result<Vec<ChildShard>> {
        let mut last: Option<String> = None;
        let mut iterator = self.iterator(shard, start, None).await?;
        while let Some(token) = iterator {
            let permit = self.pages.acquire().await.map_err(Failure::new)?;
            let get = self.client.get_records().shard_iterator(token);
            let mut page = match get.set_stream_arn(self.stream.arn()).send().await {
                Ok(page) => page,
                Err(error) if is_expired(&error) => {
                    drop(permit);
                    iterator = self.iterator(shard, start, last.as_deref()).await?;
                    continue;
                }
                Err(error) => return Err(failure(&cannot_read(shard), &error)),
            };
            iterator = page.next_shard_iterator.take();
            let caught_up = self.is_caught_up(&page);
            let children = page.child_shards.take().unwrap_or_default();
            let pause = if page.records.is_empty() {
                IDLE_PAUSE
            } else {
                PAUSE
            };
            if let Some(record) = page.records.last() {
                last = Some(record.sequence_number.clone());
                let message = Message::Page(shard.range, page.records);
                if self.sender.send(message).await.is_err() {
                    return Ok(Vec::new());
                }
            }
            drop(permit);
            if iterator.is_none() {
                return Ok(children);
            }
            if caught_up && !self.follow {
                return Ok(Vec::new());
            }
            sleep(pause).await;
        }
        Ok(Vec::new())
    }

    /// Whether all that was there when the command started has been read. Not every server tells
    /// how far behind a page is, so an empty one must say so too.
    fn is_caught_up(&self, page: &GetRecordsOutput) -> bool {
        let arrival = page
            .records
            .last()
            .map(|record| record.approximate_arrival_timestamp);
        match arrival {
            None => page.millis_behind_latest.unwrap_or(0) == 0,
            Some(arrival) => arrival.is_some_and(|arrival| arrival > self.started),
        }
    }

    /// An iterator from `start`, or behind the sequence number `last`.
    async fn iterator(
        &self,
        shard: &Member,
        start: Start,
        last: Option<&str>,
    ) -> Result<Option<String>> {
        let get = self
            .client
            .get_shard_iterator()
            .set_stream_name(self.stream.name())
            .set_stream_arn(self.stream.arn())
            .shard_id(&shard.id);
        let get = match (last, start) {
            (Some(last), _) => get
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(last),
            (None, Start::Latest) => get.shard_iterator_type(ShardIteratorType::Latest),
            (None, Start::TrimHorizon) => get.shard_iterator_type(ShardIteratorType::TrimHorizon),
            (None, Start::At(time)) => get
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(time),
        };
        match get.send().await {
            Ok(answer) => Ok(answer.shard_iterator),
            Err(error) => Err(failure(&cannot_read(shard), &error)),
        }
    }
}

fn cannot_read(shard: &Member) -> String {
    format!("cannot read {}", shard.id)
}

fn is_expired<R>(
    error: &aws_sdk_kinesis::error::SdkError<
        aws_sdk_kinesis::operation::get_records::GetRecordsError,
        R,
    >,
) -> bool {
    error
        .as_service_error()
        .is_some_and(|error| error.is_expired_iterator_exception())
}
