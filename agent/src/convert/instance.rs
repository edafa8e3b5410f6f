//! ADDEC2METADATA: what is known of the EC2 instance becomes fields of a JSON line.
//!
//! The instance metadata service is asked and nobody else, so that no permission is needed. (The
//! Amazon Kinesis Agent asks EC2 for the tags.)

use std::future::Future;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;

use super::json_text::{Layout, write_string};
use super::merge::merge;

const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
const TAGS: &str = "/latest/meta-data/tags/instance";

/// The agent's names and, where they differ, those of the identity document.
const FIELDS: [(&str, &str); 7] = [
    ("privateIp", "privateIp"),
    ("availabilityZone", "availabilityZone"),
    ("instanceId", "instanceId"),
    ("instanceType", "instanceType"),
    ("accountId", "accountId"),
    ("amiId", "imageId"),
    ("region", "region"),
];

/// The instance metadata service (IMDSv2), as it is asked.
pub trait MetadataService: Send + Sync {
    /// Gets a path. `None` if the service has nothing there.
    ///
    /// # Errors
    ///
    /// [`MetadataError::Service`]: the service does not answer, or refuses.
    fn get(&self, path: &str)
    -> impl Future<Output = Result<Option<String>, MetadataError>> + Send;
}

/// Why nothing is known of the instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The service does not answer, or refuses.
    #[error("the instance metadata service fails: {0}")]
    Service(String),
    /// The service has no identity document, or one that cannot be read.
    #[error("the instance metadata service has no identity document")]
    NoDocument,
}

/// The EC2 instance that the agent runs on, as its metadata service describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceMetadata {
    /// Names, and values as JSON.
    fields: Vec<(&'static str, String)>,
}

impl InstanceMetadata {
    /// Asks the service. The tags are there only if the instance's options offer them in its
    /// metadata. `now` becomes `metadataTimestamp`.
    ///
    /// # Errors
    ///
    /// Every [`MetadataError`].
    pub async fn read(
        service: &impl MetadataService,
        now: SystemTime,
    ) -> Result<Self, MetadataError> {
        let document = service.get(DOCUMENT).await?;
        let document = document.ok_or(MetadataError::NoDocument)?;
        let document: Value =
            serde_json::from_str(&document).map_err(|_| MetadataError::NoDocument)?;
        let mut fields = Vec::new();
        for (name, key) in FIELDS {
            fields.push((name, document.get(key).unwrap_or(&Value::Null).to_string()));
        }
        // The agent's form of a time: `2026-11-25T10:00:00+0000`.
        let timestamp = humantime::format_rfc3339_seconds(now).to_string();
        fields.push((
            "metadataTimestamp",
            format!("\"{}+0000\"", timestamp.trim_end_matches('Z')),
        ));
        fields.push(("tags", tags(service).await?));
        Ok(Self { fields })
    }
}

/// The tags as a JSON object, their names in lower case.
async fn tags(service: &impl MetadataService) -> Result<String, MetadataError> {
    let names = service.get(TAGS).await?.unwrap_or_default();
    let mut json = String::from("{");
    for name in names.lines().filter(|name| !name.is_empty()) {
        // A tag may go between the two questions.
        let Some(value) = service.get(&format!("{TAGS}/{name}")).await? else {
            continue;
        };
        if json.len() > 1 {
            json.push(',');
        }
        write_string(&mut json, &name.to_lowercase());
        json.push(':');
        write_string(&mut json, &value);
    }
    json.push('}');
    Ok(json)
}

/// Puts what is known of the instance into the record.
#[derive(Clone, Debug)]
pub(super) struct Ec2Metadata {
    pub(super) ttl: Duration,
    pub(super) layout: Layout,
}

impl Ec2Metadata {
    /// A record that is not a JSON object stays as it is, and so does every record while nothing is
    /// known.
    pub(super) fn convert(&self, record: Bytes, instance: Option<&InstanceMetadata>) -> Bytes {
        let Some(instance) = instance else {
            return record;
        };
        let fields = instance.fields.iter();
        let fields: Vec<_> = fields.map(|(name, json)| (*name, json.as_str())).collect();
        merge(&record, &fields, self.layout).unwrap_or(record)
    }
}
