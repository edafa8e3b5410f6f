//! Reading one shard.

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::Record;
use kinesis_aggregation::sdk::{ListedShard, ReadShardError, ShardReader, Start};
use kinesis_aggregation::{SequenceNumber, Shard};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::aws::{StreamName, failure};
use crate::exit::{Failure, Result};

/// What comes of a shard, in order.
pub(super) enum Message {
    Page(Shard, Vec<Record>),
    /// It has nothing more. Its children are told here, or only by `ListShards`.
    End(String, Vec<ListedShard>),
    Failed(Failure),
}

/// The last thing to print.
pub(super) enum Until {
    /// What arrived then.
    Time(DateTime),
    /// This Kinesis record.
    Record(SequenceNumber),
}

impl Until {
    fn is_before(&self, record: &Record) -> bool {
        match self {
            Self::Time(time) => {
                let arrival = record.approximate_arrival_timestamp;
                arrival.is_some_and(|arrival| arrival > *time)
            }
            Self::Record(end) => number(record).is_some_and(|number| number > *end),
        }
    }
}

fn number(record: &Record) -> Option<SequenceNumber> {
    record.sequence_number().parse().ok()
}

/// What all readers share.
pub(super) struct Readers {
    pub(super) client: Client,
    pub(super) stream: StreamName,
    pub(super) follow: bool,
    /// Where every shard ends.
    pub(super) until: Option<Until>,
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
    pub(super) async fn read(self: Arc<Self>, shard: Shard, start: Start) {
        let id = shard.id().to_owned();
        let mut reader = ShardReader::new(self.client.clone(), self.stream.text(), shard, start);
        let last = match self.pages(&mut reader).await {
            Ok(()) => Message::End(id, reader.children().to_vec()),
            Err(failure) => Message::Failed(failure),
        };
        // Nobody listens any more when the command is done.
        let _ = self.sender.send(last).await;
    }

    async fn pages(&self, reader: &mut ShardReader) -> Result<()> {
        loop {
            let permit = self.pages.acquire().await.map_err(Failure::new)?;
            let mut page = match reader.next_page().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(()),
                Err(error) => return Err(cannot_read(reader.shard(), &error)),
            };
            let caught_up = self.is_caught_up(&page);
            let ends = self.cut(&mut page);
            if !page.records.is_empty() {
                let message = Message::Page(reader.shard().clone(), page.records);
                if self.sender.send(message).await.is_err() {
                    return Ok(());
                }
            }
            drop(permit);
            if ends || page.next_shard_iterator.is_none() || (caught_up && !self.follow) {
                return Ok(());
            }
            sleep(reader.pause()).await;
        }
    }

    /// Takes away what comes after the end. Returns whether the end is reached: nothing before it
    /// can come any more.
    fn cut(&self, page: &mut GetRecordsOutput) -> bool {
        let Some(until) = &self.until else {
            return false;
        };
        let records = &mut page.records;
        if let Some(first) = records.iter().position(|record| until.is_before(record)) {
            records.truncate(first);
            return true;
        }
        match until {
            Until::Time(time) => {
                let is_over = *time < Self::now();
                is_over && records.is_empty() && page.millis_behind_latest.unwrap_or(0) == 0
            }
            Until::Record(end) => {
                let last = records.last().and_then(number);
                last.is_some_and(|last| last >= *end)
            }
        }
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
}

fn cannot_read(shard: &Shard, error: &ReadShardError) -> Failure {
    let what = format!("cannot read {}", shard.id());
    match error {
        ReadShardError::Iterator(error) => failure(&what, error),
        ReadShardError::Records(error) => failure(&what, error),
    }
}
