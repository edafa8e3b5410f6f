//! The hash keys that are under way, where order is wanted: of no hash key are two Kinesis records
//! under way at once.

use std::collections::BTreeMap;

use super::item::Place;
use kinesis_aggregation::HashKey;

/// The first and the last hash key, both inclusive.
pub(super) type Span = (HashKey, HashKey);

/// The spans in it never overlap: one is claimed only when no other is in its way.
pub(super) struct Spans {
    /// Else nothing is ever kept back.
    ordered: bool,
    /// By the first hash key, the last, and the lanes that wait for the span.
    claimed: BTreeMap<HashKey, (HashKey, Vec<Place>)>,
}

impl Spans {
    pub(super) fn new(ordered: bool) -> Self {
        Self {
            ordered,
            claimed: BTreeMap::new(),
        }
    }

    /// Whether order is wanted.
    pub(super) fn are_kept(&self) -> bool {
        self.ordered
    }

    /// Whether no hash key of this place is under way. If one is, the place is told when it is released.
    pub(super) fn is_free(&mut self, place: Place) -> bool {
        let Some((start, end)) = place.span() else {
            return true;
        };
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
    pub(super) fn claim(&mut self, span: Option<Span>) {
        if let Some((start, end)) = span.filter(|_| self.ordered) {
            self.claimed.insert(start, (end, Vec::new()));
        }
    }

    /// Gives it back, and tells who waited for it.
    pub(super) fn release(&mut self, span: Option<Span>) -> Vec<Place> {
        let released = span.and_then(|(start, _)| self.claimed.remove(&start));
        released.map(|(_, waiting)| waiting).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.claimed.is_empty()
    }
}
