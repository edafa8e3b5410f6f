//! `ListEventSourceMappings` of AWS Lambda, by hand: it is the only request of that service.

use std::convert::Infallible;
use std::time::SystemTime;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_kinesis::config::{Credentials, ProvideCredentials};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use kinesis_aggregation_inspect::doctor::Mapping;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

const PATH: &str = "/2015-03-31/event-source-mappings";
/// Pages of up to 100 mappings; more functions than that do not read one stream.
const MOST_PAGES: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    event_source_mappings: Vec<Listed>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    function_arn: Option<String>,
    state: Option<String>,
    filter_criteria: Option<FilterCriteria>,
    parallelization_factor: Option<u64>,
    function_response_types: Option<Vec<String>>,
    bisect_batch_on_function_error: Option<bool>,
    maximum_retry_attempts: Option<i64>,
    maximum_record_age_in_seconds: Option<i64>,
    destination_config: Option<DestinationConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    filters: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_failure: Option<OnFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnFailure {
    destination: Option<String>,
}

impl From<Listed> for Mapping {
    fn from(listed: Listed) -> Self {
        // -1 is without end.
        let bounded = |value: Option<i64>| u64::try_from(value?).ok();
        let on_failure = listed.destination_config.and_then(|to| to.on_failure);
        let filters = listed.filter_criteria.and_then(|all| all.filters);
        let mut answers = listed.function_response_types.iter().flatten();
        Self {
            function: listed.function_arn.unwrap_or_default(),
            enabled: listed.state.as_deref() == Some("Enabled"),
            filters: filters.map_or(0, |filters| filters.len()),
            parallelization_factor: listed.parallelization_factor.unwrap_or(1),
            reports_failures: answers.any(|answer| answer == "ReportBatchItemFailures"),
            bisects: listed.bisect_batch_on_function_error.unwrap_or(false),
            maximum_retries: bounded(listed.maximum_retry_attempts),
            maximum_age_seconds: bounded(listed.maximum_record_age_in_seconds),
            has_failure_destination: on_failure.and_then(|to| to.destination).is_some(),
        }
    }
}

/// The mappings of the stream with this ARN, or why they cannot be had.
pub(super) async fn mappings(
    config: &SdkConfig,
    endpoint: Option<&str>,
    stream: &str,
) -> Result<Vec<Mapping>, String> {
    let no_region = || "no region is set (--region)".to_owned();
    let region = config.region().ok_or_else(no_region)?.to_string();
    let provider = config.credentials_provider();
    let provider = provider.ok_or_else(|| "there are no credentials".to_owned())?;
    let credentials = provider.provide_credentials().await;
    let requests = Requests {
        endpoint: endpoint.map_or_else(|| public_endpoint(&region, stream), str::to_owned),
        region,
        credentials: credentials.map_err(|error| error.to_string())?,
    };
    let mut mappings = Vec::new();
    let mut marker = None;
    for _ in 0..MOST_PAGES {
        let page = requests.page(stream, marker.as_deref()).await?;
        mappings.extend(page.event_source_mappings.into_iter().map(Mapping::from));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    Ok(mappings)
}

/// Unless the environment has another.
fn public_endpoint(region: &str, stream: &str) -> String {
    let from_environment = ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"];
    let mut from_environment = from_environment.iter();
    from_environment
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| {
            let china = stream.starts_with("arn:aws-cn:");
            let domain = if china {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            };
            format!("https://lambda.{region}.{domain}")
        })
}

struct Requests {
    endpoint: String,
    region: String,
    credentials: Credentials,
}

/// An answer, whatever its status.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Requests {
    async fn page(&self, stream: &str, marker: Option<&str>) -> Result<Page, String> {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let mut path = format!("{PATH}?EventSourceArn={}", encode(stream));
        if let Some(marker) = marker {
            path = format!("{path}&Marker={}", encode(marker));
        }
        let headers = self.sign(&path).map_err(|error| error.to_string())?;
        let operation = Operation::builder()
            .service_name("lambda")
            .operation_name("ListEventSourceMappings")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .no_auth()
            .no_retry()
            .timeout_config(timeouts())
            .serializer(move |()| request(&path, &headers))
            .deserializer(|response: &HttpResponse| {
                Ok::<_, OrchestratorError<Infallible>>(Answer {
                    status: response.status().as_u16(),
                    body: response.body().bytes().unwrap_or_default().to_vec(),
                })
            })
            .build();
        let answer = operation.invoke(()).await;
        let answer = answer.map_err(|error| crate::aws::chain(&error))?;
        if answer.status != 200 {
            return Err(format!("{}: {}", answer.status, message(&answer.body)));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the answer is not a list of mappings: {error}"))
    }

    /// The headers that sign a GET of this path.
    fn sign(&self, path: &str) -> Result<Vec<(String, String)>, BoxError> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("lambda")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("{}{path}", self.endpoint.trim_end_matches('/'));
        let body = SignableBody::Bytes(&[]);
        let request = SignableRequest::new("GET", url, std::iter::empty(), body)?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

fn timeouts() -> TimeoutConfig {
    let seconds = std::time::Duration::from_secs;
    TimeoutConfig::builder()
        .connect_timeout(seconds(2))
        .operation_timeout(seconds(15))
        .build()
}

fn request(path: &str, headers: &[(String, String)]) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(path)?;
    for (name, value) in headers {
        request
            .headers_mut()
            .try_insert(name.clone(), value.clone())?;
    }
    Ok(request)
}

/// What an error says.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Error {
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let error: Option<Error> = serde_json::from_slice(body).ok();
    let message = error.and_then(|error| error.message);
    message.unwrap_or_else(|| "refused".to_owned())
}
