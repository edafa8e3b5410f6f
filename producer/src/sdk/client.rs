//! The producer's door to a real stream.

use std::fmt;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::Config;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, PutRecordsResultEntry, RecordDistributionStrategy,
    StreamDescriptionSummary,
};

use super::failure::{self, is_denied};
use crate::{
    ClientError, RecordDistribution, RecordError, Stored, StreamClient, StreamDescription,
};
use kinesis_aggregation::KinesisRecord;
use kinesis_aggregation::Shard;
use kinesis_aggregation::sdk::{is_arn, list_shards};

/// A stream behind a ready [`Client`], for a producer.
///
/// The client brings region, credentials, endpoint and timeouts. Its retries serve `ListShards`
/// and `DescribeStreamSummary`; for `PutRecords` they are off, because the producer knows better
/// which records to put again, and where. It needs the permissions `kinesis:PutRecords`,
/// `kinesis:ListShards`, and, to see a stream's record size limit and distribution strategy,
/// `kinesis:DescribeStreamSummary`.
///
/// ```
/// use aws_sdk_kinesis::config::{BehaviorVersion, Region};
/// use kinesis_aggregation_producer::sdk::SdkStreamClient;
///
/// # let config = aws_sdk_kinesis::Config::builder()
/// #     .behavior_version(BehaviorVersion::latest())
/// #     .region(Region::new("eu-central-1"))
/// #     .http_client(aws_sdk_kinesis::config::http::never());
/// # let client = aws_sdk_kinesis::Client::from_conf(config.build());
/// // let client = aws_sdk_kinesis::Client::new(&aws_config::load_from_env().await);
/// let by_name = SdkStreamClient::new(client.clone(), "orders");
/// let by_arn = SdkStreamClient::new(client, "arn:aws:kinesis:eu-central-1:123456789012:stream/orders");
/// assert_eq!(by_name.stream(), "orders");
/// ```
#[derive(Clone)]
pub struct SdkStreamClient {
    client: Client,
    stream: String,
}

impl SdkStreamClient {
    /// The stream with this name, or this ARN.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self {
            client,
            stream: stream.into(),
        }
    }

    /// The stream's name or ARN, as given.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Name and ARN, one of them set.
    fn name_and_arn(&self) -> (Option<String>, Option<String>) {
        let stream = Some(self.stream.clone());
        if is_arn(&self.stream) {
            (None, stream)
        } else {
            (stream, None)
        }
    }
}

impl fmt::Debug for SdkStreamClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkStreamClient")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl StreamClient for SdkStreamClient {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let entries: Result<Vec<_>, _> = records
            .into_iter()
            .map(PutRecordsRequestEntry::try_from)
            .collect();
        let entries = entries.map_err(|_| ClientError::fatal("InvalidRequest"))?;
        let (name, arn) = self.name_and_arn();
        let answer = self
            .client
            .put_records()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .set_records(Some(entries))
            .customize()
            .config_override(Config::builder().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(|error| failure::client_error(&error))?;
        answer.records.into_iter().map(result).collect()
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        let shards = list_shards(&self.client, &self.stream)
            .await
            .map_err(|error| failure::client_error(&error))?;
        shards
            .iter()
            .map(|shard| {
                Shard::try_from(shard)
                    .map_err(|error| ClientError::retry("InvalidShard", false).with_source(error))
            })
            .collect()
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        let (name, arn) = self.name_and_arn();
        let answer = self
            .client
            .describe_stream_summary()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.stream_description_summary.as_ref().map(description)),
            Err(error) if is_denied(&error) => Ok(None),
            Err(error) => Err(failure::client_error(&error)),
        }
    }
}

/// What became of one record.
///
/// # Errors
///
/// [`ClientError`] if the entry says neither: then the answer tells nothing to rely on.
fn result(entry: PutRecordsResultEntry) -> Result<Result<Stored, RecordError>, ClientError> {
    match (entry.error_code, entry.shard_id, entry.sequence_number) {
        (Some(code), ..) => {
            let message = entry.error_message.unwrap_or_default();
            Ok(Err(RecordError::new(code, message)))
        }
        (None, Some(shard_id), Some(number)) => Ok(Ok(Stored::new(shard_id, number))),
        _ => Err(ClientError::retry("IncompleteAnswer", true)),
    }
}

fn description(summary: &StreamDescriptionSummary) -> StreamDescription {
    let distribution = match summary.record_distribution_strategy() {
        Some(RecordDistributionStrategy::Auto) => RecordDistribution::ServiceManaged,
        _ => RecordDistribution::ByKey,
    };
    let description = StreamDescription::new(distribution);
    let kib = summary.max_record_size_in_kib();
    match kib.and_then(|kib| usize::try_from(kib).ok()) {
        Some(kib) if kib > 0 => description.with_max_record_size(kib.saturating_mul(1024)),
        _ => description,
    }
}
