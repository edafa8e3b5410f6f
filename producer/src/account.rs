//! The account of what is held: each user record in it once, until it is resolved.

use super::item::{Item, Pending};
use super::outcome::{Delivered, DeliveryError, FailureKind, Outcome, Time, Undelivered};
use super::pipeline::Pipeline;
use super::settings::RECORD_OVERHEAD;
use kinesis_aggregation::UserRecord;

pub(super) struct Flush {
    id: u64,
    /// For those accepted before this one.
    before: u64,
    left: usize,
}

impl<T> Pipeline<T> {
    /// Sends all that was put so far as soon as it may be; `id` comes back from
    /// [`take_flushed`](Self::take_flushed) when it is resolved.
    pub fn flush(&mut self, now: Time, id: u64) {
        self.hurry(now);
        if self.pending == 0 {
            self.flushed.push(id);
            return;
        }
        self.flushes.push(Flush {
            id,
            before: self.next_seq,
            left: self.pending,
        });
    }

    /// What was resolved.
    pub fn take_finished(&mut self) -> Vec<(T, Outcome)> {
        std::mem::take(&mut self.finished)
    }

    /// The room that the resolved ones took, in bytes, since the last call.
    pub fn take_freed_bytes(&mut self) -> usize {
        std::mem::take(&mut self.freed_bytes)
    }

    /// The flushes that are done.
    pub fn take_flushed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.flushed)
    }

    /// How many user records are not resolved.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Resolves everything as aborted.
    pub fn abort(&mut self) {
        for items in std::mem::take(&mut self.in_flight).into_values() {
            for pending in items.into_iter().flat_map(Item::into_members) {
                self.fail(pending, FailureKind::Aborted, true);
            }
        }
        for held in std::mem::take(&mut self.held) {
            for (_, pending) in held.members {
                self.fail(pending, FailureKind::Aborted, true);
            }
        }
        for pending in self.take_unsent() {
            self.fail(pending, FailureKind::Aborted, false);
        }
    }

    pub(super) fn fail(&mut self, pending: Pending<T>, kind: FailureKind, maybe_stored: bool) {
        let settings = &self.config.settings;
        if settings.ordered
            && settings.fail_later_in_order
            && kind != FailureKind::EarlierFailed
            && let Some(hash_key) = pending.hash_key
        {
            self.failed.push((hash_key, pending.seq));
        }
        self.metrics.failed(&pending);
        self.freed(&pending);
        let error = DeliveryError {
            kind,
            rest: Box::new(Undelivered {
                record: Some(pending.record),
                maybe_stored: pending.maybe_stored || maybe_stored,
                accepted: pending.accepted,
                attempts: pending.attempts,
            }),
        };
        self.finished.push((pending.ticket, Err(error)));
    }

    pub(super) fn succeed(&mut self, pending: Pending<T>, delivered: Delivered) {
        self.metrics.delivered(&pending, &delivered);
        self.freed(&pending);
        self.finished.push((pending.ticket, Ok(delivered)));
    }

    fn freed(&mut self, pending: &Pending<T>) {
        self.pending -= 1;
        self.freed_bytes += room(&pending.record);
        if self.flushes.is_empty() {
            return;
        }
        for flush in &mut self.flushes {
            if pending.seq < flush.before {
                flush.left -= 1;
            }
        }
        let done = self.flushes.iter().filter(|flush| flush.left == 0);
        self.flushed.extend(done.map(|flush| flush.id));
        self.flushes.retain(|flush| flush.left > 0);
    }

    /// The user records in every place where one may be, and the room that they take: counted, so
    /// that tests can check the account.
    #[doc(hidden)]
    pub fn count_held(&self) -> (usize, usize) {
        let in_flight = self.in_flight.values().flatten();
        let items = self.lanes.items().chain(self.collector.items());
        let mut held = Vec::new();
        for item in items.chain(in_flight) {
            item.each(|pending| held.push(room(&pending.record)));
        }
        let members = self.held.iter().flat_map(|held| &held.members);
        let apart = members.map(|(_, pending)| pending);
        let apart = apart.chain(&self.waiting).chain(&self.returned);
        held.extend(apart.map(|pending| room(&pending.record)));
        (held.len(), held.into_iter().sum())
    }

    /// How many lanes there are, empty ones too.
    #[doc(hidden)]
    pub fn count_lanes(&self) -> usize {
        self.lanes.queues.len()
    }
}

/// The room that a user record takes, in bytes.
pub(super) fn room(record: &UserRecord) -> usize {
    record.data().len() + record.partition_key().map_or(0, str::len) + RECORD_OVERHEAD
}
