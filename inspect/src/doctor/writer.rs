//! Who writes aggregates, as far as their keys show it.

use kinesis_aggregation::HashKey;
use serde::Serialize;

use crate::explain::Explanation;

/// A kind of writer, and how much of the sample is its.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Writer {
    /// What its aggregates look like, and what is known to write such ones.
    pub signature: &'static str,
    /// Aggregates in the sample.
    pub aggregates: u64,
}

/// What the keys of an aggregate look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Signature {
    Kpl,
    OwnHashes,
    FirstKey,
    Other,
    Unknown,
}

impl Signature {
    pub(super) fn of(report: &Explanation<'_>) -> Self {
        let first = report.user_records.first();
        let first_key = first.and_then(|record| record.partition_key.as_deref());
        if report.partition_key.is_none() {
            Self::Unknown
        } else if report.partition_key == Some("a") {
            Self::Kpl
        } else if report.partition_key != first_key {
            Self::Other
        } else if first.is_some_and(|record| {
            record.explicit_hash_key.is_some()
                && record.hash_key == first_key.map(HashKey::of_partition_key)
        }) {
            Self::OwnHashes
        } else {
            Self::FirstKey
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Kpl => "under the key `a`: the KPL, or one that writes as it does",
            Self::OwnHashes => {
                "under the first user record's key, its hash as explicit hash key: \
                 aws-kinesis-aggregator for Java or Python"
            }
            Self::FirstKey => {
                "under the first user record's key: Fluent Bit's Go plugin, \
                 aws-kinesis-agg for Node, or another library"
            }
            Self::Unknown => "whose own partition key the input does not tell",
            Self::Other => {
                "under a key of their own: fluentd's aggregated output, or another writer"
            }
        }
    }
}
