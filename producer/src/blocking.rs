//! The producer for code without async.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime;

use super::client::StreamClient;
use super::delivery::Delivery;
use super::handle::{AbortedError, Producer};
use super::metrics::Metrics;
use super::outcome::{DeliveryError, Outcome, PutError, PutErrorKind};
use super::settings::{ProducerBuilder, ProducerConfigError};
use kinesis_aggregation::UserRecord;

/// A [`Producer`] that blocks instead of being awaited. It runs on a thread of its own, so it
/// works anywhere; inside a tokio runtime, its methods hold up the thread they are called on.
///
/// Cheap to clone, like a `Producer`. When the last handle is dropped, what was put is still
/// sent, but nothing keeps the process alive for it: call [`close`](Self::close).
///
/// ```
/// use std::time::Duration;
/// use kinesis_aggregation::UserRecord;
/// use kinesis_aggregation_producer::{Producer, StreamClient};
///
/// fn put_two(stream: impl StreamClient) -> Result<(), Box<dyn std::error::Error>> {
///     let producer = Producer::builder().build_blocking(stream)?;
///     let mut deliveries = Vec::new();
///     for data in ["one", "two"] {
///         deliveries.push(producer.put(UserRecord::new("key", data))?);
///     }
///     producer.flush()?;
///     for mut delivery in deliveries {
///         println!("in {}", delivery.wait()??.shard_id());
///     }
///     // What cannot be sent within five seconds comes back.
///     for error in producer.close_within(Duration::from_secs(5))? {
///         eprintln!("{error}");
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BlockingProducer {
    producer: Producer,
    runtime: runtime::Id,
}

/// Why waiting ended before what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The time is up.
    #[error("the time is up")]
    TimedOut,
    /// This thread belongs to the runtime that the producer runs on: if it waited, the producer
    /// could not go on. Await instead, or wait in `spawn_blocking`.
    #[error("waiting here would hold up the runtime that the producer runs on")]
    OnItsRuntime,
    /// The runtime that the producer ran on is gone.
    #[error("the producer's runtime is gone")]
    Aborted,
}

impl From<AbortedError> for WaitError {
    fn from(_: AbortedError) -> Self {
        Self::Aborted
    }
}

impl ProducerBuilder {
    /// Builds a producer for code without async. The client's futures run on its own thread, in
    /// a tokio runtime.
    ///
    /// # Errors
    ///
    /// Every [`ProducerConfigError`]; `NoRuntime` if no thread or no runtime could be started.
    pub fn build_blocking(
        self,
        client: impl StreamClient,
    ) -> Result<BlockingProducer, ProducerConfigError> {
        let config = self.config()?;
        let (sender, receiver) = mpsc::sync_channel(1);
        // The runtime is built, and dropped, on the thread: where a runtime must not be dropped, as
        // inside another one, the caller may well be.
        let run = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else {
                return;
            };
            let (producer, run) = Producer::prepare(config, client, runtime.handle().id());
            let producer = BlockingProducer {
                producer,
                runtime: runtime.handle().id(),
            };
            if sender.send(producer).is_ok() {
                runtime.block_on(run);
            }
        };
        let span = tracing::Span::current();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let run = move || tracing::dispatcher::with_default(&dispatch, || span.in_scope(run));
        thread::Builder::new()
            .name("kinesis-producer".to_owned())
            .spawn(run)
            .map_err(|_| ProducerConfigError::NoRuntime)?;
        receiver.recv().map_err(|_| ProducerConfigError::NoRuntime)
    }
}

