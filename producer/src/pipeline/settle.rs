//! Moves what is not under way to where it belongs, when more is known of the stream or something
//! has come back.

use super::Pipeline;
use super::item::{Item, Pending};
use crate::outcome::{FailureKind, Time};

impl<T> Pipeline<T> {
    /// Brings everything to where it belongs by what is known now.
    pub(super) fn settle(&mut self, now: Time) {
        self.fail_later_ones();
        let ordered = self.config.settings.ordered;
        let has_changed = self.stream.take_changed();
        if !has_changed && self.returned.is_empty() {
            return;
        }
        let unsent = if ordered {
            // Those that come back take their places among those that wait.
            self.take_unsent(now)
        } else if has_changed {
            self.take_misplaced(now)
        } else {
            std::mem::take(&mut self.returned)
        };
        // A lane that was looked at just now would keep what has expired until its next look, although
        // that was due for a look where it comes from.
        let mut unsent = self.ledger.unless_expired(now, unsent);
        unsent.sort_unstable_by_key(|pending| pending.seq);
        self.outbox.forget(&self.stream);
        for pending in unsent {
            self.route(now, pending);
        }
        // Nothing of their hash keys goes first.
        self.fail_later_ones();
    }

    /// Takes what cannot be sent as it is; the rest moves to the lanes where it belongs now.
    fn take_misplaced(&mut self, now: Time) -> Vec<Pending<T>> {
        let mut misplaced = std::mem::take(&mut self.returned);
        misplaced.append(&mut self.waiting.take_all());
        let (open, closed) = self.outbox.take_unsent(now);
        misplaced.extend(open.into_iter().flat_map(Item::into_members));
        let cutoff = self.ledger.cutoff(now);
        for mut item in closed {
            self.ledger.expire(item.take_expired(cutoff));
            if item.is_empty() {
                continue;
            }
            let place = self.stream.as_it_is(&item);
            match place.filter(|_| !self.stream.has_company(&item)) {
                Some(place) => {
                    item.place = place;
                    if item.not_before > now {
                        self.outbox.give_back(now, item);
                    } else {
                        self.outbox.push(now, &self.stream, Box::new(item));
                    }
                }
                None => misplaced.extend(item.into_members()),
            }
        }
        misplaced
    }

    /// Takes all that is not under way.
    pub(super) fn take_unsent(&mut self, now: Time) -> Vec<Pending<T>> {
        let mut unsent = std::mem::take(&mut self.returned);
        unsent.append(&mut self.waiting.take_all());
        unsent.append(&mut self.large.take_all());
        let (open, closed) = self.outbox.take_unsent(now);
        let items = open.into_iter().chain(closed);
        unsent.extend(items.flat_map(Item::into_members));
        unsent
    }

    /// In ordered mode, fails what comes after a failure, of the same hash key.
    pub(super) fn fail_later_ones(&mut self) {
        if !self.ledger.has_failed() {
            return;
        }
        let failed = self.ledger.take_failed();
        let is_later = |pending: &Pending<T>| {
            let first = pending.hash_key.and_then(|key| failed.get(&key));
            first.is_some_and(|first| *first < pending.seq)
        };
        let mut later = self.outbox.take_if(&is_later);
        later.extend(self.waiting.take_if(is_later));
        later.extend(self.large.take_if(is_later));
        later.extend(self.returned.extract_if(.., |one| is_later(one)));
        later.sort_unstable_by_key(|pending| pending.seq);
        self.ledger.fail(later, &FailureKind::EarlierFailed, false);
    }
}
