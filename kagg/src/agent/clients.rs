//! The clients of AWS's SDKs that a configuration asks for.

use std::time::Duration;

use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_firehose::error::ProvideErrorMetadata as _;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use bytes::Bytes;
use kinesis_aggregation_agent::{
    CloudWatchConfig, Config, FirehoseClient, FirehoseError, MetadataError, MetadataService,
};

/// The agent's name for its session.
const SESSION: &str = "AWSKinesisAgent";
/// How long the metadata service may take: elsewhere than on EC2 nobody answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Region and credentials: what the configuration says, else what the machine says.
pub(super) async fn sdk_config(config: &Config) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = config.region() {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(key) = config.access_key() {
        let credentials = Credentials::new(key.id(), key.secret(), None, None, "agent.json");
        loader = loader.credentials_provider(credentials);
    }
    let base = loader.load().await;
    let Some(role) = config.assume_role() else {
        return base;
    };
    let mut provider = AssumeRoleProvider::builder(role)
        .session_name(SESSION)
        .configure(&base);
    if let Some(id) = config.assume_role_external_id() {
        provider = provider.external_id(id);
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    base.into_builder().credentials_provider(provider).build()
}

/// An endpoint as URL; without a scheme it is HTTPS.
fn url(endpoint: &str) -> String {
    if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("https://{endpoint}")
    }
}

pub(super) fn kinesis(config: &Config, sdk: &SdkConfig) -> aws_sdk_kinesis::Client {
    let mut builder = aws_sdk_kinesis::config::Builder::from(sdk);
    if let Some(endpoint) = config.kinesis_endpoint() {
        builder = builder.endpoint_url(url(endpoint));
    }
    aws_sdk_kinesis::Client::from_conf(builder.build())
}

pub(super) fn cloudwatch(config: &CloudWatchConfig, sdk: &SdkConfig) -> aws_sdk_cloudwatch::Client {
    let mut builder = aws_sdk_cloudwatch::config::Builder::from(sdk);
    if let Some(endpoint) = config.endpoint() {
        builder = builder.endpoint_url(url(endpoint));
    }
    aws_sdk_cloudwatch::Client::from_conf(builder.build())
}

/// The EC2 instance's id. `None`, which is logged, if nobody tells it.
pub(super) async fn instance_id() -> Option<String> {
    let service = InstanceService::new();
    let id = service.get("/latest/meta-data/instance-id");
    if let Ok(Ok(Some(id))) = tokio::time::timeout(PATIENCE, id).await {
        return Some(id);
    }
    tracing::warn!(
        "cloudwatch.tagInstance: the instance metadata service does not tell the instance's id; metrics go without it"
    );
    None
}

/// One delivery stream.
pub(super) struct Firehose {
    client: aws_sdk_firehose::Client,
    name: String,
}

pub(super) fn firehose(config: &Config, sdk: &SdkConfig, name: &str) -> Firehose {
    let mut builder = aws_sdk_firehose::config::Builder::from(sdk);
    if let Some(endpoint) = config.firehose_endpoint() {
        builder = builder.endpoint_url(url(endpoint));
    }
    Firehose {
        client: aws_sdk_firehose::Client::from_conf(builder.build()),
        name: name.to_owned(),
    }
}

impl FirehoseClient for Firehose {
    async fn put_record_batch(
        &self,
        records: Vec<Bytes>,
    ) -> Result<Vec<Result<(), FirehoseError>>, FirehoseError> {
        let mut request = self
            .client
            .put_record_batch()
            .delivery_stream_name(&self.name);
        for data in records {
            let record = Record::builder().data(Blob::new(data)).build();
            request =
                request.records(record.map_err(|error| FirehoseError::new(error.to_string()))?);
        }
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| FirehoseError::new(error.code().unwrap_or("no answer")))?;
        let results = answer.request_responses().iter().map(|response| {
            response
                .error_code()
                .map_or(Ok(()), |code| Err(FirehoseError::new(code)))
        });
        Ok(results.collect())
    }
}

/// The instance metadata service, by IMDSv2.
pub(super) struct InstanceService(imds::Client);

impl InstanceService {
    pub(super) fn new() -> Self {
        Self(imds::Client::builder().build())
    }
}

impl MetadataService for InstanceService {
    async fn get(&self, path: &str) -> Result<Option<String>, MetadataError> {
        match self.0.get(path).await {
            Ok(text) => Ok(Some(text.into())),
            Err(ImdsError::ErrorResponse(error)) if error.response().status().as_u16() == 404 => {
                Ok(None)
            }
            Err(error) => Err(MetadataError::Service(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_endpoint_may_lack_its_scheme() {
        assert_eq!(
            super::url("kinesis.local:4567"),
            "https://kinesis.local:4567"
        );
        assert_eq!(super::url("http://127.0.0.1:4567"), "http://127.0.0.1:4567");
    }
}
