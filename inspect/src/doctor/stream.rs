//! What the service says of a stream.

use serde::Serialize;

use super::finding::{Finding, Severity};
use super::mapping::Mapping;

/// A stream as the service describes it. `None` where it was not asked, or may not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamFacts {
    /// Its name or ARN.
    pub stream: String,
    /// Whether the service places records itself (`RecordDistributionStrategy` is `AUTO`).
    pub service_managed: Option<bool>,
    /// The most bytes of a record.
    pub max_record_size: Option<u64>,
    /// `RetentionPeriodHours`.
    pub retention_hours: Option<u64>,
    /// The ids of the open shards.
    pub open_shards: Option<Vec<String>>,
    /// The ids of the shards that a reshard has closed within the retention period.
    pub closed_shards: Option<Vec<String>>,
    /// Consumers with enhanced fan-out.
    pub consumers: Option<Vec<String>>,
    /// The stream's own delivery: channels, by name.
    pub channels: Option<Vec<String>>,
    /// Lambda event source mappings.
    pub mappings: Option<Vec<Mapping>>,
    /// What could not be asked, or not in full, and why.
    pub not_asked: Vec<NotAsked>,
}

/// A request that was refused, mostly for a permission that is missing, or whose answer does not show
/// all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotAsked {
    /// The request, as IAM names it: `kinesis:ListChannels`.
    pub action: String,
    /// The answer, or what is not seen.
    pub why: String,
}

/// The default of `MaxRecordSizeInKiB`.
const USUAL_RECORD: u64 = 1 << 20;

impl StreamFacts {
    pub(super) fn findings(&self, aggregates: u64, under_a: u64, found: &mut Vec<Finding>) {
        let mut add = |severity, name, title: &str, evidence, advice| {
            found.push(Finding {
                severity,
                name,
                title: title.to_owned(),
                evidence,
                advice,
            });
        };
        if self.service_managed == Some(true) && aggregates == 0 {
            add(
                Severity::Note,
                "service-managed",
                "the stream places records itself: partition keys do not choose the shard, and aggregates would be dropped by a KCL",
                "RecordDistributionStrategy is AUTO".to_owned(),
                "leave aggregation off in its producers",
            );
        }
        if let Some(bytes) = self.max_record_size.filter(|bytes| *bytes > USUAL_RECORD) {
            add(
                Severity::Note,
                "large-records",
                "the stream takes records of more than 1 MiB: a Lambda function is invoked with 6 MB at most, and old clients refuse them",
                format!("MaxRecordSizeInKiB is {}", bytes / 1024),
                "keep aggregates at 50 KiB; check that every consumer takes the largest record",
            );
        }
        if let Some(closed) = self
            .closed_shards
            .as_ref()
            .filter(|closed| !closed.is_empty())
        {
            add(
                Severity::Note,
                "resharded",
                "the stream was resharded within its retention period: aggregates that were made with the old shard map may hold user records of two shards",
                format!("closed shards: {} ({})", closed.len(), some_of(closed)),
                "see whether out-of-range is among the findings",
            );
        }
        if let Some(channels) = self.channels.as_ref().filter(|_| aggregates > 0)
            && !channels.is_empty()
        {
            add(
                Severity::Warning,
                "channel",
                "the stream's own delivery does not open aggregates: as JSON, STRING or Iceberg they go to the dead-letter bucket, as BYTE_ARRAY they are written as they are",
                format!("channels: {} ({})", channels.len(), some_of(channels)),
                "turn aggregation off, or deliver through Firehose, which opens them; kagg carve reads what was written",
            );
        }
        for mapping in self.mappings.iter().flatten() {
            mapping.findings(aggregates, under_a, found);
        }
    }
}

/// The first few.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 4;
    let first: Vec<_> = names
        .iter()
        .take(MOST)
        .map(|name| name.escape_debug().to_string())
        .collect();
    let more = if names.len() > MOST { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}
