//! The answers that Lambda expects.

use serde::Serialize;

use crate::sequence::SequenceNumber;

/// The answer to a batch of a stream, with `ReportBatchItemFailures`: where to start again.
///
/// Lambda starts again at the lowest sequence number named, with all that follows it; with none
/// named, all is well. The same answer suits a pipe's target.
///
/// ```
/// use kinesis_aggregation::lambda::BatchResponse;
///
/// let response = BatchResponse::success();
/// assert_eq!(serde_json::to_string(&response)?, r#"{"batchItemFailures":[]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

impl BatchResponse {
    /// All is well.
    pub fn success() -> Self {
        Self::default()
    }

    /// Start again at this sequence number.
    pub fn failed_from(sequence_number: &SequenceNumber) -> Self {
        Self::of([sequence_number.as_str().to_owned()])
    }

    /// Start again with the whole batch. Lambda understands an empty identifier so; nothing else
    /// here makes one.
    pub fn all_failed() -> Self {
        Self::of([String::new()])
    }

    /// No identifier is empty, but in [`Self::all_failed`].
    pub(super) fn of(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failure = |item_identifier| BatchItemFailure { item_identifier };
        Self {
            batch_item_failures: identifiers.into_iter().map(failure).collect(),
        }
    }

    /// Whether all is well.
    pub fn is_success(&self) -> bool {
        self.batch_item_failures.is_empty()
    }

    /// Whether Lambda starts again with the whole batch.
    pub fn is_all_failed(&self) -> bool {
        self.item_identifiers().any(str::is_empty)
    }

    /// The sequence numbers to start again at: the lowest of each shard, and an event is of one
    /// shard.
    pub fn item_identifiers(&self) -> impl Iterator<Item = &str> {
        let failures = self.batch_item_failures.iter();
        failures.map(|failure| failure.item_identifier.as_str())
    }
}
