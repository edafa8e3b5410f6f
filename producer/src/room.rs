//! Room for user records under way, in bytes and in records. Waiters get it in the order in which they
//! came.

use std::sync::atomic::{AtomicUsize, Ordering};

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
    wanted: Notify,
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

/// One that waits, as long as this lives.
struct Waiter<'a>(&'a Room);

impl<'a> Waiter<'a> {
    fn new(room: &'a Room) -> Self {
        // While another waits already, the task knows that room is wanted.
        if room.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            room.wanted.notify_waiters();
        }
        Self(room)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Room {
    pub(super) fn new(bytes: usize, records: usize) -> Self {
        Self {
            bytes: Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)),
            records: Semaphore::new(records.min(Semaphore::MAX_PERMITS)),
            turn: Mutex::new(()),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
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
        let _waiter = Waiter::new(self);
        let turn = self.turn.lock().await;
        let record = self.records.acquire().await.ok()?;
        let bytes = self.bytes.acquire_many(bytes).await.ok()?;
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

    /// Whether anyone waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Resolves when, after this call, someone begins to wait and nobody waited before.
    pub(super) fn wanted(&self) -> Notified<'_> {
        self.wanted.notified()
    }
}
