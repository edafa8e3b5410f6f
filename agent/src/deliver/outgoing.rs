//! Records on their way from a flow's files to its destination, and counts of them.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use kinesis_aggregation::ByteString;

/// Identifies a record: its file, and its number in the order in which the file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordId {
    pub(crate) file: u64,
    pub(crate) serial: u64,
}

/// A record on its way.
pub(crate) struct Outgoing {
    pub(crate) id: RecordId,
    pub(crate) data: Bytes,
    /// Its partition key, at most 256 characters. The producer makes up a random one if there is none.
    pub(crate) key: Option<ByteString>,
}

/// Counts of what a flow has done since it started.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent_records: AtomicU64,
    sent_bytes: AtomicU64,
    failed_attempts: AtomicU64,
    skipped: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
}

impl Traffic {
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_records.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed_attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a record that a converter leaves out. Returns how many there were before.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a file of which a part was lost before it was read.
    pub(crate) fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a record was refused, or a part of a file lost.
    pub(crate) fn has_losses(&self) -> bool {
        self.refused.load(Ordering::Relaxed) > 0 || self.lost.load(Ordering::Relaxed) > 0
    }

    /// For the status line.
    pub(crate) fn summary(&self) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{} records ({} bytes) sent, {} attempts failed, {} records skipped, {} refused, {} files lost in part",
            get(&self.sent_records),
            get(&self.sent_bytes),
            get(&self.failed_attempts),
            get(&self.skipped),
            get(&self.refused),
            get(&self.lost),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_or_lost_is_a_loss_and_what_is_skipped_or_tried_again_is_not() {
        let traffic = Traffic::default();
        traffic.sent(1);
        traffic.failed();
        traffic.skipped();
        assert!(!traffic.has_losses());
        for lose in [Traffic::refused, Traffic::lost] {
            let traffic = Traffic::default();
            lose(&traffic);
            assert!(traffic.has_losses());
        }
    }

    #[test]
    fn the_summary_counts_each_kind() {
        let traffic = Traffic::default();
        traffic.sent(100);
        traffic.sent(20);
        for _ in 0..3 {
            traffic.failed();
        }
        let skipped = [(); 4].map(|()| traffic.skipped());
        assert_eq!(skipped, [0, 1, 2, 3]);
        for _ in 0..5 {
            traffic.refused();
        }
        traffic.lost();
        assert_eq!(
            traffic.summary(),
            "2 records (120 bytes) sent, 3 attempts failed, 4 records skipped, 5 refused, 1 files lost in part"
        );
    }
}
