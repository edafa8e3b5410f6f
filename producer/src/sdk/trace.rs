//! How far a request came.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use aws_sdk_kinesis::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};

/// Notes that a request is complete (there are a region, an endpoint and credentials) and about to
/// be sent, and where to. Cheap to clone; all clones note the same request.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Arc<OnceLock<String>>);

impl Trace {
    /// Returns the endpoint that the request was sent to, such as
    /// `https://kinesis.eu-central-1.amazonaws.com`; `None` if it never was.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl Intercept for Trace {
    fn name(&self) -> &'static str {
        "KinesisProducerTrace"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let uri = context.request().uri();
        self.0.get_or_init(|| uri.trim_end_matches('/').to_owned());
        Ok(())
    }
}
