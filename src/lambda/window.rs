//! Tumbling windows.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::error::Error;
use super::process::InOrder;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::unwind;
use super::user_records::{EventUserRecord, EventUserRecords};

/// The largest state that [`WindowResponse::new`] takes, in bytes of JSON. Lambda's limit is
/// "1 MB per shard", and beyond it Lambda ends the window early; this is the stricter reading.
pub const MAX_STATE: usize = 1_000_000;

/// The answer to a batch of a tumbling window: the state for the next invocation, which Lambda
/// requires, and where to start again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowResponse {
    state: Box<RawValue>,
    #[serde(flatten)]
    response: BatchResponse,
}

/// Why a state cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It does not serialise to JSON.
    #[error("the window's state does not serialise")]
    Serialize(#[from] serde_json::Error),
    /// It is larger than Lambda keeps.
    #[error("the window's state has {len} bytes of JSON, more than {MAX_STATE}")]
    TooLarge {
        /// Its bytes of JSON.
        len: usize,
    },
}

impl WindowResponse {
    /// The answer with this state.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the state does not serialise, or has more than [`MAX_STATE`] bytes.
    pub fn new<S: Serialize + ?Sized>(
        state: &S,
        response: BatchResponse,
    ) -> Result<Self, StateError> {
        let state = to_raw_value(state)?;
        let len = state.get().len();
        if len > MAX_STATE {
            return Err(StateError::TooLarge { len });
        }
        Ok(Self { state, response })
    }

    /// The state, as JSON.
    pub fn state_json(&self) -> &str {
        self.state.get()
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
    /// The state that comes back holds the Kinesis records in front of the failed one and nothing
    /// of that one, which Lambda sends again whole: so each user record is in the state once. For
    /// this the state is cloned for each Kinesis record, and a [`Resume`](super::Resume) takes no
    /// part.
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
    ///         Ok(())
    ///     },
    /// );
    /// let answer = WindowResponse::new(&state, response)?;
    /// assert_eq!(serde_json::to_string(&answer)?, r#"{"state":8,"batchItemFailures":[]}"#);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn process_window<'b, S, F>(&'b self, mut state: S, mut f: F) -> (S, BatchResponse)
    where
        S: Clone,
        F: FnMut(&mut S, EventUserRecord<'b, R>) -> Result<(), Error>,
    {
        let mut run = InOrder::new(self, None);
        let mut rollback = Rollback::new(&state);
        while let Some(user_record) = run.next() {
            rollback.enter(user_record.position(), &state);
            let called = unwind::catch(|| f(&mut state, user_record));
            run.settle(&user_record, &called);
        }
        rollback.finish(state, run)
    }

    /// [`process_window`](Self::process_window), with an asynchronous function, which takes the
    /// state and gives it back.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the state is lost, and the last invocation's is the one that
    /// holds.
    pub async fn process_window_async<'b, S, F, Fut>(
        &'b self,
        state: S,
        mut f: F,
    ) -> (S, BatchResponse)
    where
        S: Clone,
        F: FnMut(S, EventUserRecord<'b, R>) -> Fut,
        Fut: Future<Output = Result<S, Error>>,
    {
        let mut run = InOrder::new(self, None);
        let mut rollback = Rollback::new(&state);
        let mut state = Some(state);
        while let Some(user_record) = run.next() {
            let Some(before) = state.take() else { break };
            rollback.enter(user_record.position(), &before);
            let called = unwind::catch_async(|| f(before, user_record)).await;
            let called = called.map(|result| result.map(|after| state = Some(after)));
            run.settle(&user_record, &called);
        }
        // Without a state the last call failed, and the snapshot is what holds.
        let state = state.unwrap_or_else(|| rollback.snapshot.clone());
        rollback.finish(state, run)
    }
}

/// The state as it was in front of the current Kinesis record.
struct Rollback<S> {
    original: S,
    snapshot: S,
    position: Option<usize>,
}

impl<S: Clone> Rollback<S> {
    fn new(state: &S) -> Self {
        Self {
            original: state.clone(),
            snapshot: state.clone(),
            position: None,
        }
    }

    fn enter(&mut self, position: usize, state: &S) {
        if self.position != Some(position) {
            self.position = Some(position);
            self.snapshot = state.clone();
        }
    }

    fn finish<R: EventRecord>(self, state: S, run: InOrder<'_, R>) -> (S, BatchResponse) {
        let failed = run.failed();
        let response = run.finish();
        let state = if response.is_all_failed() {
            self.original
        } else if failed.is_some() && failed == self.position {
            self.snapshot
        } else {
            state
        };
        (state, response)
    }
}
