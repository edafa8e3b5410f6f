//! Calls of handlers, and the deadline for them. A panic in one is a failure, and not a lost batch;
//! with `panic = "abort"` there is nothing to catch.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use futures_timer::Delay;

use super::error::{Error, FailureReason};

/// Why a handler has not done its user records.
pub(super) enum Broken {
    Error(Error),
    Panicked,
    /// The deadline came first.
    OutOfTime,
}

impl Broken {
    pub(super) fn reason(&self) -> FailureReason<'_> {
        match self {
            Self::Error(error) => FailureReason::Handler(error),
            Self::Panicked => FailureReason::Panicked,
            Self::OutOfTime => FailureReason::Deadline,
        }
    }
}

/// How the call of a handler ended.
pub(super) type Called<T> = Result<T, Broken>;

/// Calls a handler.
pub(super) fn call<T, E: Into<Error>>(f: impl FnOnce() -> Result<T, E>) -> Called<T> {
    catch(|| f().map_err(Into::into))?.map_err(Broken::Error)
}

/// Calls a handler and polls the future that it returns.
pub(super) async fn call_async<T, E: Into<Error>, F>(f: impl FnOnce() -> F) -> Called<T>
where
    F: Future<Output = Result<T, E>>,
{
    let output = catch_async(f).await?;
    output.map_err(|error| Broken::Error(error.into()))
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
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Called<T> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| Broken::Panicked)
}

/// Calls `f` and polls the future that it returns.
pub(super) async fn catch_async<F: Future>(f: impl FnOnce() -> F) -> Called<F::Output> {
    let mut future = pin!(catch(f)?);
    poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        // It is not polled again.
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: SystemTime,
    /// The clock, which tests replace.
    pub(super) now: fn() -> SystemTime,
}

impl Deadline {
    /// `None` if it has passed already: see [`until`](super::EventUserRecords::until).
    pub(super) fn new(at: SystemTime) -> Option<Self> {
        let now = SystemTime::now;
        let deadline = Self { at, now };
        (!deadline.has_passed()).then_some(deadline)
    }

    pub(super) fn has_passed(self) -> bool {
        (self.now)() >= self.at
    }

    /// An alarm for it, which needs no runtime: `futures-timer` has a thread of its own.
    pub(super) fn alarm(self) -> Alarm {
        let left = self.at.duration_since((self.now)());
        let left = left.unwrap_or_default();
        // No clock reaches some deadlines, and a delay until then would panic.
        let rings = Instant::now().checked_add(left).is_some();
        Alarm(rings.then(|| Delay::new(left)))
    }
}

/// Rings at the deadline, if there is one.
#[derive(Default)]
pub(super) struct Alarm(Option<Delay>);

impl Alarm {
    /// The future's output; `None` if the alarm rings first, and the future is dropped.
    pub(super) async fn race<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(
            |context| match (future.as_mut().poll(context), &mut self.0) {
                (Poll::Ready(output), _) => Poll::Ready(Some(output)),
                (Poll::Pending, None) => Poll::Pending,
                (Poll::Pending, Some(delay)) => Pin::new(delay).poll(context).map(|()| None),
            },
        )
        .await
    }
}
