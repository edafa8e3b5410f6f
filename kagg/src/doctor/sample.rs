//! A sample of every shard, gently.

use std::fmt::Write as _;
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

/// The most megabytes of all pages.
pub(super) const MOST_MEGABYTES: usize = 100;

const RECORDS: &str = "kinesis:GetRecords";

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
    progress: Progress,
}

/// How much of a shard is in the sample.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Unread,
    /// There is more.
    Partly,
    /// To the latest record, or to the end of a closed shard.
    Whole,
    Refused,
}

/// What came of the sample.
pub(super) struct Outcome {
    /// What was refused or left out.
    pub(super) not_asked: Vec<NotAsked>,
    /// Whether any shard was read, even if it holds no record.
    pub(super) answered: bool,
}

impl Sampler {
    pub(super) fn new(client: Client, stream: StreamName, since: DateTime) -> Self {
        Self {
            client,
            stream,
            since,
        }
    }

    /// Shows `doctor` a sample of these shards; the first ones come first where not all can be read.
    pub(super) async fn read(&self, shards: &[Shard], doctor: &mut Doctor) -> Outcome {
        let mut left = MOST_MEGABYTES * 1_000_000;
        let start = |shard| Reading {
            shard,
            iterator: None,
            due: Instant::now(),
            progress: Progress::Unread,
        };
        let mut readings: Vec<_> = shards.iter().map(start).collect();
        let mut index = 0;
        let mut refused: Option<NotAsked> = None;
        let mut answered = false;
        for limit in ROUNDS {
            for reading in &mut readings {
                if !reading.progress.goes_on() || left < PAGE {
                    continue;
                }
                let page = self.page(reading, limit, &mut left, &mut index, doctor);
                match page.await {
                    Ok(progress) => {
                        reading.progress = progress;
                        answered = true;
                    }
                    Err(why) => {
                        reading.progress = Progress::Refused;
                        refused.get_or_insert(why);
                    }
                }
            }
        }
        let progress: Vec<_> = readings.iter().map(|reading| reading.progress).collect();
        let count = progress.iter().filter(|shard| **shard == Progress::Refused);
        let others = count.count().saturating_sub(1);
        if let Some(first) = refused.as_mut().filter(|_| others > 0) {
            let _ = write!(first.why, " (refused for {others} more of the shards)");
        }
        let left_out = left_out(&progress, left < PAGE).map(|why| NotAsked {
            action: RECORDS.to_owned(),
            why,
        });
        Outcome {
            not_asked: refused.into_iter().chain(left_out).collect(),
            answered,
        }
    }

    async fn page(
        &self,
        reading: &mut Reading<'_>,
        limit: i32,
        left: &mut usize,
        index: &mut usize,
        doctor: &mut Doctor,
    ) -> Result<Progress, NotAsked> {
        let shard = reading.shard.id();
        sleep_until(reading.due).await;
        let iterator = match reading.iterator.take() {
            Some(iterator) => Some(iterator),
            None => self.iterator(shard).await?,
        };
        reading.due = Instant::now() + PAUSE;
        let request = self
            .client
            .get_records()
            .set_shard_iterator(iterator)
            .set_stream_arn(self.stream.arn())
            .limit(limit);
        let page = request.send().await.map_err(|error| NotAsked {
            action: RECORDS.to_owned(),
            why: format!("{shard}: {}", reason(&error)),
        })?;
        for record in page.records() {
            *left = left.saturating_sub(record.data().as_ref().len());
            let record = found(record, *index, shard);
            *index += 1;
            let arrived = record.approximate_arrival_timestamp();
            doctor.look_at(&record, arrived.and_then(arrival::seconds));
        }
        let is_full = usize::try_from(limit).is_ok_and(|limit| page.records().len() >= limit);
        let is_behind = page.millis_behind_latest().unwrap_or(0) > 0;
        reading.iterator = page.next_shard_iterator;
        let is_whole = reading.iterator.is_none() || !(is_full || is_behind);
        Ok(if is_whole {
            Progress::Whole
        } else {
            Progress::Partly
        })
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
                why: format!("{shard}: {}", reason(&error)),
            }),
        }
    }
}

impl Progress {
    fn goes_on(self) -> bool {
        matches!(self, Self::Unread | Self::Partly)
    }
}

/// What the sample lacks, but for what was refused.
fn left_out(shards: &[Progress], is_full: bool) -> Option<String> {
    let count = |progress| shards.iter().filter(|shard| **shard == progress).count();
    let (unread, partly) = (count(Progress::Unread), count(Progress::Partly));
    if unread + partly == 0 {
        return None;
    }
    let all = shards.len();
    let mut text = if is_full {
        format!("another page could take the sample over {MOST_MEGABYTES} MB")
    } else {
        "the sample is large enough".to_owned()
    };
    if unread > 0 {
        let _ = write!(text, "; {unread} of {all} shards were not looked at");
    }
    if partly > 0 {
        let _ = write!(
            text,
            "; of {partly} of {all} shards, the latest records were not looked at"
        );
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_the_sample_is_said() {
        use Progress::{Partly, Refused, Unread, Whole};
        assert_eq!(left_out(&[], false), None);
        assert_eq!(left_out(&[Whole, Refused], true), None);
        for (shards, is_full, expected) in [
            (
                [Whole, Unread, Unread],
                true,
                "another page could take the sample over 100 MB; 2 of 3 shards were not looked at",
            ),
            (
                [Whole, Partly, Unread],
                true,
                "another page could take the sample over 100 MB; 1 of 3 shards were not looked at; \
                 of 1 of 3 shards, the latest records were not looked at",
            ),
            (
                [Whole, Refused, Partly],
                false,
                "the sample is large enough; of 1 of 3 shards, the latest records were not looked at",
            ),
        ] {
            assert_eq!(left_out(&shards, is_full).as_deref(), Some(expected));
        }
    }
}
