//! What an answer means for the Kinesis records in the request, and what is sent again.

use std::time::Duration;

use super::attempt_error::AttemptError;
use super::client::{ClientError, ClientErrorKind, RecordError, Stored};
use super::item::{Body, Item, Lane, Pending};
use super::outcome::{Attempt, FailureKind, Time};
use super::pipeline::Pipeline;

/// The pause before the second try.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl<T> Pipeline<T> {
    /// Takes the answer to [`Action::PutRecords`](super::pipeline::Action::PutRecords).
    pub fn answered(
        &mut self,
        now: Time,
        id: u64,
        answer: Result<Vec<Result<Stored, RecordError>>, ClientError>,
    ) {
        let Some(items) = self.in_flight.remove(&id) else {
            return;
        };
        if let Some(first) = items.first() {
            self.metrics.answered(now.saturating_sub(first.sent));
        }
        if let Some(oldest) = items.iter().map(|item| item.oldest).min() {
            self.expires(oldest);
        }
        let doubts = self.shards.doubts();
        match answer {
            Ok(results) if results.len() == items.len() => {
                // In ordered mode, what was taken first is to be the first again.
                for (item, result) in items.into_iter().zip(results).rev() {
                    match result {
                        Ok(stored) => self.landed(now, item, stored),
                        Err(error) => self.refused(now, item, error),
                    }
                }
            }
            Ok(_) => {
                let error = AttemptError::named("ResultCountMismatch");
                self.retry_all(now, items, &error, true);
            }
            Err(error) => {
                let kind = error.kind();
                let error = AttemptError::from(error);
                match kind {
                    ClientErrorKind::Retry { maybe_stored } => {
                        self.retry_all(now, items, &error, maybe_stored);
                    }
                    ClientErrorKind::Throttled => self.throttled(now, items, &error),
                    ClientErrorKind::Invalid => self.invalid(now, items, &error),
                    ClientErrorKind::NoStream | ClientErrorKind::Fatal => {
                        self.metrics.error(error.code());
                        self.fail_all(now, items, &error);
                    }
                }
            }
        }
        // What is not closed yet waits for the new map, and where order is wanted, all does.
        self.reroute |= self.shards.doubts() > doubts;
        self.settle(now);
    }

    fn retry_all(&mut self, now: Time, items: Vec<Item<T>>, error: &AttemptError, maybe: bool) {
        self.metrics.error(error.code());
        for item in items.into_iter().rev() {
            self.retry(now, item, error, maybe);
        }
    }

    /// The stream takes nothing for now.
    fn throttled(&mut self, now: Time, items: Vec<Item<T>>, error: &AttemptError) {
        if !self.config.settings.fail_if_throttled {
            return self.retry_all(now, items, error, false);
        }
        self.metrics.error(error.code());
        for item in items.into_iter().rev() {
            self.fail_throttled(now, item, error);
        }
    }

    fn fail_throttled(&mut self, now: Time, item: Item<T>, error: &AttemptError) {
        let attempt = attempt(&item, now, Some(error));
        for mut pending in item.into_members() {
            pending.failed(&attempt, false);
            self.fail(pending, FailureKind::Throttled, false);
        }
    }

    /// Asking again is no use, unless the stream went back to keys and wants them.
    fn invalid(&mut self, now: Time, items: Vec<Item<T>>, error: &AttemptError) {
        self.metrics.error(error.code());
        let lacks_key = |item: &Item<T>| match &item.body {
            Body::Sealed(record, _) => record.partition_key().is_none(),
            _ => false,
        };
        let first_time = |item: &Item<T>| match &item.body {
            Body::Sealed(_, members) => members.iter().all(|pending| !pending.keyless_refused),
            _ => false,
        };
        if !(items.iter().any(lacks_key) && items.iter().all(first_time)) {
            return self.fail_all(now, items, error);
        }
        let sent = items.first().map_or(now, |item| item.sent);
        self.reroute |= self.strategy.refused_keyless(now, sent);
        for item in items.into_iter().rev() {
            let attempt = attempt(&item, now, Some(error));
            for mut pending in item.into_members() {
                pending.failed(&attempt, false);
                pending.keyless_refused = true;
                self.return_or_expire(now, pending);
            }
        }
    }

    /// Asking again is no use.
    fn fail_all(&mut self, now: Time, items: Vec<Item<T>>, error: &AttemptError) {
        for item in items.into_iter().rev() {
            let attempt = attempt(&item, now, Some(error));
            for mut pending in item.into_members() {
                pending.failed(&attempt, false);
                let code = error.code().into();
                self.fail(pending, FailureKind::Request { code }, false);
            }
        }
    }

    /// One record of a request that was answered was not stored.
    fn refused(&mut self, now: Time, item: Item<T>, error: RecordError) {
        self.metrics.error(error.code());
        let fails = error.is_throttled() && self.config.settings.fail_if_throttled;
        let error = AttemptError::from(error);
        if fails {
            self.fail_throttled(now, item, &error);
        } else {
            self.retry(now, item, &error, false);
        }
    }

    /// Sends a Kinesis record again, after a pause.
    fn retry(&mut self, now: Time, mut item: Item<T>, error: &AttemptError, maybe_stored: bool) {
        let attempt = attempt(&item, now, Some(error));
        if let Body::Sealed(_, members) = &mut item.body {
            for pending in members {
                pending.failed(&attempt, maybe_stored);
            }
        }
        let cutoff = self.cutoff(now);
        let random = &mut self.random;
        let key = || super::pipeline::random_key(random);
        for pending in item.take_expired(cutoff, key) {
            self.expire(pending);
        }
        if item.is_empty() {
            return;
        }
        item.tries = item.tries.saturating_add(1);
        item.not_before = now + self.pause(item.tries);
        item.span = None;
        let lane = self.lane_as_it_is(&item);
        let ordered = self.config.settings.ordered;
        match lane {
            Some(lane) if !ordered => {
                item.lane = lane;
                self.lanes.queue(lane, now).delayed.push(item);
            }
            // Back to the front, if nothing else has changed meanwhile.
            Some(lane)
                if lane == item.lane
                    && item.generation == self.shards.generation()
                    && (self.shards.valid().is_some() || matches!(lane, Lane::Hash(_))) =>
            {
                self.lanes.queue(lane, now).ready.push_front(item);
            }
            _ => self.returned.extend(item.into_members()),
        }
    }

    /// Twice as long every time, and a random part of it, so that not all come at once.
    fn pause(&mut self, tries: u32) -> Duration {
        let factor = 1_u32 << tries.saturating_sub(1).min(16);
        let pause = (FIRST_PAUSE * factor).min(LONGEST_PAUSE);
        let part = u32::try_from(self.random() % 500).unwrap_or_default();
        pause * (750 + part) / 1000
    }

    pub(super) fn return_or_expire(&mut self, now: Time, pending: Pending<T>) {
        if self
            .cutoff(now)
            .is_some_and(|cutoff| pending.accepted <= cutoff)
        {
            self.expire(pending);
        } else {
            self.returned.push(pending);
        }
    }
}

pub(super) fn attempt<T>(item: &Item<T>, now: Time, error: Option<&AttemptError>) -> Attempt {
    Attempt {
        started: item.sent,
        ended: now,
        error: error.cloned(),
    }
}
