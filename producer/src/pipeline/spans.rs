//! The hash keys that are under way, where order is wanted: of no hash key are two Kinesis records
//! under way at once.

use std::collections::BTreeMap;

use super::item::Place;
use kinesis_aggregation::HashKey;

/// The first and the last hash key, both inclusive.
pub(super) type Span = (HashKey, HashKey);

/// The spans in it never overlap: one is claimed only when no other is in its way.
#[derive(Default)]
pub(super) struct Spans {
    /// By the first hash key, the last, and the lanes that wait for the span.
    claimed: BTreeMap<HashKey, (HashKey, Vec<Place>)>,
}

impl Spans {
    /// Whether none of these hash keys is under way. If one is, `place` is told when it is released.
    pub(super) fn is_free(&mut self, (start, end): Span, place: Place) -> bool {
        // Of those that start at `end` or before, the last one reaches furthest.
        match self.claimed.range_mut(..=end).next_back() {
            Some((_, (last, waiting))) if *last >= start => {
                waiting.push(place);
                false
            }
            _ => true,
        }
    }

    /// Takes a span that [is free](Self::is_free).
    pub(super) fn claim(&mut self, (start, end): Span) {
        self.claimed.insert(start, (end, Vec::new()));
    }

    /// Gives it back, and tells who waited for it.
    pub(super) fn release(&mut self, (start, _): Span) -> Vec<Place> {
        let released = self.claimed.remove(&start);
        released.map(|(_, waiting)| waiting).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.claimed.is_empty()
    }
}
