//! From a stream.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{RecordDistributionStrategy, StreamFilter};
use kinesis_aggregation::sdk::list_shards;
use kinesis_aggregation::{Shard, ShardMap};
use kinesis_aggregation_inspect::doctor::{Diagnosis, Doctor, NotAsked, StreamFacts};

use super::args::Args;
use super::lambda;
use super::sample::{MOST_MEGABYTES, Sampler};
use crate::aws::{StreamName, block_on, cannot_describe, is_denied, reason, summary};
use crate::exit::{Failure, Result};
use crate::output::complain;

const LIST_SHARDS: &str = "kinesis:ListShards";
/// How often a request is tried.
const MAX_ATTEMPTS: u32 = 4;

/// Returns what was found, and why no record could be read.
pub(super) fn run(args: &Args, stream: &str) -> Result<(Diagnosis, Option<String>)> {
    block_on(async {
        let config = args.aws.config(MAX_ATTEMPTS).await?;
        let mut asking = Asking::new(&config, stream);
        asking.summary().await?;
        let shards = asking.shards().await;
        asking.consumers().await;
        asking.channels().await;
        asking.mappings(&config).await;
        let mut doctor = Doctor::new().stream(asking.facts.clone());
        match ShardMap::new(shards.iter().cloned()) {
            Ok(map) => doctor = doctor.shards(map.into()),
            // Where they may not be listed, that is said already.
            Err(_) if shards.is_empty() => {}
            Err(error) => asking.refused(LIST_SHARDS, error.to_string()),
        }
        complain(format_args!(
            "reading a sample: at most one GetRecords a second from each of {} shards, and \
             {MOST_MEGABYTES} MB in all",
            shards.len()
        ));
        let since = SystemTime::now().checked_sub(args.since.into());
        let since = DateTime::from(since.unwrap_or(SystemTime::UNIX_EPOCH));
        let sampler = Sampler::new(asking.client.clone(), asking.stream.clone(), since);
        let sample = sampler.read(&shards, &mut doctor).await;
        asking.answered |= sample.answered;
        asking.facts.not_asked.extend(sample.not_asked);
        asking.check_answered()?;
        let unread = match sample.answered {
            true => None,
            false => asking.why_no_records(),
        };
        Ok((doctor.stream(asking.facts).diagnose(), unread))
    })
}

/// Asks for what it may, and keeps what it may not.
struct Asking {
    client: Client,
    stream: StreamName,
    arn: Option<String>,
    /// Those with enhanced fan-out, by ARN.
    consumers: Vec<String>,
    facts: StreamFacts,
    /// Whether anything was answered.
    answered: bool,
}

impl Asking {
    fn new(config: &SdkConfig, stream: &str) -> Self {
        let stream = StreamName::new(stream);
        Self {
            client: Client::new(config),
            arn: stream.arn(),
            consumers: Vec::new(),
            facts: StreamFacts {
                stream: stream.text().to_owned(),
                ..StreamFacts::default()
            },
            stream,
            answered: false,
        }
    }

    fn refused(&mut self, action: &str, why: String) {
        self.facts.not_asked.push(NotAsked {
            action: action.to_owned(),
            why,
        });
    }

    fn check_answered(&self) -> Result<()> {
        match self.facts.not_asked.first() {
            Some(NotAsked { action, why }) if !self.answered => Err(Failure::new(format_args!(
                "nothing of the stream could be read: {action}: {why}"
            ))),
            _ => Ok(()),
        }
    }

    /// The last of the requests on the way to records that was refused.
    fn why_no_records(&self) -> Option<String> {
        let way = [
            LIST_SHARDS,
            "kinesis:GetShardIterator",
            "kinesis:GetRecords",
        ];
        let mut refused = self.facts.not_asked.iter().rev();
        let NotAsked { action, why } =
            refused.find(|refused| way.contains(&refused.action.as_str()))?;
        Some(format!("no record could be read: {action}: {why}"))
    }

