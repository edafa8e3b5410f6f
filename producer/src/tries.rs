//! The tries of a user record that failed, shared with those that failed with it.

use std::sync::Arc;

/// So many tries are kept: the first, and the last ones. A long outage must not fill the memory.
const KEPT: usize = 4;

/// Tries in their order. A clone costs nothing.
#[derive(Debug)]
pub(crate) struct Tries<A>(Option<Arc<Kept<A>>>);

#[derive(Debug)]
struct Kept<A> {
    /// At most [`KEPT`].
    tries: Vec<A>,
    /// Those that are not kept too.
    count: usize,
}

impl<A> Default for Tries<A> {
    fn default() -> Self {
        Self(None)
    }
}

impl<A> Clone for Tries<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Clone> Tries<A> {
    /// These, and one more.
    pub(crate) fn with(&self, one: A) -> Self {
        let mut tries = Vec::with_capacity((self.iter().len() + 1).min(KEPT));
        tries.extend_from_slice(self.iter().as_slice());
        if tries.len() == KEPT {
            tries.remove(1);
        }
        tries.push(one);
        let count = self.count() + 1;
        Self(Some(Arc::new(Kept { tries, count })))
    }
}

impl<A> Tries<A> {
    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |kept| kept.count)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Those that are kept: the first one, and the last ones.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, A> {
        self.0.as_ref().map_or(&[][..], |kept| &kept.tries).iter()
    }

    pub(crate) fn last(&self) -> Option<&A> {
        self.iter().next_back()
    }

    /// Whether both are the same in memory, so that what is made of one serves the other.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_ones_are_kept_and_all_are_counted() {
        let mut tries = Tries::default();
        for number in 1..=10 {
            tries = tries.with(number);
            assert_eq!(tries.count(), number);
        }
        let kept: Vec<_> = tries.iter().copied().collect();
        assert_eq!(kept, [1, 8, 9, 10]);
        assert!(tries.is_shared_with(&tries.clone()) && !tries.is_shared_with(&tries.with(11)));
    }
}
