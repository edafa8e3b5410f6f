//! From an error of the SDK to what it means for the records of a request.

use std::error::Error;
use std::io;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ConnectorError, ProvideErrorMetadata, SdkError};

use super::message::told;
use super::trace::Trace;
use crate::ClientError;

/// The service takes no more for now.
const THROTTLED: &[&str] = &[
    "EC2ThrottledException",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Asking again may help, and the service has stored nothing.
const RETRY: &[&str] = &[
    "ExpiredNextTokenException",
    "ExpiredToken",
    "ExpiredTokenException",
    "PriorRequestNotComplete",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "ResourceInUseException",
];

/// The service does not like what is in the request.
const INVALID: &[&str] = &[
    "InvalidArgumentException",
    "SerializationException",
    "ValidationException",
];

/// How `InvalidSignatureException` puts it if only the clocks differ; with any other message, the
/// secret is wrong.
const CLOCK_SKEW: &[&str] = &["Signature expired", "Signature not yet current"];

/// Whether the caller may not ask that, or the server does not know the question.
pub(super) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(
        error.code(),
        Some("AccessDeniedException" | "AccessDenied" | "UnknownOperationException")
    )
}

/// Whether an answer came, whatever it said: then region, endpoint and credentials are right.
pub(super) fn is_answer<E>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(
        error,
        SdkError::ServiceError(_) | SdkError::ResponseError(_)
    )
}

/// Returns what `error` means for the request. `has_answered`: the service has answered this client
/// before.
///
/// Nothing was stored where the request cannot have left, and where the service refused it. A
/// 5xx says that something went wrong, not when: the stream may hold the records then.
pub(super) fn client_error<E>(
    error: &SdkError<E, HttpResponse>,
    trace: &Trace,
    has_answered: bool,
) -> ClientError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (error, trace.endpoint()) {
        (SdkError::ServiceError(refusal), _) => {
            refused(refusal.err(), refusal.raw().status().as_u16())
        }
        // Cut in the middle, or not to be understood: the status alone is no answer.
        (SdkError::ResponseError(_), _) => ClientError::retry("BrokenAnswer", true),
        (SdkError::ConstructionFailure(_), _) => {
            ClientError::fatal("InvalidRequest").with_source(cause(error))
        }
        (_, None) => not_sent(error, has_answered),
        (SdkError::TimeoutError(_), Some(endpoint)) => {
            ClientError::retry("Timeout", true).with_source(at(endpoint, error))
        }
        (SdkError::DispatchFailure(failure), Some(endpoint)) => {
            let failure = failure.as_connector_error();
            not_answered(error, failure).with_source(at(endpoint, error))
        }
        (_, Some(endpoint)) => ClientError::retry("Unknown", true).with_source(at(endpoint, error)),
    }
}

/// The request never left: there is no region, no credentials or no valid endpoint. Asking again does
/// not change that, unless it worked before: then the credentials are out of date and cannot be had
/// right now.
fn not_sent(error: &(dyn Error + 'static), has_answered: bool) -> ClientError {
    let text = cause(error);
    let says = |words: &str| text.to_lowercase().contains(words);
    let code = if says("credential") || says("identity") {
        "NoCredentials"
    } else {
        "InvalidConfiguration"
    };
    let passes = has_answered || says("timed out") || says("timeout");
    let what = if passes {
        ClientError::retry(code, false)
    } else {
        ClientError::fatal(code)
    };
    what.with_source(text)
}

/// The request was complete, and no answer came.
fn not_answered(error: &(dyn Error + 'static), connector: Option<&ConnectorError>) -> ClientError {
    let is = |what: fn(&ConnectorError) -> bool| connector.is_some_and(what);
    if causes(error).any(is_of_no_http_client) {
        ClientError::fatal("InvalidConfiguration")
    } else if is(ConnectorError::is_user) {
        ClientError::fatal("InvalidRequest")
    } else if is(ConnectorError::is_timeout) {
        ClientError::retry("Timeout", true)
    } else if causes(error).any(is_refused) {
        ClientError::retry("ConnectionRefused", false)
    } else if causes(error).any(is_of_connecting) {
        ClientError::retry("NotConnected", false)
    } else {
        ClientError::retry("ConnectionLost", true)
    }
}

/// The service answered with an error.
fn refused(error: &impl ProvideErrorMetadata, status: u16) -> ClientError {
    let code = error.code().unwrap_or("UnknownError");
    let message = error.message().unwrap_or_default();
    let is_skew =
        code == "InvalidSignatureException" && CLOCK_SKEW.iter().any(|skew| message.contains(skew));
    let named = code.to_owned();
    let what = if (200..=299).contains(&status) {
        ClientError::retry("BrokenAnswer", true)
    } else if THROTTLED.contains(&code) {
        ClientError::throttled(named)
    } else if RETRY.contains(&code) || is_skew {
        ClientError::retry(named, false)
    } else if INVALID.contains(&code) || status == 413 {
        ClientError::invalid(named)
    } else if code == "ResourceNotFoundException" {
        ClientError::no_stream(named)
    } else if status == 429 {
        ClientError::throttled(named)
    } else if status == 408 || status >= 500 {
        ClientError::retry(named, true)
    } else {
        ClientError::fatal(named)
    };
    what.with_source(match told(code, message) {
        Some(message) => message.to_owned(),
        None => format!("the service answered {status}"),
    })
}

/// Whether the client has no HTTP client. The SDK has no type for that, only these words.
/// Should they change, such records are taken for maybe stored, which is the safe side.
fn is_of_no_http_client(error: &(dyn Error + 'static)) -> bool {
    error.to_string().starts_with("No HTTP client")
}

/// Whether nothing listens there. A connection that is cut later fails with another kind.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Whether there was no connection yet: no such name, no trust in the server's certificate. The SDK
/// does not say that in a type of its own; this is how its HTTP client, hyper-util's, puts it. Should
/// that change, such records are taken for maybe stored, which is the safe side.
fn is_of_connecting(error: &(dyn Error + 'static)) -> bool {
    error.to_string().starts_with("client error (Connect)")
}

/// The error and what caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns the chain of causes in one line. The SDK's errors without an answer hold no record; the SDK's own error
/// cannot be kept, for it holds what was asked too.
fn cause(error: &(dyn Error + 'static)) -> String {
    // The first says no more than which variant it is.
    let texts: Vec<_> = causes(error).skip(1).map(ToString::to_string).collect();
    if texts.is_empty() {
        error.to_string()
    } else {
        texts.join(": ")
    }
}

fn at(endpoint: &str, error: &(dyn Error + 'static)) -> String {
    format!("{endpoint}: {}", cause(error))
}
