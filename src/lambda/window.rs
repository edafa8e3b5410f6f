//! Tumbling windows.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::call::{call, call_in_time};
use super::error::Error;
use super::process::{InOrder, Run};
use super::record::EventRecord;
use super::response::BatchResponse;
use super::user_records::{EventUserRecord, EventUserRecords};

/// The largest state that Lambda keeps, in bytes of JSON. Its documentation says "1 MB per shard"; this
/// is the stricter reading. With a larger state it ends the window early.
pub const MAX_STATE: usize = 1_000_000;

/// The answer to a batch of a tumbling window: the state for the next invocation, which Lambda
/// requires, and where to start again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use = "without this answer Lambda does not keep the state"]
pub struct WindowResponse {
    state: Box<RawValue>,
    #[serde(flatten)]
    response: BatchResponse,
}

impl WindowResponse {
    /// The answer with this state.
    ///
    /// If the state is larger than [`MAX_STATE`], this logs a warning (`tracing`), and Lambda ends the
    /// window early: the window's last invocation comes with
    /// [`is_window_terminated_early`](super::KinesisEvent::is_window_terminated_early). This is not an
    /// error: an invocation that failed would come again with the same state, and block its shard.
    ///
    /// # Errors
    ///
    /// If the state does not serialise to JSON.
    pub fn new<S: Serialize + ?Sized>(
        state: &S,
        response: BatchResponse,
    ) -> Result<Self, serde_json::Error> {
        let state = to_raw_value(state)?;
        let answer = Self { state, response };
        if answer.is_state_too_large() {
            let len = answer.state_json().len();
            tracing::warn!(
                len,
                max = MAX_STATE,
                "the window's state is too large: Lambda will end the window early"
            );
        }
        Ok(answer)
    }

    /// The state, as JSON.
    pub fn state_json(&self) -> &str {
        self.state.get()
    }

    /// Whether the state has more than [`MAX_STATE`] bytes of JSON.
    pub fn is_state_too_large(&self) -> bool {
        self.state_json().len() > MAX_STATE
    }

    /// Where to start again.
    pub fn response(&self) -> &BatchResponse {
        &self.response
    }
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// [`process`](Self::process) for a tumbling window: `f` adds each user record to the state,
    /// in order, up to the first failure.
    ///
    /// The state that it returns has the Kinesis records before the failed one, and nothing of the
    /// failed one, which Lambda sends again whole. So each user record is in the state once. For this
    /// the state is cloned for each Kinesis record, and a [`Resume`](super::Resume) is not used.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{Error, KinesisEvent, Processor, WindowResponse};
    ///
    /// let event = KinesisEvent::from_slice(br#"{"Records": [
    ///     {"kinesis": {"sequenceNumber": "495", "data": "SGVsbG8="}}
    /// ], "state": 7, "isFinalInvokeForWindow": false}"#)?;
    /// let processor = Processor::new();
    /// let (state, response) = processor.read(&event).process_window(
    ///     event.state::<u64>()?,
    ///     |count, _user_record| {
    ///         *count += 1;
    ///         Ok::<(), Error>(())
    ///     },
    /// );
    /// let answer = WindowResponse::new(&state, response)?;
    /// assert_eq!(serde_json::to_string(&answer)?, r#"{"state":8,"batchItemFailures":[]}"#);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn process_window<'b, S, F, E>(&'b self, mut state: S, mut f: F) -> (S, BatchResponse)
    where
        S: Clone,
        F: FnMut(&mut S, EventUserRecord<'b, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        let mut run = InOrder::new(self, None);
        let mut rollback = Rollback::new(&state);
        while let Some(user_record) = run.next() {
            rollback.enter(user_record.record_index(), &state);
            let called = call(|| f(&mut state, user_record));
            run.settle(&user_record, called);
        }
        rollback.finish(state, run)
    }

    /// [`process_window`](Self::process_window) with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the new state is lost, and Lambda keeps the one before it.
    pub async fn process_window_async<S, F, E>(&self, mut state: S, mut f: F) -> (S, BatchResponse)
    where
        S: Clone,
        F: AsyncFnMut(&mut S, EventUserRecord<'_, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        let mut run = InOrder::new(self, None);
        let mut alarm = self.alarm();
        let mut rollback = Rollback::new(&state);
        while let Some(user_record) = run.next_in_time(&mut alarm).await {
            rollback.enter(user_record.record_index(), &state);
            let called = call_in_time(&mut alarm, || f(&mut state, user_record)).await;
            run.settle(&user_record, called);
        }
        rollback.finish(state, run)
    }
}

/// The states to go back to.
struct Rollback<S> {
    at_start: S,
    /// The state before the current Kinesis record, and that one's index.
    before: Option<(usize, S)>,
}

impl<S: Clone> Rollback<S> {
    fn new(state: &S) -> Self {
        Self {
            at_start: state.clone(),
            before: None,
        }
    }

    fn enter(&mut self, position: usize, state: &S) {
        if self
            .before
            .as_ref()
            .is_none_or(|(current, _)| *current != position)
        {
            self.before = Some((position, state.clone()));
        }
    }

    fn finish<R: EventRecord>(self, state: S, run: InOrder<'_, R>) -> (S, BatchResponse) {
        let failed = run.failed();
        let response = run.finish();
        let state = match self.before {
            _ if response.is_all_failed() => self.at_start,
            Some((position, before)) if failed == Some(position) => before,
            _ => state,
        };
        (state, response)
    }
}
