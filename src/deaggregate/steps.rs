//! The user records and losses of a Kinesis record, one after another.

use std::slice;

use super::opened::{Entry, Judged, Opened};
use super::outcome::Outcome;
use crate::error::Loss;

/// Runs of user records with losses between them. Almost always it is one run: taking the next of
/// it is all that is inlined.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps<'b> {
    run: slice::Iter<'b, Entry>,
    /// The sub-sequence number of the next.
    next: usize,
    end: usize,
    /// All of the aggregate, so that positions are places; none for a plain record.
    entries: Option<&'b [Entry]>,
    losses: slice::Iter<'b, Loss>,
}

pub(super) enum Step<'b> {
    /// A user record of an aggregate, with its sub-sequence number.
    UserRecord(usize, &'b Entry),
    /// The Kinesis record itself.
    Plain,
    Loss(&'b Loss),
}

/// The next step after a run.
enum Turn<'b> {
    Run(&'b [Entry]),
    Plain,
    Loss(&'b Loss),
    End,
}

impl<'b> Steps<'b> {
    pub(super) fn new(opened: &'b Opened, judged: &Judged) -> Self {
        let plain = matches!(judged.outcome, Outcome::Plain(_));
        Self {
            run: [].iter(),
            next: judged.delivered.start,
            end: judged.delivered.end,
            entries: (!plain).then(|| opened.entries(judged)),
            losses: opened.losses(judged).iter(),
        }
    }

    #[cold]
    fn turn(&mut self) -> Turn<'b> {
        let position = self.next;
        let delivers = position < self.end;
        let mut end = self.end;
        if let Some(loss) = self.losses.as_slice().first() {
            // A loss comes where its user record would; one whose user record is not among what
            // comes out, after it all.
            let at = usize::try_from(loss.user_record).unwrap_or(usize::MAX);
            if !delivers || at == position {
                self.losses.next();
                // One that loses nothing is followed by its user record.
                let instead = delivers && !loss.lost.is_empty();
                self.next = position.saturating_add(usize::from(instead));
                return Turn::Loss(loss);
            }
            if at > position {
                end = end.min(at);
            }
        }
        match self.entries {
            _ if !delivers => Turn::End,
            None => {
                self.next = position.saturating_add(1);
                Turn::Plain
            }
            Some(entries) => match entries.get(position..end) {
                Some(run) if !run.is_empty() => Turn::Run(run),
                _ => Turn::End,
            },
        }
    }
}

impl<'b> Iterator for Steps<'b> {
    type Item = Step<'b>;

    // Inlined, what the caller does not look at is not even made.
    #[inline(always)]
    fn next(&mut self) -> Option<Step<'b>> {
        loop {
            if let Some(entry) = self.run.next() {
                let position = self.next;
                self.next = position.saturating_add(1);
                return Some(Step::UserRecord(position, entry));
            }
            match self.turn() {
                Turn::Run(run) => self.run = run.iter(),
                Turn::Plain => return Some(Step::Plain),
                Turn::Loss(loss) => return Some(Step::Loss(loss)),
                Turn::End => return None,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Each position that is left gives one step, a user record or the loss in its place; other
        // losses are steps of their own.
        let places = self.next..self.end;
        let instead = |loss: &&Loss| {
            let at = usize::try_from(loss.user_record);
            !loss.lost.is_empty() && at.is_ok_and(|at| places.contains(&at))
        };
        let losses = self.losses.as_slice();
        let apart = losses.len() - losses.iter().filter(instead).count();
        let left = places.len().saturating_add(apart);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Steps<'_> {}
