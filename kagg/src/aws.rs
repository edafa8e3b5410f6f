//! What the subcommands that talk to AWS share.

use std::future::Future;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::describe_stream_summary::DescribeStreamSummaryError;
use aws_sdk_kinesis::types::RecordDistributionStrategy;

use crate::exit::{Failure, Result};

/// As the AWS CLI has them.
#[derive(clap::Args)]
pub(crate) struct AwsArgs {
    /// Talk to this endpoint instead of the region's own
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// The profile of AWS's configuration and credentials files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The region; an ARN does not set it
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

impl AwsArgs {
    /// A client that tries a request so often before it gives up.
    pub(crate) async fn client(&self, max_attempts: u32) -> Client {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(max_attempts));
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        Client::new(&loader.load().await)
    }
}

/// A stream, by name or ARN, as requests take it.
#[derive(Clone)]
pub(crate) struct StreamName(String);

impl StreamName {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Unless it is an ARN.
    pub(crate) fn name(&self) -> Option<String> {
        (!self.is_arn()).then(|| self.0.clone())
    }

    pub(crate) fn arn(&self) -> Option<String> {
        self.is_arn().then(|| self.0.clone())
    }

    fn is_arn(&self) -> bool {
        self.0.starts_with("arn:")
    }
}

/// Runs `work` to its end; what the SDK still has in hand then does not keep the command.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format_args!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// Whether the service ignores the records' keys; None if the caller may not know.
pub(crate) async fn is_service_managed(
    client: &Client,
    stream: &StreamName,
) -> Result<Option<bool>> {
    let request = client
        .describe_stream_summary()
        .set_stream_name(stream.name())
        .set_stream_arn(stream.arn());
    match request.send().await {
        Ok(answer) => Ok(Some(answer.stream_description_summary().is_some_and(
            |summary| {
                summary.record_distribution_strategy() == Some(&RecordDistributionStrategy::Auto)
            },
        ))),
        Err(error) if is_denied(&error) => Ok(None),
        Err(error) => Err(failure("cannot describe the stream", &error)),
    }
}

fn is_denied<R>(error: &SdkError<DescribeStreamSummaryError, R>) -> bool {
    matches!(
        error.code(),
        Some("AccessDeniedException" | "UnknownOperationException")
    )
}

/// What went wrong with a request, in one line.
pub(crate) fn failure<E, R>(what: &str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => Failure::new(format_args!("{what}: {code}: {message}")),
        (Some(code), None) => Failure::new(format_args!("{what}: {code}")),
        // Its text goes on with the error's Debug, which is long.
        _ => {
            let text = DisplayErrorContext(error).to_string();
            let line = text
                .split_once(" (")
                .map_or(text.as_str(), |(line, _)| line);
            Failure::new(format_args!("{what}: {line}"))
        }
    }
}
