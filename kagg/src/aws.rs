//! What the subcommands that talk to AWS share.

use std::error::Error;
use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::profile::{self, ProfileFileCredentialsProvider};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::ProvideCredentials;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::describe_stream_summary::{
    DescribeStreamSummaryError, DescribeStreamSummaryOutput,
};
use aws_sdk_kinesis::types::{RecordDistributionStrategy, StreamStatus};
use aws_types::os_shim_internal::{Env, Fs};

use crate::exit::{Failure, Result};
use crate::output::complain;

/// A host that does not answer is given up after this, at each attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// The value of `--endpoint-url`: the client does not tell it.
static ENDPOINT: OnceLock<String> = OnceLock::new();

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
    pub(crate) async fn client(&self, max_attempts: u32) -> Result<Client> {
        Ok(Client::new(&self.config(max_attempts).await?))
    }

    /// What clients of any service are made of.
    ///
    /// `--profile` is where the credentials come from, whatever the environment has.
    pub(crate) async fn config(&self, max_attempts: u32) -> Result<SdkConfig> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(max_attempts));
        if let Some(url) = &self.endpoint_url {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                let url = url.escape_debug();
                return Err(Failure::new(format_args!(
                    "--endpoint-url {url}: it must start with http:// or https://"
                )));
            }
            let _ = ENDPOINT.set(url.clone());
            loader = loader.endpoint_url(url);
        }
        // As the AWS CLI: whatever other credentials there are, a profile that is named must exist.
        let from_environment = std::env::var("AWS_PROFILE").ok();
        let from_environment = from_environment.filter(|name| !name.is_empty());
        if let Some(name) = self.profile.clone().or(from_environment) {
            check_profile(&name).await?;
        }
        if let Some(profile) = &self.profile {
            let provider = ProfileFileCredentialsProvider::builder()
                .profile_name(profile)
                .build();
            // Credentials from elsewhere would write somewhere else.
            provider.provide_credentials().await.map_err(|error| {
                let (profile, why) = (profile.escape_debug(), chain(&error));
                Failure::new(format_args!(
                    "--profile {profile}: it has no credentials ({why})"
                ))
            })?;
            loader = loader.profile_name(profile).credentials_provider(provider);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        Ok(loader.load().await)
    }
}

/// Whether AWS's configuration or credentials file has the profile.
async fn check_profile(name: &str) -> Result<()> {
    let files = EnvConfigFiles::default();
    let loaded = profile::load(&Fs::real(), &Env::real(), &files, None).await;
    match loaded {
        Ok(profiles) if profiles.get_profile(name).is_some() => Ok(()),
        Ok(_) => Err(Failure::new(format_args!(
            "there is no profile {}",
            name.escape_debug()
        ))),
        Err(error) => Err(Failure::new(format_args!(
            "cannot read the profile {}: {}",
            name.escape_debug(),
            chain(&error)
        ))),
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
    Ok(describe(client, stream).await?.map(|(_, managed)| managed))
}

/// Waits for a stream that is being created. Returns what [`is_service_managed`] does.
pub(crate) async fn wait_for_stream(client: &Client, stream: &StreamName) -> Result<Option<bool>> {
    const PAUSE: Duration = Duration::from_secs(2);
    let mut told = false;
    loop {
        match describe(client, stream).await? {
            Some((true, _)) if !told => {
                complain("waiting: the stream is being created");
                told = true;
            }
            Some((true, _)) => {}
            described => return Ok(described.map(|(_, managed)| managed)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the stream is being created, and whether its distribution is service-managed.
async fn describe(client: &Client, stream: &StreamName) -> Result<Option<(bool, bool)>> {
    match summary(client, stream).await {
        Ok(answer) => {
            Ok(answer
                .stream_description_summary()
                .map_or(Some((false, false)), |summary| {
                    let strategy = summary.record_distribution_strategy();
                    Some((
                        *summary.stream_status() == StreamStatus::Creating,
                        strategy == Some(&RecordDistributionStrategy::Auto),
                    ))
                }))
        }
        Err(error) if is_denied(&error) => Ok(None),
        Err(error) => Err(cannot_describe(client, &error)),
    }
}

/// Describes a stream: the first request of each subcommand. Where nobody answers, it fails within 5
/// seconds, however often the client tries other requests.
pub(crate) async fn summary(
    client: &Client,
    stream: &StreamName,
) -> std::result::Result<DescribeStreamSummaryOutput, SdkError<DescribeStreamSummaryError>> {
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(200));
    let request = client
        .describe_stream_summary()
        .set_stream_name(stream.name())
        .set_stream_arn(stream.arn());
    let patience = aws_sdk_kinesis::config::Builder::new().retry_config(retries);
    request.customize().config_override(patience).send().await
}

/// Why a stream cannot be described, but for a missing permission.
pub(crate) fn cannot_describe(
    client: &Client,
    error: &SdkError<DescribeStreamSummaryError>,
) -> Failure {
    if let SdkError::DispatchFailure(_) = error {
        let endpoint = endpoint(client);
        let why = chain(error);
        return Failure::new(format_args!("cannot reach {endpoint}: {why}"));
    }
    failure("cannot describe the stream", error)
}

/// What requests are sent to, for messages.
fn endpoint(client: &Client) -> String {
    let from_environment = ["AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"];
    ENDPOINT
        .get()
        .cloned()
        .or_else(|| {
            from_environment
                .iter()
                .find_map(|name| std::env::var(name).ok())
        })
        .unwrap_or_else(|| match client.config().region() {
            Some(region) => format!("https://kinesis.{region}.amazonaws.com"),
            None => "Kinesis: no region is set (--region)".to_owned(),
        })
}

/// Whether the caller may not ask, or the server does not know the question.
pub(crate) fn is_denied<R>(error: &SdkError<DescribeStreamSummaryError, R>) -> bool {
    matches!(
        error.code(),
        Some("AccessDeniedException" | "UnknownOperationException")
    )
}

/// What went wrong with a request, in one line, after what was to be done.
pub(crate) fn failure<E, R>(what: &str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    Failure::new(format_args!("{what}: {}", reason(error)))
}

/// What went wrong with a request, in one line.
pub(crate) fn reason<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => chain(error),
    }
}

/// An error and its causes, each once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}
