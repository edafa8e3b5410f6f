//! What an error of the SDK means for the records of a request.

use std::error::Error;
use std::fmt;
use std::io;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use crate::ClientError;

/// Asking again may help, and the service has stored nothing.
const RETRY: &[&str] = &[
    "EC2ThrottledException",
    "ExpiredNextTokenException",
    "ExpiredToken",
    "ExpiredTokenException",
    "KMSThrottlingException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeTooSkewed",
    "ResourceInUseException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
];

/// Codes whose messages quote what was sent.
const QUOTING: &[&str] = &[
    "InvalidArgumentException",
    "SerializationException",
    "ValidationException",
];

/// Whether the caller may not ask that, or the server does not know the question.
pub(super) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(
        error.code(),
        Some("AccessDeniedException" | "AccessDenied" | "UnknownOperationException")
    )
}

/// What `error` means for what was asked.
///
/// Nothing was stored where the request cannot have left, and where the service refused it. A
/// 5xx says that something went wrong, not when: the stream may hold the records then.
pub(super) fn client_error<E>(error: &SdkError<E, HttpResponse>) -> ClientError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => {
            ClientError::fatal("InvalidRequest").with_source(Chain::of(error))
        }
        SdkError::TimeoutError(_) => {
            ClientError::retry("Timeout", true).with_source(Chain::of(error))
        }
        SdkError::DispatchFailure(failure) => {
            let what = if failure.is_user() {
                ClientError::fatal("InvalidRequest")
            } else if failure.is_timeout() {
                ClientError::retry("Timeout", true)
            } else if causes(error).any(is_refused) {
                ClientError::retry("ConnectionRefused", false)
            } else if causes(error).any(is_of_connecting) {
                ClientError::retry("NotConnected", false)
            } else {
                ClientError::retry("ConnectionLost", true)
            };
            what.with_source(Chain::of(error))
        }
        // Cut in the middle, or not to be understood: the status alone is no answer.
        SdkError::ResponseError(_) => ClientError::retry("BrokenAnswer", true),
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let answer = Answer::of(refusal.err(), status);
            let code = answer.code.clone();
            let error = match status {
                200..=299 => ClientError::retry("BrokenAnswer", true),
                _ if RETRY.contains(&code.as_str()) => ClientError::retry(code, false),
                429 => ClientError::retry(code, false),
                408 | 500.. => ClientError::retry(code, true),
                _ => ClientError::fatal(code),
            };
            error.with_source(answer)
        }
        _ => ClientError::retry("Unknown", true),
    }
}

/// Whether nobody listens there: of a connection that stood, the system says other things.
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

/// What the service answered, without what it quotes of the request.
#[derive(Debug)]
struct Answer {
    code: String,
    status: u16,
    message: Option<String>,
}

impl Answer {
    fn of(error: &impl ProvideErrorMetadata, status: u16) -> Self {
        let code = error.code().unwrap_or("UnknownError").to_owned();
        let message = error
            .message()
            .filter(|_| !QUOTING.contains(&code.as_str()));
        Self {
            message: message.map(str::to_owned),
            code,
            status,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered {} ({})", self.status, self.code)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl Error for Answer {}

/// What the SDK says about a request without an answer, in one line: its own error holds no
/// record, but cannot be kept without what was asked of it.
#[derive(Debug)]
struct Chain(String);

impl Chain {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let texts: Vec<_> = causes(error).map(ToString::to_string).collect();
        Self(texts.join(": "))
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Chain {}
