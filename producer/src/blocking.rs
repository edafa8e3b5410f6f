//! The producer for code without async.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::client::StreamClient;
use super::config::ProducerBuilder;
use super::intake::Shared;
use super::metrics::Metrics;
use super::outcome::{Outcome, PutError};
use super::settings::ProducerConfigError;
use super::task::Task;
use super::{AbortedError, Delivery, Producer};
use kinesis_aggregation::UserRecord;

/// A [`Producer`] that blocks instead of being awaited. It runs on a thread of its own, so it
/// works anywhere; inside a runtime, its methods hold up the thread they are called on.
///
/// Cheap to clone, like a `Producer`. When the last handle is dropped, what was put is still
/// sent, but nothing keeps the process alive for it: call [`close`](Self::close).
#[derive(Clone, Debug)]
pub struct BlockingProducer {
    producer: Producer,
}

impl ProducerBuilder {
    /// Builds a producer for code without async. The client's futures run on its own thread, in
    /// a tokio runtime.
    ///
    /// # Errors
    ///
    /// Every [`ProducerConfigError`]; `NoRuntime` if the thread or its runtime cannot be had.
    pub fn build_blocking(
        self,
        client: impl StreamClient,
    ) -> Result<BlockingProducer, ProducerConfigError> {
        let config = self.config()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| ProducerConfigError::NoRuntime)?;
        let shared = Arc::new(Shared::new(config));
        let task = Task::new(client, Arc::clone(&shared));
        thread::Builder::new()
            .name("kinesis-producer".to_owned())
            .spawn(move || runtime.block_on(task.run()))
            .map_err(|_| ProducerConfigError::NoRuntime)?;
        Ok(BlockingProducer {
            producer: Producer::new(shared),
        })
    }
}

impl BlockingProducer {
    /// As [`Producer::put`]: waits for room.
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`](super::PutErrorKind) but `NoRoom`; the record comes back.
    pub fn put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        block_on(self.producer.put(record))
    }

    /// As [`Producer::try_put`].
    ///
    /// # Errors
    ///
    /// Every [`PutErrorKind`](super::PutErrorKind); the record comes back.
    pub fn try_put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        self.producer.try_put(record)
    }

    /// As [`Producer::flush`].
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    pub fn flush(&self) -> Result<(), AbortedError> {
        block_on(self.producer.flush())
    }

    /// As [`Producer::close`].
    ///
    /// # Errors
    ///
    /// [`AbortedError`].
    pub fn close(&self) -> Result<(), AbortedError> {
        block_on(self.producer.close())
    }

    /// As [`Producer::metrics`].
    pub fn metrics(&self) -> Metrics {
        self.producer.metrics()
    }
}

impl Delivery {
    /// Waits for the outcome without async. Inside a runtime, this holds up the thread.
    ///
    /// # Errors
    ///
    /// The user record was not delivered.
    pub fn wait(self) -> Outcome {
        block_on(self)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Works inside a runtime too, where tokio's own refuses. Without a task's budget: inside one,
/// it would run out and never come back.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
