//! Room for user records under way, in bytes and in records. Callers that wait for it are served in the
//! order in which they came.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore, SemaphorePermit};

/// Two bounds that are taken together. Producers may share one.
#[derive(Debug)]
pub(super) struct Room {
    bytes: Semaphore,
    records: Semaphore,
    /// Held by the caller that is waiting for both. Two semaphores alone keep no order: when the first lets
    /// two callers through, either may reach the second one first.
    turn: Mutex<()>,
    /// How many callers wait. While there are any, nobody takes room without waiting too.
    waiting: AtomicUsize,
    /// Notified when the caller whose turn it is finds too little room.
    lack: Notify,
}

/// Room that is given back when this is dropped, unless it is [kept](Self::keep).
pub(super) struct Taken<'a> {
    bytes: SemaphorePermit<'a>,
    record: SemaphorePermit<'a>,
    /// Released, for the next caller, once the room is used or given back.
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Taken<'_> {
    /// Keeps the room until [`Room::free`].
    pub(super) fn keep(self) {
        self.bytes.forget();
        self.record.forget();
    }
}

/// Counts one waiting caller for as long as this lives.
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

    /// Takes room for one record of so many bytes, if there is enough and nobody waits for it.
    pub(super) fn try_take(&self, bytes: u32) -> Option<Taken<'_>> {
        if self.waiting.load(Ordering::SeqCst) > 0 {
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

    /// Takes room for one record of so many bytes as soon as there is enough. It never returns `None`: the
    /// semaphores are never closed. Dropping the future gives up the place in the queue.
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

    /// Waits for room, and notifies `lack` if there is too little. By then this caller is in the queue, so that
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

    /// Returns whether a caller waits because there is too little room. A semaphore gives what is freed to the
    /// caller whose turn it is, even if that is only a part of what it wants. So while a semaphore has any left,
    /// that caller has all it wants of it, even if it has not run since.
    pub(super) fn is_lacking(&self) -> bool {
        let is_none_left = |room: &Semaphore| room.available_permits() == 0;
        self.waiting.load(Ordering::SeqCst) > 0
            && (is_none_left(&self.records) || is_none_left(&self.bytes))
    }

    /// Resolves when a caller finds too little room after this call.
    pub(super) fn lacking(&self) -> Notified<'_> {
        self.lack.notified()
    }
}
