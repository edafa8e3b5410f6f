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
use aws_types::service_config::ServiceConfigKey;
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
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
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
            // One that is being created or updated reads, or will.
            enabled: !matches!(
                listed.state.as_deref(),
                Some("Disabled" | "Disabling" | "Deleting")
            ),
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

/// The mappings of a stream or consumer.
#[derive(Default)]
pub(super) struct Mappings {
    pub(super) mappings: Vec<Mapping>,
    /// What is not to be seen in them, and why.
    pub(super) unseen: Vec<String>,
}

impl Mappings {
    fn add(&mut self, page: Page) {
        for listed in page.event_source_mappings {
            if listed.kms_key_arn.is_some() && listed.filter_criteria.is_none() {
                let function = listed.function_arn.as_deref().unwrap_or_default();
                self.unseen.push(format!(
                    "function {function}: its filters, if any, are encrypted (KMSKeyArn)"
                ));
            }
            self.mappings.push(listed.into());
        }
    }
}

/// The mappings of the stream or consumer with this ARN, or why they cannot be had.
pub(super) async fn mappings(config: &SdkConfig, source: &str) -> Result<Mappings, String> {
    let no_region = || "no region is set (--region)".to_owned();
    let region = config.region().ok_or_else(no_region)?.to_string();
    let provider = config.credentials_provider();
    let provider = provider.ok_or_else(|| "there are no credentials".to_owned())?;
    let credentials = provider.provide_credentials().await;
    let requests = Requests {
        endpoint: endpoint(config).unwrap_or_else(|| public_endpoint(&region, source)),
        region,
        credentials: credentials.map_err(|error| error.to_string())?,
    };
    let mut all = Mappings::default();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut page = requests.page(source, marker.as_deref()).await?;
        marker = page.next_marker.take().filter(|marker| !marker.is_empty());
        all.add(page);
        if marker.is_none() {
            return Ok(all);
        }
    }
    let seen = all.mappings.len();
    all.unseen.push(format!(
        "there are more mappings than the {seen} that were looked at"
    ));
    Ok(all)
}

/// The endpoint that `--endpoint-url`, the environment or the profile sets, in the order in which
/// clients of the SDK take it.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let common = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return common;
    }
    let key = ServiceConfigKey::builder()
        .service_id("Lambda")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_lambda = config.service_config().zip(key.ok());
    of_lambda
        .and_then(|(config, key)| config.load_config(key))
        .or(common)
}

fn public_endpoint(region: &str, source: &str) -> String {
    let china = source.starts_with("arn:aws-cn:");
    let domain = if china {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://lambda.{region}.{domain}")
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
    async fn page(&self, source: &str, marker: Option<&str>) -> Result<Page, String> {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let mut path = format!("{PATH}?EventSourceArn={}", encode(source));
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

#[cfg(test)]
mod tests {
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use serde_json::json;

    use super::*;

    fn listed(mapping: &serde_json::Value) -> Mappings {
        let page = json!({"EventSourceMappings": [mapping]});
        let mut all = Mappings::default();
        all.add(serde_json::from_value(page).unwrap());
        all
    }

    #[test]
    fn a_mapping_that_is_being_changed_is_enabled() {
        for (state, enabled) in [
            ("Creating", true),
            ("Enabling", true),
            ("Enabled", true),
            ("Updating", true),
            ("Disabling", false),
            ("Disabled", false),
            ("Deleting", false),
        ] {
            let all = listed(&json!({"State": state}));
            assert_eq!(all.mappings[0].enabled, enabled, "{state}");
        }
    }

    #[test]
    fn filters_that_cannot_be_seen_are_said() {
        let encrypted = listed(&json!({"FunctionArn": "f", "KMSKeyArn": "arn:aws:kms:1"}));
        let expected = "function f: its filters, if any, are encrypted (KMSKeyArn)";
        assert_eq!(encrypted.unseen, [expected]);
        let filters = json!({"Filters": [{"Pattern": "{}"}]});
        let seen = listed(&json!({"KMSKeyArn": "arn:aws:kms:1", "FilterCriteria": filters}));
        assert_eq!((seen.unseen.len(), seen.mappings[0].filters), (0, 1));
        assert_eq!(listed(&json!({})).unseen, [""; 0]);
    }

    /// A request that is signed must go nowhere else.
    #[tokio::test]
    async fn the_endpoint_is_that_of_the_profile() {
        let with = async |profile: &str, set: Option<&str>| {
            let files = EnvConfigFiles::builder()
                .with_contents(EnvConfigFileKind::Config, profile)
                .build();
            let mut loader = aws_config::defaults(BehaviorVersion::latest())
                .region(aws_config::Region::new("us-east-1"))
                .profile_files(files);
            if let Some(url) = set {
                loader = loader.endpoint_url(url);
            }
            endpoint(&loader.load().await)
        };
        let common = "[default]\nendpoint_url = http://common\n";
        let of_lambda = "[default]\nendpoint_url = http://common\nservices = mine\n\
                         [services mine]\nlambda =\n  endpoint_url = http://lambda\n";
        for (profile, set, expected) in [
            ("[default]\n", None, None),
            (common, None, Some("http://common")),
            (of_lambda, None, Some("http://lambda")),
            (of_lambda, Some("http://set"), Some("http://set")),
        ] {
            assert_eq!(with(profile, set).await.as_deref(), expected, "{profile}");
        }
    }
}
