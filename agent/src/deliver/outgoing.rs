//! What goes from a flow's files to its destination, and what comes back.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// Which record of which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) file: u64,
    pub(crate) serial: u64,
}

/// A record on its way.
pub(crate) struct Outgoing {
    pub(crate) ticket: Ticket,
    pub(crate) data: Bytes,
}

/// What a flow has done since it started.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent_records: AtomicU64,
    sent_bytes: AtomicU64,
    failed_attempts: AtomicU64,
    skipped: AtomicU64,
    refused: AtomicU64,
}

impl Traffic {
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_records.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed_attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// A record that a converter leaves out; how many before it.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// For the status line.
    pub(crate) fn summary(&self) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{} records ({} bytes) sent, {} attempts failed, {} records skipped, {} refused",
            get(&self.sent_records),
            get(&self.sent_bytes),
            get(&self.failed_attempts),
            get(&self.skipped),
            get(&self.refused),
        )
    }
}
