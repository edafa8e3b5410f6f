//! A `StreamClient` for a real stream.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, PutRecordsResultEntry, RecordDistributionStrategy,
    StreamDescriptionSummary,
};

use super::failure::{self, is_denied};
use super::message::told;
use super::trace::Trace;
use crate::{
    ClientError, DEFAULT_REQUEST_TIMEOUT, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};
use kinesis_aggregation::sdk::{ShardPages, is_arn};
use kinesis_aggregation::{KinesisRecord, Shard};

/// The limit for one page of shards, the SDK's retries included, unless the SDK's
/// `operation_timeout` is set.
const PAGE_TIMEOUT: Duration = DEFAULT_REQUEST_TIMEOUT;
/// The longest first pause between two tries of a page.
const PAGE_BACKOFF: Duration = Duration::from_millis(100);

/// A stream of the service, through a ready [`Client`].
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
/// #     .region(Region::new("eu-central-1"));
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
    /// Whether the service has ever answered.
    has_answered: Arc<AtomicBool>,
}

impl SdkStreamClient {
    /// The stream with this name, or this ARN.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self {
            client,
            stream: stream.into(),
            has_answered: Arc::default(),
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

    /// Notes that an answer came, or tells what it means that none did.
    fn answer<T, E>(
        &self,
        answer: Result<T, SdkError<E, HttpResponse>>,
        trace: &Trace,
    ) -> Result<T, ClientError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if answer.as_ref().err().is_none_or(failure::is_answer) {
            self.has_answered.store(true, Ordering::Relaxed);
        }
        let has_answered = self.has_answered.load(Ordering::Relaxed);
        answer.map_err(|error| failure::client_error(&error, trace, has_answered))
    }

    /// For one page of `ListShards`: with a limit, as the SDK has none unless its user sets one, and
    /// with short pauses between its tries. The SDK's own first one takes up to a second, its second
    /// one up to two, and while there is no shard map most user records go out alone.
    fn page_config(&self) -> config::Builder {
        let retries = self.client.config().retry_config().cloned();
        let retries = retries.unwrap_or_else(RetryConfig::standard);
        let pause = retries.initial_backoff().min(PAGE_BACKOFF);
        let retries = retries.with_initial_backoff(pause);
        let timeouts = self.client.config().timeout_config();
        let limit = timeouts.and_then(TimeoutConfig::operation_timeout);
        let builder = timeouts.map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let timeouts = builder.operation_timeout(limit.unwrap_or(PAGE_TIMEOUT));
        config::Config::builder()
            .timeout_config(timeouts.build())
            .retry_config(retries)
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
        let entries = records.into_iter().map(PutRecordsRequestEntry::try_from);
        let entries = entries.collect::<Result<_, _>>();
        let entries = entries.map_err(|_| ClientError::invalid("InvalidRequest"))?;
        let (name, arn) = self.name_and_arn();
        let trace = Trace::default();
        let answer = self
            .client
            .put_records()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .set_records(Some(entries))
            .customize()
            .config_override(config::Config::builder().retry_config(RetryConfig::disabled()))
            .interceptor(trace.clone())
            .send()
            .await;
        let answer = self.answer(answer, &trace)?;
        answer.records.into_iter().map(result).collect()
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        let mut pages = ShardPages::new(&self.stream);
        loop {
            let trace = Trace::default();
            let page = pages
                .ask(self.client.list_shards())
                .customize()
                .config_override(self.page_config())
                .interceptor(trace.clone())
                .send()
                .await;
            if !pages.add(self.answer(page, &trace)?) {
                break;
            }
        }
        let invalid = |error| ClientError::retry("InvalidShard", false).with_source(error);
        let shards = pages.into_shards();
        let shards = shards.iter().map(Shard::try_from);
        shards.map(|shard| shard.map_err(invalid)).collect()
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        let (name, arn) = self.name_and_arn();
        let trace = Trace::default();
        let answer = self
            .client
            .describe_stream_summary()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .customize()
            .interceptor(trace.clone())
            .send()
            .await;
        if answer.as_ref().is_err_and(is_denied) {
            self.has_answered.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let answer = self.answer(answer, &trace)?;
        Ok(answer.stream_description_summary.as_ref().map(description))
    }

    /// Returns the stream's name, taken out of its ARN if need be.
    fn stream_name(&self) -> Option<&str> {
        if is_arn(&self.stream) {
            self.stream.rsplit('/').next()
        } else {
            Some(&self.stream)
        }
    }
}

/// Returns the result for one record.
///
/// # Errors
///
/// [`ClientError`] if the entry says neither: then the answer tells nothing to rely on.
fn result(entry: PutRecordsResultEntry) -> Result<Result<Stored, RecordError>, ClientError> {
    match (entry.error_code, entry.shard_id, entry.sequence_number) {
        (Some(code), ..) => {
            let message = entry.error_message.unwrap_or_default();
            let message = told(&code, &message).unwrap_or_default().to_owned();
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
    let mut description = StreamDescription::new(distribution);
    let created = summary.stream_creation_timestamp();
    if let Ok(created) = SystemTime::try_from(*created) {
        description = description.with_creation_time(created);
    }
    let kib = summary.max_record_size_in_kib();
    match kib.and_then(|kib| usize::try_from(kib).ok()) {
        Some(kib) if kib > 0 => description.with_max_record_size(kib.saturating_mul(1024)),
        _ => description,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};

    use super::*;
    use crate::ClientErrorKind;

    /// This package has no HTTP client; programs get one from `aws-sdk-kinesis`' default features.
    #[tokio::test]
    async fn a_client_without_an_http_client_is_known_at_once() {
        let config = config::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"));
        let client = SdkStreamClient::new(Client::from_conf(config.build()), "orders");
        let records = vec![KinesisRecord::new("key", "data")];
        let error = client
            .put_records(records)
            .await
            .expect_err("nothing sends it");
        assert_eq!(
            (error.kind(), error.code()),
            (ClientErrorKind::Fatal, "InvalidConfiguration")
        );
        let told = error.reason().expect("why");
        assert!(told.contains("No HTTP client was available"), "{told}");
    }
}
