//! The tries of a user record that failed, shared with those that failed with it.

use std::sync::Arc;
use std::time::Duration;

use super::attempt_error::AttemptError;

/// One try to put a user record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub(super) started: Duration,
    pub(super) ended: Duration,
    /// None if it succeeded.
    pub(super) error: Option<AttemptError>,
}

impl Attempt {
    /// The same, its times counted from the record's acceptance.
    pub(super) fn since(&self, accepted: Duration) -> Self {
        Self {
            started: self.started.saturating_sub(accepted),
            ended: self.ended.saturating_sub(accepted),
            error: self.error.clone(),
        }
    }

    /// Returns the time from the record's acceptance to the start of the request.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// Returns the time from the record's acceptance to the answer.
    pub fn ended(&self) -> Duration {
        self.ended
    }

    /// Returns why it failed; `None` if it succeeded.
    pub fn error(&self) -> Option<&AttemptError> {
        self.error.as_ref()
    }
}

/// So many tries are kept: the first, and the last ones. A long outage must not fill the memory.
const KEPT: usize = 4;

/// Tries in their order. A clone costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tries(Option<Arc<Kept>>);

#[derive(Debug)]
struct Kept {
    /// At most [`KEPT`].
    tries: Vec<Attempt>,
    /// Those that are not kept too.
    count: usize,
}

impl Tries {
    /// These, and one more.
    pub(crate) fn with(&self, one: Attempt) -> Self {
        let mut tries = Vec::with_capacity((self.kept().len() + 1).min(KEPT));
        tries.extend_from_slice(self.kept());
        if tries.len() == KEPT {
            tries.remove(1);
        }
        tries.push(one);
        let count = self.count() + 1;
        Self(Some(Arc::new(Kept { tries, count })))
    }

    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |kept| kept.count)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Those that are kept: the first one, and the last ones.
    pub(crate) fn kept(&self) -> &[Attempt] {
        self.0.as_ref().map_or(&[], |kept| &kept.tries)
    }

    /// Whether both are the same in memory, so that what is made of one serves the other.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        self.0.as_ref().map(Arc::as_ptr) == other.0.as_ref().map(Arc::as_ptr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_ones_are_kept_and_all_are_counted() {
        let attempt = |number: usize| Attempt {
            started: Duration::from_secs(number as u64),
            ended: Duration::from_secs(number as u64),
            error: None,
        };
        let mut tries = Tries::default();
        for number in 1..=10 {
            tries = tries.with(attempt(number));
            assert_eq!(tries.count(), number);
        }
        assert_eq!(tries.kept(), [1, 8, 9, 10].map(attempt));
        let more = tries.with(attempt(11));
        assert!(tries.is_shared_with(&tries.clone()) && !tries.is_shared_with(&more));
    }
}