    /// Fails if there is no such stream, or nobody answers.
    async fn summary(&mut self) -> Result<()> {
        let described = match summary(&self.client, &self.stream).await {
            Ok(answer) => answer,
            Err(error) if is_denied(&error) => {
                self.refused("kinesis:DescribeStreamSummary", reason(&error));
                return Ok(());
            }
            Err(error) => return Err(cannot_describe(&self.client, &error)),
        };
        self.answered = true;
        if let Some(summary) = described.stream_description_summary() {
            let strategy = summary.record_distribution_strategy();
            let managed = strategy == Some(&RecordDistributionStrategy::Auto);
            let kib = summary.max_record_size_in_kib();
            self.arn = Some(summary.stream_arn().to_owned());
            self.facts.service_managed = Some(managed);
            self.facts.max_record_size =
                kib.and_then(|kib| u64::try_from(kib).ok()?.checked_mul(1024));
            self.facts.retention_hours = u64::try_from(summary.retention_period_hours()).ok();
        }
        Ok(())
    }

    /// The shards, open ones first: what is written now is in them.
    async fn shards(&mut self) -> Vec<Shard> {
        let listed = match list_shards(&self.client, self.stream.text()).await {
            Ok(listed) => listed,
            Err(error) => {
                self.refused(LIST_SHARDS, reason(&error));
                return Vec::new();
            }
        };
        self.answered = true;
        let mut shards = Vec::new();
        for listed in &listed {
            match Shard::try_from(listed) {
                Ok(shard) => shards.push(shard),
                Err(error) => {
                    let why = format!("{}: {error}", listed.shard_id());
                    self.refused(LIST_SHARDS, why);
                }
            }
        }
        shards.sort_by_key(Shard::is_closed);
        let ids = |closed| {
            let of_kind = shards.iter().filter(|shard| shard.is_closed() == closed);
            Some(of_kind.map(|shard| shard.id().to_owned()).collect())
        };
        self.facts.open_shards = ids(false);
        self.facts.closed_shards = ids(true);
        shards
    }

    /// The rest is asked by ARN.
    fn arn(&mut self, action: &str) -> Option<String> {
        if self.arn.is_none() {
            self.refused(
                action,
                "the ARN of the stream is not known: name the stream by it".to_owned(),
            );
        }
        self.arn.clone()
    }

    async fn consumers(&mut self) {
        let action = "kinesis:ListStreamConsumers";
        let Some(arn) = self.arn(action) else { return };
        let request = self.client.list_stream_consumers().stream_arn(arn);
        let pages = request.into_paginator().send();
        match pages.collect::<std::result::Result<Vec<_>, _>>().await {
            Ok(pages) => {
                let consumers = pages.into_iter().flat_map(|page| page.consumers);
                let (names, arns) = consumers
                    .flatten()
                    .map(|consumer| (consumer.consumer_name, consumer.consumer_arn))
                    .unzip();
                self.facts.consumers = Some(names);
                self.consumers = arns;
            }
            Err(error) => self.refused(action, reason(&error)),
        }
    }

    async fn channels(&mut self) {
        let action = "kinesis:ListChannels";
        let Some(arn) = self.arn(action) else { return };
        let filter = StreamFilter::builder().stream_arn(arn).build().ok();
        let filter = filter.map(|filter| vec![filter]);
        let request = self.client.list_channels().set_stream_filter(filter);
        let pages = request.into_paginator().send();
        match pages.collect::<std::result::Result<Vec<_>, _>>().await {
            Ok(pages) => {
                let channels = pages.into_iter().flat_map(|page| page.channel_summaries);
                let names = channels.map(|channel| channel.channel_name);
                self.facts.channels = Some(names.collect());
            }
            Err(error) => self.refused(action, reason(&error)),
        }
    }

    /// A function with enhanced fan-out is mapped to its consumer, not to the stream.
    async fn mappings(&mut self, config: &SdkConfig) {
        let action = "lambda:ListEventSourceMappings";
        let Some(arn) = self.arn(action) else { return };
        let sources = [&[arn], &*self.consumers].concat();
        for source in sources {
            match lambda::mappings(config, &source).await {
                Ok(listed) => {
                    let mappings = self.facts.mappings.get_or_insert_default();
                    mappings.extend(listed.mappings);
                    for why in listed.unseen {
                        self.refused(action, why);
                    }
                }
                Err(why) => return self.refused(action, why),
            }
        }
    }
}