impl BlockingProducer {
    /// As [`Producer::put`]: waits for room.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`]; the record comes back. `NoRoom` only on the thread that the producer
    /// runs on, where waiting for room would wait for ever.
    pub fn put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.put_until(record, None)
    }

    /// As [`put`](Self::put), but waits no longer than this.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`]; the record comes back. `NoRoom` if there was none in time.
    pub fn put_within(&self, record: UserRecord, limit: Duration) -> Result<Delivery, PutError> {
        self.put_until(record, Instant::now().checked_add(limit))
    }

    fn put_until(&self, record: UserRecord, end: Option<Instant>) -> Result<Delivery, PutError> {
        let record = match self.producer.try_put(record) {
            Err(error) if error.kind() == PutErrorKind::NoRoom => error.into_record(),
            tried => return tried,
        };
        // To be given back if the time is up: the future has the other one. Both share the data.
        let back = record.clone();
        let put = block_on(self.producer.put(record), self.runtime, end);
        put.unwrap_or_else(|_| Err(PutError::new(back, PutErrorKind::NoRoom)))
    }

    /// As [`Producer::try_put`].
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`]; the record comes back.
    pub fn try_put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.producer.try_put(record)
    }

    /// As [`Producer::flush`].
    ///
    /// # Errors
    ///
    /// Every [`WaitError`] but `TimedOut`.
    pub fn flush(&self) -> Result<(), WaitError> {
        Ok(block_on(self.producer.flush(), self.runtime, None)??)
    }

    /// As [`flush`](Self::flush), but waits no longer than this; the records are sent all the same.
    ///
    /// # Errors
    ///
    /// Every [`WaitError`].
    pub fn flush_within(&self, limit: Duration) -> Result<(), WaitError> {
        let end = Instant::now().checked_add(limit);
        Ok(block_on(self.producer.flush(), self.runtime, end)??)
    }

    /// As [`Producer::close`], which says how long that may take.
    ///
    /// # Errors
    ///
    /// Every [`WaitError`] but `TimedOut`.
    pub fn close(&self) -> Result<(), WaitError> {
        Ok(block_on(self.producer.close(), self.runtime, None)??)
    }

    /// As [`Producer::close_within`]: returns what was not resolved in time.
    ///
    /// # Errors
    ///
    /// Every [`WaitError`] but `TimedOut`.
    pub fn close_within(&self, limit: Duration) -> Result<Vec<DeliveryError>, WaitError> {
        let shared = self.producer.shared();
        shared.close();
        let end = Instant::now().checked_add(limit);
        match block_on(shared.ended(), self.runtime, end) {
            Err(WaitError::TimedOut) => {}
            Ok(true) => return Ok(Vec::new()),
            Ok(false) => return Err(WaitError::Aborted),
            Err(error) => return Err(error),
        }
        let given_up = block_on(shared.give_up(), self.runtime, None)?;
        given_up.ok_or(WaitError::Aborted)
    }

    /// Returns the same producer for async code, or to be
    /// [shared with](ProducerBuilder::sharing).
    pub fn as_async(&self) -> &Producer {
        &self.producer
    }

    /// As [`Producer::pending`].
    pub fn pending(&self) -> u64 {
        self.producer.pending()
    }

    /// As [`Producer::metrics`].
    pub fn metrics(&self) -> Metrics {
        self.producer.metrics()
    }
}

impl Delivery {
    /// Waits for the outcome without async.
    ///
    /// # Errors
    ///
    /// Every [`WaitError`] but `TimedOut` and `Aborted`; the outcome is not lost by it. The outcome
    /// itself may be a [`DeliveryError`].
    pub fn wait(&mut self) -> Result<Outcome, WaitError> {
        let runtime = self.runtime();
        block_on(self, runtime, None)
    }

    /// As [`wait`](Self::wait), but no longer than this.
    ///
    /// # Errors
    ///
    /// Every [`WaitError`] but `Aborted`; the outcome is not lost by it.
    pub fn wait_within(&mut self, limit: Duration) -> Result<Outcome, WaitError> {
        let runtime = self.runtime();
        block_on(self, runtime, Instant::now().checked_add(limit))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for what the producer on this runtime is to bring about, for ever without an `end`.
///
/// Works inside another runtime too, where tokio's own refuses. Without a task's budget: inside one,
/// it would run out and never come back.
fn block_on<T>(
    future: impl Future<Output = T>,
    runtime: runtime::Id,
    end: Option<Instant>,
) -> Result<T, WaitError> {
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        if holds_up(runtime) {
            return Err(WaitError::OnItsRuntime);
        }
        match end.map(|end| end.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return Err(WaitError::TimedOut),
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// Whether this thread is one of those that run the tasks of this runtime. One that it keeps for
/// blocking is not.
fn holds_up(runtime: runtime::Id) -> bool {
    let here = runtime::Handle::try_current();
    here.is_ok_and(|here| here.id() == runtime) && runtime::worker_index().is_some()
}
