//! Lambda event source mappings, and what their settings mean for aggregates.

use serde::Serialize;

use super::finding::{Finding, Severity};

/// An event source mapping of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// The name or ARN of the function.
    pub function: String,
    /// Whether it reads.
    pub enabled: bool,
    /// Patterns in `FilterCriteria`.
    pub filters: usize,
    /// `ParallelizationFactor`.
    pub parallelization_factor: u64,
    /// Whether `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub reports_failures: bool,
    /// `BisectBatchOnFunctionError`.
    pub bisects: bool,
    /// `MaximumRetryAttempts`; `None` without end.
    pub maximum_retries: Option<u64>,
    /// `MaximumRecordAgeInSeconds`; `None` without end.
    pub maximum_age_seconds: Option<u64>,
    /// Whether there is a destination for batches that are given up.
    pub has_failure_destination: bool,
}

impl Mapping {
    /// `aggregates` of the sample, and how many of them are `under_a`, the KPL's key.
    pub(super) fn findings(&self, aggregates: u64, under_a: u64, found: &mut Vec<Finding>) {
        let function = self.function.escape_debug();
        let mut add = |severity, name, title: String, evidence: String, advice| {
            found.push(Finding {
                severity,
                name,
                title,
                evidence: format!("function {function}: {evidence}"),
                advice,
            });
        };
        if !self.enabled {
            return add(
                Severity::Note,
                "lambda-disabled",
                "an event source mapping is disabled".to_owned(),
                "its state is Disabled, Disabling or Deleting".to_owned(),
                "enable it, or delete it",
            );
        }
        if self.filters > 0 && aggregates > 0 {
            add(
                Severity::Loss,
                "lambda-filter",
                "an event filter cannot see inside an aggregate, and throws away what does not match".to_owned(),
                format!("patterns: {}; aggregates in the sample: {aggregates}", self.filters),
                "remove FilterCriteria, and filter user records in the function",
            );
        }
        if !self.reports_failures {
            add(
                Severity::Warning,
                "lambda-no-batch-item-failures",
                "one user record that fails makes Lambda repeat the whole batch".to_owned(),
                "FunctionResponseTypes lacks ReportBatchItemFailures".to_owned(),
                "set it, and answer with the sequence number of the first Kinesis record that failed",
            );
        }
        if self.maximum_retries.is_none() && self.maximum_age_seconds.is_none() {
            add(
                Severity::Warning,
                "lambda-endless-retries",
                "a user record that always fails holds up its shard until it is past the stream's retention, and what waits after it expires".to_owned(),
                "MaximumRetryAttempts and MaximumRecordAgeInSeconds are both -1".to_owned(),
                "bound one of them, and set an on-failure destination",
            );
        } else if !self.has_failure_destination {
            add(
                Severity::Warning,
                "lambda-no-destination",
                "batches that are given up are thrown away: every user record of every aggregate in them".to_owned(),
                "retries are bounded, and DestinationConfig has no OnFailure".to_owned(),
                "set one in S3, which keeps the records themselves; SQS and SNS keep only their sequence numbers (kagg tail --batch reads those)",
            );
        }
        if self.bisects && aggregates > 0 {
            add(
                Severity::Note,
                "lambda-bisect",
                "bisecting a batch ends at a Kinesis record: an aggregate is repeated whole, and its good user records with it".to_owned(),
                "BisectBatchOnFunctionError is on".to_owned(),
                "make the function idempotent, or keep what is done of an aggregate",
            );
        }
        if self.parallelization_factor > 1 && under_a > 0 {
            add(
                Severity::Warning,
                "lambda-parallelization",
                "Lambda spreads records by partition key, and every aggregate has the same: they are processed one after another".to_owned(),
                format!(
                    "ParallelizationFactor is {}; {under_a} of {aggregates} aggregates are under the key `a`",
                    self.parallelization_factor
                ),
                "choose another outer key (this project's producer and kagg can), or more shards",
            );
        }
    }
}
