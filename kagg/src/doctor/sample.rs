//! A sample of every shard, gently.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;
use kinesis_aggregation::Shard;
use kinesis_aggregation_inspect::doctor::{Doctor, NotAsked};
use tokio::time::{Instant, sleep_until};

use crate::arrival;
use crate::aws::{StreamName, reason};
use crate::received::found;

/// Between two pages of a shard, which all of its readers together may read five times a second.
const PAUSE: Duration = Duration::from_secs(1);
/// Records of a page, round by round: first a few of every shard, so that what is in the first
/// shards does not use up the bytes.
const ROUNDS: [i32; 4] = [100, 1000, 10_000, 10_000];
/// The most bytes of a page.
const PAGE: usize = 10 << 20;

/// Of all pages.
const MOST_BYTES: usize = 100_000_000;

pub(super) struct Sampler {
    client: Client,
    stream: StreamName,
    since: DateTime,
}

/// How far a shard is read.
struct Reading<'a> {
    shard: &'a Shard,
    iterator: Option<String>,
    /// When the next page may be asked for.
    due: Instant,
    done: bool,
}

impl Sampler {
    pub(super) fn new(client: Client, stream: StreamName, since: DateTime) -> Self {
        Self {
            client,
            stream,
            since,
        }
    }

    /// Shows `doctor` a sample. Returns why there is none, or not all of it.
    pub(super) async fn read(&self, shards: &[Shard], doctor: &mut Doctor) -> Option<NotAsked> {
        let mut left = MOST_BYTES;
        let start = |shard| Reading {
            shard,
            iterator: None,
            due: Instant::now(),
            done: false,
        };
        let mut readings: Vec<_> = shards.iter().map(start).collect();
        let mut index = 0;
        for limit in ROUNDS {
            for reading in readings.iter_mut().filter(|reading| !reading.done) {
                if left < PAGE {
                    return None;
                }
                let page = self.page(reading, limit, &mut left, &mut index, doctor);
                if let Err(refused) = page.await {
                    return Some(refused);
                }
            }
        }
        None
    }

    async fn page(
        &self,
        reading: &mut Reading<'_>,
        limit: i32,
        left: &mut usize,
        index: &mut usize,
        doctor: &mut Doctor,
    ) -> Result<(), NotAsked> {
        sleep_until(reading.due).await;
        let iterator = match reading.iterator.take() {
            Some(iterator) => Some(iterator),
            None => self.iterator(reading.shard.id()).await?,
        };
        reading.due = Instant::now() + PAUSE;
        let request = self
            .client
            .get_records()
            .set_shard_iterator(iterator)
            .set_stream_arn(self.stream.arn())
            .limit(limit);
        let page = request.send().await.map_err(|error| NotAsked {
            action: "kinesis:GetRecords".to_owned(),
            why: reason(&error),
        })?;
        for record in page.records() {
            *left = left.saturating_sub(record.data().as_ref().len());
            let record = found(record, *index, reading.shard.id());
            *index += 1;
            let arrived = record.approximate_arrival_timestamp();
            doctor.look_at(&record, arrived.and_then(arrival::seconds));
        }
        let is_full = usize::try_from(limit).is_ok_and(|limit| page.records().len() >= limit);
        let is_behind = page.millis_behind_latest().unwrap_or(0) > 0;
        reading.iterator = page.next_shard_iterator;
        reading.done = reading.iterator.is_none() || !(is_full || is_behind);
        Ok(())
    }

    async fn iterator(&self, shard: &str) -> Result<Option<String>, NotAsked> {
        let request = self
            .client
            .get_shard_iterator()
            .set_stream_name(self.stream.name())
            .set_stream_arn(self.stream.arn())
            .shard_id(shard)
            .shard_iterator_type(ShardIteratorType::AtTimestamp)
            .timestamp(self.since);
        match request.send().await {
            Ok(answer) => Ok(answer.shard_iterator),
            Err(error) => Err(NotAsked {
                action: "kinesis:GetShardIterator".to_owned(),
                why: reason(&error),
            }),
        }
    }
}
