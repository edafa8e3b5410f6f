//! The way of an outcome from the task to the caller that put the user record.
//!
//! Like a channel for one value, but that one allocation serves several user records in a row:
//! what is allocated by one thread and freed by another costs more than all else that is done
//! for a user record.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::runtime;

use super::lock::lock;
use super::outcome::{DeliveryError, Outcome};

/// A delivery that is kept keeps so many cells.
const CELLS: usize = 16;

/// Where one outcome is handed over.
#[derive(Default)]
enum Cell {
    #[default]
    Empty,
    Awaited(Waker),
    Resolved(Outcome),
    /// It was taken, or nobody wants it.
    Done,
}

struct Cells {
    cells: [Mutex<Cell>; CELLS],
    /// Where the producer runs.
    runtime: runtime::Id,
}

impl Cells {
    fn new(runtime: runtime::Id) -> Arc<Self> {
        Arc::new(Self {
            cells: Default::default(),
            runtime,
        })
    }

    fn lock(&self, at: u8) -> MutexGuard<'_, Cell> {
        lock(&self.cells[usize::from(at) % CELLS])
    }
}

/// Makes tickets, each with its delivery.
pub(super) struct Tickets {
    cells: Arc<Cells>,
    used: u8,
}

impl Tickets {
    /// For a producer that runs on this runtime.
    pub(super) fn new(runtime: runtime::Id) -> Self {
        Self {
            cells: Cells::new(runtime),
            used: 0,
        }
    }

    pub(super) fn next(&mut self) -> (Ticket, Delivery) {
        if usize::from(self.used) == CELLS {
            *self = Self::new(self.cells.runtime);
        }
        let at = self.used;
        self.used += 1;
        let ticket = Ticket {
            cells: Arc::clone(&self.cells),
            at,
            sent: false,
        };
        let delivery = Delivery {
            cells: Arc::clone(&self.cells),
            at,
            done: false,
        };
        (ticket, delivery)
    }
}

/// The task's end of a [`Delivery`]. One that is dropped resolves as aborted.
pub(super) struct Ticket {
    cells: Arc<Cells>,
    at: u8,
    sent: bool,
}

impl Ticket {
    pub(super) fn send(mut self, outcome: Outcome) {
        self.resolve(outcome);
    }

    fn resolve(&mut self, outcome: Outcome) {
        self.sent = true;
        let mut cell = self.cells.lock(self.at);
        // An outcome that nobody wants is dropped, and the waiter woken, without the lock.
        let before = match *cell {
            Cell::Done => Cell::Resolved(outcome),
            _ => mem::replace(&mut *cell, Cell::Resolved(outcome)),
        };
        drop(cell);
        if let Cell::Awaited(waker) = before {
            waker.wake();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.sent {
            self.resolve(Err(DeliveryError::aborted()));
        }
    }
}

/// Resolves to what became of a user record that was put: a future, or to be
/// [waited for](Self::wait). Dropping it changes nothing for the record, but then nobody hears of a
/// failure: give the builder an
/// [`on_outcome`](super::ProducerBuilder::on_outcome) if you keep none.
///
/// Do not await each one before the next put: then every record waits for company that never
/// comes, and ten go through a second. Keep them, `flush`, and await them then.
///
/// # Errors
///
/// [`DeliveryError`], with the record and the reason.
#[must_use = "the record may fail: await it, or set `on_outcome` and drop it"]
pub struct Delivery {
    cells: Arc<Cells>,
    at: u8,
    done: bool,
}

impl Future for Delivery {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut cell = self.cells.lock(self.at);
        match mem::take(&mut *cell) {
            Cell::Resolved(outcome) => {
                *cell = Cell::Done;
                drop(cell);
                self.done = true;
                Poll::Ready(outcome)
            }
            Cell::Done => {
                *cell = Cell::Done;
                // A future must not be polled again; if it is, there is no more to tell.
                Poll::Ready(Err(DeliveryError::aborted()))
            }
            Cell::Awaited(waker) if waker.will_wake(context.waker()) => {
                *cell = Cell::Awaited(waker);
                Poll::Pending
            }
            Cell::Empty | Cell::Awaited(_) => {
                *cell = Cell::Awaited(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Delivery {
    /// Returns the outcome if it is there; never blocks. Once it was returned, there is no other:
    /// a later call returns an [`Aborted`](super::FailureKind::Aborted) without a record.
    pub fn try_wait(&mut self) -> Option<Outcome> {
        match Pin::new(self).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Where the producer runs.
    pub(super) fn runtime(&self) -> runtime::Id {
        self.cells.runtime
    }
}

/// An outcome may hold a record.
impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.done {
            let unwanted = mem::replace(&mut *self.cells.lock(self.at), Cell::Done);
            drop(unwanted);
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use kinesis_aggregation::UserRecord;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tickets() -> Tickets {
        let runtime = runtime::Builder::new_current_thread().build();
        Tickets::new(runtime.expect("a runtime").handle().id())
    }

    fn failed(data: &str) -> Outcome {
        let record = UserRecord::new("key", data.to_owned());
        Err(DeliveryError::not_sent(record))
    }

    fn data(outcome: Poll<Outcome>) -> Option<Vec<u8>> {
        let Poll::Ready(Err(error)) = outcome else {
            return None;
        };
        Some(error.into_record()?.data().to_vec())
    }

    #[test]
    fn every_delivery_gets_its_own_outcome_and_wakes_the_last_who_asked() {
        let mut tickets = tickets();
        let pairs: Vec<_> = (0..3 * CELLS).map(|_| tickets.next()).collect();
        let wakes: Vec<_> = (0..2)
            .map(|_| Arc::new(Count(AtomicUsize::new(0))))
            .collect();
        let wakers: Vec<_> = wakes.iter().cloned().map(Waker::from).collect();
        let mut deliveries = Vec::new();
        for (number, (ticket, mut delivery)) in pairs.into_iter().enumerate() {
            for waker in &wakers {
                let polled = Pin::new(&mut delivery).poll(&mut Context::from_waker(waker));
                assert!(polled.is_pending());
            }
            ticket.send(failed(&number.to_string()));
            deliveries.push(delivery);
        }
        let woken: Vec<_> = wakes
            .iter()
            .map(|wake| wake.0.load(Ordering::Relaxed))
            .collect();
        assert_eq!(woken, [0, 3 * CELLS]);
        let mut context = Context::from_waker(Waker::noop());
        for (number, delivery) in deliveries.iter_mut().enumerate() {
            let outcome = Pin::new(&mut *delivery).poll(&mut context);
            assert_eq!(data(outcome), Some(number.to_string().into_bytes()));
            let again = Pin::new(delivery).poll(&mut context);
            assert!(again.is_ready() && data(again).is_none());
        }
    }

    #[test]
    fn a_ticket_that_is_dropped_resolves_and_an_unwanted_outcome_is_not_kept() {
        let mut tickets = tickets();
        let (ticket, mut delivery) = tickets.next();
        drop(ticket);
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut delivery).poll(&mut context).is_ready());
        for send_first in [false, true] {
            let (ticket, delivery) = tickets.next();
            let data = bytes::Bytes::from(vec![1; 100]);
            let record = UserRecord::new("key", data.clone());
            let outcome = Err(DeliveryError::not_sent(record));
            if send_first {
                ticket.send(outcome);
                drop(delivery);
            } else {
                drop(delivery);
                ticket.send(outcome);
            }
            assert!(data.is_unique());
        }
    }
}
