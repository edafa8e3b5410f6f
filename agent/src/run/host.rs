//! The machine that a flow runs on, as far as records tell of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::convert::{InstanceMetadata, MetadataService};

/// How long the metadata service may take: elsewhere than on EC2 nobody answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a failure it is asked again so soon.
const RETRY: Duration = Duration::from_secs(60);

/// The machine that a flow runs on: its name, and what is known of it if it is an EC2 instance.
#[derive(Clone, Debug)]
pub struct Host {
    name: Arc<str>,
    instance: Option<watch::Receiver<Option<Arc<InstanceMetadata>>>>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// This machine, by the name that the system gives. It is not taken for an EC2 instance.
    pub fn new() -> Self {
        Self {
            name: gethostname::gethostname().to_string_lossy().into(),
            instance: None,
        }
    }

    /// By another name.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// As an EC2 instance, of which the latest is in `instance`.
    #[must_use]
    pub fn with_instance(
        mut self,
        instance: watch::Receiver<Option<Arc<InstanceMetadata>>>,
    ) -> Self {
        self.instance = Some(instance);
        self
    }

    /// As an EC2 instance whose metadata service is asked now, and again each time `ttl` is over,
    /// on the current tokio runtime, until the flows of this host are gone. While nothing is known,
    /// records go without it.
    pub async fn on_instance(self, service: impl MetadataService + 'static, ttl: Duration) -> Self {
        let first = read(&service).await.map(Arc::new);
        let is_known = first.is_some();
        let (sender, receiver) = watch::channel(first);
        tokio::spawn(async move {
            let mut wait = if is_known { ttl } else { ttl.min(RETRY) };
            loop {
                tokio::select! {
                    () = sender.closed() => return,
                    () = tokio::time::sleep(wait) => {}
                }
                // What was known before is better than nothing.
                wait = match read(&service).await {
                    Some(instance) => {
                        sender.send_replace(Some(Arc::new(instance)));
                        ttl
                    }
                    None => ttl.min(RETRY),
                };
            }
        });
        self.with_instance(receiver)
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn instance(&self) -> Option<Arc<InstanceMetadata>> {
        self.instance.as_ref()?.borrow().clone()
    }
}

async fn read(service: &impl MetadataService) -> Option<InstanceMetadata> {
    let read = InstanceMetadata::read(service, SystemTime::now());
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(instance)) => return Some(instance),
        Ok(Err(error)) => tracing::warn!("ADDEC2METADATA: {error}"),
        Err(_) => tracing::warn!("ADDEC2METADATA: the instance metadata service does not answer"),
    }
    None
}
