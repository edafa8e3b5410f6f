//! The answers that Lambda expects.

use serde::Serialize;

use crate::sequence::SequenceNumber;

/// The answer to a batch of a stream, with `ReportBatchItemFailures`: where to start again.
///
/// Lambda starts again at the lowest sequence number in it, with everything after that; an answer
/// without one means that the batch is done. A function that is the target of a pipe gives the same
/// answer.
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
#[must_use = "without this answer Lambda does not learn what failed"]
pub struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
    #[serde(skip)]
    counts: Counts,
    /// No user record was done, and every Kinesis record comes again.
    #[serde(skip)]
    nothing_done: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// How many user records of an event were done, failed or were left out. The others were not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) left_out: usize,
    pub(super) cut: usize,
}

impl Counts {
    /// User records that this invocation did.
    pub fn done(&self) -> usize {
        self.done
    }

    /// User records that failed: with an error or a panic, or because a handler of the whole slice
    /// reported them as not done.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// User records that a [`Resume`](super::Resume) left out, because they were done before.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Kinesis records that failed because their aggregate is cut.
    pub fn cut(&self) -> usize {
        self.cut
    }
}

/// An invocation that did nothing: see [`BatchResponse::error_if_nothing_done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no user record of the batch was done: {} failed, {} Kinesis records are cut", .0.failed, .0.cut)]
pub struct NothingDone(Counts);

impl NothingDone {
    /// How many failed.
    pub fn counts(&self) -> Counts {
        self.0
    }
}

impl BatchResponse {
    /// The batch is done.
    pub fn success() -> Self {
        Self::default()
    }

    /// Start again at this sequence number.
    pub fn failed_from(sequence_number: &SequenceNumber) -> Self {
        Self::of([sequence_number.as_str().to_owned()])
    }

    /// Start again with the whole batch. This is the only answer with an empty identifier, which tells
    /// Lambda so.
    pub fn all_failed() -> Self {
        Self::of([String::new()])
    }

    /// No identifier is empty, except in [`Self::all_failed`].
    pub(super) fn of(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failure = |item_identifier| BatchItemFailure { item_identifier };
        Self {
            batch_item_failures: identifiers.into_iter().map(failure).collect(),
            ..Self::default()
        }
    }

    pub(super) fn counted(mut self, counts: Counts, nothing_done: bool) -> Self {
        self.counts = counts;
        self.nothing_done = nothing_done;
        self
    }

    /// How many user records were done and how many failed; all 0 in an answer that was not made by
    /// processing.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Makes the invocation fail if it did nothing, so that Lambda's `Errors` metric rises and alarms
    /// fire: Lambda counts an invocation that answers as a success, even if the answer names failures.
    ///
    /// Lambda sends the whole batch again either way. With `BisectBatchOnFunctionError` it halves
    /// the batch first.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{BatchResponse, Error, OwnedKinesisEvent, Processor};
    ///
    /// fn handler(processor: &Processor, event: &OwnedKinesisEvent) -> Result<BatchResponse, Error> {
    ///     let response = processor.read(event).process(|_| Err("the database is down"));
    ///     println!("{} user records done", response.counts().done());
    ///     Ok(response.error_if_nothing_done()?)
    /// }
    ///
    /// # let json = r#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "SGVsbG8="}}]}"#;
    /// # assert!(handler(&Processor::new(), &serde_json::from_str(json)?).is_err());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NothingDone`] if something failed, no user record was done, and Lambda will send every Kinesis
    /// record of the batch again.
    pub fn error_if_nothing_done(self) -> Result<Self, NothingDone> {
        if self.nothing_done {
            Err(NothingDone(self.counts))
        } else {
            Ok(self)
        }
    }

    /// Whether the batch is done.
    pub fn is_success(&self) -> bool {
        self.batch_item_failures.is_empty()
    }

    /// Whether Lambda starts again with the whole batch because no sequence number could be named.
    pub fn is_all_failed(&self) -> bool {
        self.item_identifiers().any(str::is_empty)
    }

    /// The sequence numbers to start again at: the lowest of each shard. Lambda's events are from one
    /// shard.
    pub fn item_identifiers(&self) -> impl Iterator<Item = &str> {
        let failures = self.batch_item_failures.iter();
        failures.map(|failure| failure.item_identifier.as_str())
    }
}
