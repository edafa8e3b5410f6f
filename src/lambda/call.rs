//! Calls handlers, catches their panics and stops them at the deadline. A panic is a failure of one
//! user record, not of the batch (with `panic = "abort"` it cannot be caught).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use futures_timer::Delay;

use super::error::{Error, FailureReason};

/// Why a handler did not do its user records.
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

/// The result of calling a handler.
pub(super) type Called<T> = Result<T, Broken>;

/// Calls a handler.
pub(super) fn call<T, E: Into<Error>>(f: impl FnOnce() -> Result<T, E>) -> Called<T> {
    catch(|| f().map_err(Into::into))?.map_err(Broken::Error)
}

/// Calls a handler and awaits the future that it returns.
pub(super) async fn call_async<T, E: Into<Error>, F>(f: impl FnOnce() -> F) -> Called<T>
where
    F: Future<Output = Result<T, E>>,
{
    let output = catch_async(f).await?;
    output.map_err(|error| Broken::Error(error.into()))
}

/// [`call_async`], stopped when the alarm rings.
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
/// Asserts unwind safety: a handler that panicked may be called again while its own state is half
/// changed, as after an error. Handlers must cope with that.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Called<T> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| Broken::Panicked)
}

/// Calls `f` and awaits the future that it returns.
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
    /// The clock; tests have their own.
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

    /// An alarm for it. It needs no async runtime: `futures-timer` has its own thread.
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
    /// Returns the future's output, or drops the future and returns `None` if the alarm rings first.
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
