//! Room for user records under way, in bytes and in records. Waiters get it in the order in which they
//! came.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore, SemaphorePermit};

/// Two bounds that are taken together. Producers may share one.
pub(super) struct Room {
    bytes: Semaphore,
    records: Semaphore,
    /// Held by the waiter whose turn it is to wait for both. Two semaphores alone keep no order: of
    /// two waiters that the first one lets through, either may come first to the second one.
    turn: Mutex<()>,
    /// How many wait. While any does, nobody takes room without waiting too.
    waiting: AtomicUsize,
    /// Told when the waiter whose turn it is finds too little.
    lack: Notify,
}

/// Room that goes back when this is dropped, unless it is [kept](Self::keep).
pub(super) struct Taken<'a> {
    bytes: SemaphorePermit<'a>,
    record: SemaphorePermit<'a>,
    /// The next one's turn comes when this one has used what it got.
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Taken<'_> {
    /// Keeps it until [`Room::free`].
    pub(super) fn keep(self) {
        self.bytes.forget();
        self.record.forget();
    }
}

/// Counts one that waits, as long as this lives.
pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    pub(super) fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Room {
    pub(super) fn new(bytes: usize, records: usize) -> Self {
        Self {
            bytes: Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)),
            records: Semaphore::new(records.min(Semaphore::MAX_PERMITS)),
            turn: Mutex::new(()),
            waiting: AtomicUsize::new(0),
            lack: Notify::new(),
        }
    }

    /// Takes room for one record of so many bytes, if there is any that nobody waits for.
    pub(super) fn try_take(&self, bytes: u32) -> Option<Taken<'_>> {
        if self.is_wanted() {
            return None;
        }
        let record = self.records.try_acquire().ok()?;
        let bytes = self.bytes.try_acquire_many(bytes).ok()?;
        Some(Taken {
            bytes,
            record,
            _turn: None,
        })
    }

    /// Takes room for one record of so many bytes as soon as there is any; `None` never happens,
    /// as nobody closes it. Dropping the future gives up the place in the queue.
    pub(super) async fn take(&self, bytes: u32) -> Option<Taken<'_>> {
        let _waiting = Waiting::new(&self.waiting);
        let turn = self.turn.lock().await;
        let record = self.when_there(self.records.acquire()).await.ok()?;
        let bytes = self.when_there(self.bytes.acquire_many(bytes)).await;
        let bytes = bytes.ok()?;
        Some(Taken {
            bytes,
            record,
            _turn: Some(turn),
        })
    }

    pub(super) fn free(&self, records: usize, bytes: usize) {
        self.bytes.add_permits(bytes);
        self.records.add_permits(records);
    }

    /// Waits for room, and tells if there is too little. It is in the queue then, so that
    /// [`is_lacking`](Self::is_lacking) is true.
    async fn when_there<T>(&self, room: impl Future<Output = T>) -> T {
        let mut room = pin!(room);
        let poll = |context: &mut Context<'_>| {
            let polled = room.as_mut().poll(context);
            if polled.is_pending() {
                self.lack.notify_waiters();
            }
            polled
        };
        poll_fn(poll).await
    }

    /// Whether anyone waits.
    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether anyone waits for what is not there. The semaphores give what comes free to the waiter
    /// whose turn it is, be it only a part of what it wants: where any is left, it has all of that, but
    /// may not have run since.
    pub(super) fn is_lacking(&self) -> bool {
        let is_none_left = |room: &Semaphore| room.available_permits() == 0;
        self.is_wanted() && (is_none_left(&self.records) || is_none_left(&self.bytes))
    }

    /// Resolves when, after this call, someone finds too little room.
    pub(super) fn lacking(&self) -> Notified<'_> {
        self.lack.notified()
    }
}
