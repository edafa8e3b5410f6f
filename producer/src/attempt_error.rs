//! Why a try failed, as users get to see it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;

use super::client::{ClientError, RecordError};

/// Why a try to put a user record failed: the service's answer, or what stood between.
///
/// Displays as the code and, if there is one, the message: `AccessDeniedException: User … is not
/// authorized to perform: kinesis:PutRecords`, or `ConnectionRefused: http://10.0.0.7:443: tcp
/// connect error: Connection refused`. [`source`](Error::source) is the transport's own error.
///
/// Cheap to clone: all records of a request share it.
#[derive(Clone)]
pub struct AttemptError(Arc<Inner>);

struct Inner {
    code: ByteString,
    /// The service's for one record; for the whole request the chain of causes.
    message: Option<String>,
    /// The transport's.
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl AttemptError {
    /// A failure that the producer itself found out.
    pub(super) fn named(code: &'static str) -> Self {
        Self(Arc::new(Inner {
            code: ByteString::from_static(code),
            message: None,
            cause: None,
        }))
    }

    /// Returns the service's error code (`InternalFailure`), the transport's (`Timeout`), or the
    /// producer's own:
    ///
    /// - `WrongShard`: an aggregate landed where the KCL drops it;
    /// - `UnknownShard`: an aggregate landed where nobody knows whether the KCL drops it;
    /// - `ResultCountMismatch`: the answer has not one result for each record;
    /// - `Panic`: the [`StreamClient`](super::StreamClient) panicked.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the service's message or the chain of causes, in one line.
    pub fn message(&self) -> Option<String> {
        self.0.message.clone()
    }
}

impl From<ClientError> for AttemptError {
    fn from(error: ClientError) -> Self {
        Self(Arc::new(Inner {
            message: error.reason(),
            code: error.code,
            cause: error.source,
        }))
    }
}

impl From<RecordError> for AttemptError {
    fn from(error: RecordError) -> Self {
        Self(Arc::new(Inner {
            message: error.reason(),
            code: error.code,
            cause: None,
        }))
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        match self.message() {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptError({self})")
    }
}

impl Error for AttemptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

/// Equal if they say the same.
impl PartialEq for AttemptError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.code() == other.code() && self.message() == other.message())
    }
}

impl Eq for AttemptError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no answer from 10.0.0.7")]
    struct NoAnswer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_of_causes_is_told_once() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let client = ClientError::retry("NotConnected", false).with_source(NoAnswer(refused));
        let error = AttemptError::from(client);
        let text = "NotConnected: no answer from 10.0.0.7: connection refused";
        assert_eq!(error.to_string(), text);
        let source = error.source().expect("the transport's");
        assert!(source.downcast_ref::<NoAnswer>().is_some());
        let twice = ClientError::fatal("Twice").with_source("once: connection refused");
        assert_eq!(
            AttemptError::from(twice).to_string(),
            "Twice: once: connection refused"
        );
    }

    #[test]
    fn a_records_message_is_told_if_there_is_one() {
        let error = |message: &'static str| AttemptError::from(RecordError::new("Busy", message));
        assert_eq!(error("wait").to_string(), "Busy: wait");
        assert_eq!(error("").to_string(), "Busy");
        assert_ne!(error("wait"), error(""));
    }
}
