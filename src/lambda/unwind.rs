//! Panics of handlers, caught: a failure, and not a lost batch. With `panic = "abort"` there is
//! nothing to catch.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::error::Error;

/// A handler panicked.
pub(super) struct Panicked;

/// What a call of a handler came to.
pub(super) type Called = Result<Result<(), Error>, Panicked>;

/// Calls `f`. It is not called again after a panic in the same event where it could see what it
/// left half done, or it is the handler's own business, as with any error.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| Panicked)
}

/// Calls `f` and polls what it returns.
pub(super) async fn catch_async<F: Future>(f: impl FnOnce() -> F) -> Result<F::Output, Panicked> {
    let mut future = pin!(catch(f)?);
    poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        // It is not polled again.
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}
