//! What expires.

use std::time::Duration;

use super::attempt_error::AttemptError;
use super::item::Pending;
use super::outcome::{Attempt, FailureKind, Time};
use super::pipeline::{Pipeline, random_key};

/// Not to look more often: where much expires, one look finds many.
const TICK: Duration = Duration::from_millis(10);

impl<T> Pipeline<T> {
    /// What was accepted then or before has expired; none before the first `record_ttl` is over.
    pub(super) fn cutoff(&self, now: Time) -> Option<Time> {
        now.checked_sub(self.config.settings.record_ttl)
    }

    pub(super) fn expire(&mut self, pending: Pending<T>) {
        self.fail(pending, FailureKind::Expired, false);
    }

    /// What was accepted then may have to be looked for when it expires.
    pub(super) fn expires(&mut self, accepted: Time) {
        let at = accepted.saturating_add(self.config.settings.record_ttl);
        self.next_sweep = self.next_sweep.min(at.max(self.last_sweep + TICK));
    }

    /// Resolves what has expired, wherever it is but under way: an answer may still come.
    pub(super) fn sweep(&mut self, now: Time) {
        self.last_sweep = now;
        self.next_sweep = Time::MAX;
        let cutoff = self.cutoff(now);
        let mut expired = Vec::new();
        let mut oldest = None;
        let random = &mut self.random;
        for item in self.lanes.items_mut().chain(self.collector.items_mut()) {
            expired.extend(item.take_expired(cutoff, || random_key(random)));
            oldest = oldest.into_iter().chain([item.oldest]).min();
        }
        self.lanes.sweep();
        let is_expired = |accepted| cutoff.is_some_and(|cutoff| accepted <= cutoff);
        let (old, young): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|pending| is_expired(pending.accepted));
        self.waiting = young;
        expired.extend(old);
        for pending in expired {
            self.expire(pending);
        }
        if let Some(cutoff) = cutoff {
            self.sweep_held(cutoff);
        }
        let held = self.held.iter().flat_map(|held| &held.members);
        let held = held.map(|(_, pending)| pending.accepted);
        let unsent = self.waiting.iter().chain(&self.returned);
        let unsent = unsent.map(|pending| pending.accepted);
        if let Some(oldest) = held.chain(unsent).chain(oldest).min() {
            self.expires(oldest);
        }
    }

    /// Those that landed where nobody knows: the rest of their aggregates may still be judged.
    fn sweep_held(&mut self, cutoff: Time) {
        for mut held in std::mem::take(&mut self.held) {
            let (expired, left): (Vec<_>, Vec<_>) = std::mem::take(&mut held.members)
                .into_iter()
                .partition(|(_, pending)| pending.accepted <= cutoff);
            held.members = left;
            let attempt = Attempt {
                error: Some(AttemptError::named("UnknownShard")),
                ..held.landed.attempt.clone()
            };
            for (_, mut pending) in expired {
                pending.failed(&attempt, true);
                self.fail(pending, FailureKind::UnknownShard, true);
            }
            if !held.members.is_empty() {
                self.held.push(held);
            }
        }
    }
}
