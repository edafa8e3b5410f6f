//! What expires.

use std::time::Duration;

use super::item::Pending;
use super::outcome::{FailureKind, Time};
use super::pipeline::{Pipeline, random_key};

const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_INTERVAL: Duration = Duration::from_millis(250);

impl<T> Pipeline<T> {
    /// What was accepted then or before has expired; none before the first `record_ttl` is over.
    pub(super) fn cutoff(&self, now: Time) -> Option<Time> {
        now.checked_sub(self.config.settings.record_ttl)
    }

    pub(super) fn expire(&mut self, pending: Pending<T>) {
        self.fail(pending, FailureKind::Expired, false);
    }

    /// Resolves what has expired, wherever it is but under way: an answer may still come.
    pub(super) fn sweep(&mut self, now: Time) {
        let ttl = self.config.settings.record_ttl;
        self.next_sweep = now + (ttl / 64).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        let Some(cutoff) = self.cutoff(now) else {
            return;
        };
        let mut expired = Vec::new();
        let random = &mut self.random;
        for item in self.lanes.items_mut() {
            expired.extend(item.take_expired(Some(cutoff), || random_key(random)));
        }
        self.lanes.sweep();
        let (old, young) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|pending| pending.accepted <= cutoff);
        self.waiting = young;
        expired.extend::<Vec<_>>(old);
        for pending in expired {
            self.expire(pending);
        }
        self.sweep_held(cutoff);
    }

    /// Those that landed where nobody knows: the rest of their aggregates may still be judged.
    fn sweep_held(&mut self, cutoff: Time) {
        for mut held in std::mem::take(&mut self.held) {
            let (expired, left): (Vec<_>, Vec<_>) = std::mem::take(&mut held.members)
                .into_iter()
                .partition(|(_, pending)| pending.accepted <= cutoff);
            held.members = left;
            for (_, pending) in expired {
                self.fail(pending, FailureKind::UnknownShard, true);
            }
            if !held.members.is_empty() {
                self.held.push(held);
            }
        }
    }
}
