//! The limits that producers may share: room for user records, and connections.

use std::sync::Arc;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::room::Room;

#[derive(Debug)]
pub(super) struct Limits {
    pub(super) max_pending_bytes: usize,
    pub(super) max_pending_records: usize,
    pub(super) max_connections: usize,
    pub(super) room: Room,
    connections: Arc<Semaphore>,
    freed: Arc<Notify>,
}

/// A connection in use. Dropping it wakes the producers that wait for one.
pub(super) struct Connection {
    permit: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.freed.notify_waiters();
    }
}

impl Limits {
    pub(super) fn new(
        max_pending_bytes: usize,
        max_pending_records: usize,
        max_connections: usize,
    ) -> Self {
        let connections = max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            max_pending_bytes,
            max_pending_records,
            max_connections,
            room: Room::new(max_pending_bytes, max_pending_records),
            connections: Arc::new(Semaphore::new(connections)),
            freed: Arc::default(),
        }
    }

    /// How many connections are free right now.
    pub(super) fn free_connections(&self) -> usize {
        self.connections.available_permits()
    }

    /// Takes a connection. Between [`free_connections`](Self::free_connections) and this another
    /// producer may have taken the last one: then as soon as there is one.
    pub(super) fn connection(&self) -> impl Future<Output = Connection> + Send + use<> {
        let connections = Arc::clone(&self.connections);
        let freed = Arc::clone(&self.freed);
        async move {
            // Nobody closes it.
            let permit = connections.acquire_owned().await.ok();
            Connection { permit, freed }
        }
    }

    /// Resolves when a connection comes free after this call.
    pub(super) fn connection_freed(&self) -> Notified<'_> {
        self.freed.notified()
    }
}
