//! Calls of handlers. A panic in one is a failure, and not a lost batch; with `panic = "abort"` there
//! is nothing to catch.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::deadline::Alarm;
use super::error::Error;

/// What was called panicked.
pub(super) struct Panicked;

/// A handler that returned nothing.
pub(super) enum Broken {
    Panicked,
    /// The deadline came first.
    OutOfTime,
}

impl From<Panicked> for Broken {
    fn from(_: Panicked) -> Self {
        Self::Panicked
    }
}

/// How the call of a handler ended.
pub(super) type Called<T> = Result<Result<T, Error>, Broken>;

/// Calls a handler.
pub(super) fn call<T, E: Into<Error>>(f: impl FnOnce() -> Result<T, E>) -> Called<T> {
    Ok(catch(|| f().map_err(Into::into))?)
}

/// Calls a handler and polls the future that it returns.
pub(super) async fn call_async<T, E: Into<Error>, F>(f: impl FnOnce() -> F) -> Called<T>
where
    F: Future<Output = Result<T, E>>,
{
    let output = catch_async(f).await?;
    Ok(output.map_err(Into::into))
}

/// [`call_async`], broken off when the alarm rings.
pub(super) async fn call_in_time<T, E: Into<Error>, F>(
    alarm: &mut Alarm,
    f: impl FnOnce() -> F,
) -> Called<T>
where
    F: Future<Output = Result<T, E>>,
{
    let called = alarm.race(call_async(f)).await;
    called.unwrap_or(Err(Broken::OutOfTime))
}

/// Calls `f`.
///
/// Unwind safety is asserted: after a panic a handler may be called again with what it left half
/// done, as it may be after an error. That is the handler's own business.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| Panicked)
}

/// Calls `f` and polls the future that it returns.
pub(super) async fn catch_async<F: Future>(f: impl FnOnce() -> F) -> Result<F::Output, Panicked> {
    let mut future = pin!(catch(f)?);
    poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        // It is not polled again.
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}
