//! Stopping in time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::SystemTime;

use futures_timer::Delay;

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
        Alarm(Some(Delay::new(left.unwrap_or_default())))
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
