//! Where what is found goes, in order.

use std::collections::VecDeque;

use bytes::Bytes;

use super::error::{FindError, Refused, Warning};
use super::shape::Shape;
use crate::record::{FoundRecord, Place};

/// A record, a refusal or a warning, in the order of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A Kinesis record.
    Record(FoundRecord),
    /// A record that cannot be read.
    Refused(Refused),
    /// Something looks wrong.
    Warning(Warning),
}

/// Takes what is found, and counts it.
#[derive(Default)]
pub(crate) struct Sink {
    out: VecDeque<Found>,
    /// The number of the first record.
    first: usize,
    /// Records and refusals.
    count: usize,
    /// JSON documents in which there was something, and the place of the last one with nothing.
    documents: usize,
    nothing: Option<Place>,
    /// The only shape to be taken.
    shape: Option<Shape>,
    /// Where the string is that records come from, if they come from one.
    inside: Option<Place>,
}

/// Facts about a record from the text around it.
pub(crate) trait Surroundings {
    fn into_record(self, data: Bytes, index: usize, place: Place) -> FoundRecord;
}

impl Sink {
    pub(crate) fn set_shape(&mut self, shape: Shape) {
        self.shape = Some(shape);
    }

    pub(crate) fn set_first(&mut self, index: usize) {
        self.first = index;
    }

    pub(crate) fn next_index(&self) -> usize {
        self.first + self.count
    }

    /// Found, and not yet taken.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Found> {
        self.out.pop_front()
    }

    /// Records and refusals so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn found(
        &mut self,
        around: impl Surroundings,
        data: Result<Bytes, &'static str>,
        place: Place,
    ) {
        match data {
            Ok(data) => {
                let place = self.inside.unwrap_or(place);
                let record = around.into_record(data, self.next_index(), place);
                self.count += 1;
                self.out.push_back(Found::Record(record));
            }
            Err(why) => self.refuse(place, why),
        }
    }

    pub(crate) fn refuse(&mut self, place: Place, why: impl Into<String>) {
        let refused = Refused {
            index: self.next_index(),
            place: self.inside.unwrap_or(place),
            why: why.into(),
        };
        self.count += 1;
        self.out.push_back(Found::Refused(refused));
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.out.push_back(Found::Warning(warning));
    }

    /// Whether a record in JSON has the shape that was named.
    pub(crate) fn check_shape(&self, shape: Shape, place: Place) -> Result<(), FindError> {
        match self.shape {
            Some(named) if named != shape => Err(FindError::OtherShape {
                place: self.inside.unwrap_or(place),
            }),
            _ => Ok(()),
        }
    }

    /// Records come from a string at `place` from now on. Returns what to [`leave`](Self::leave)
    /// it with.
    pub(crate) fn enter(&mut self, place: Place) -> Option<Place> {
        let outer = self.inside;
        self.inside = outer.or(Some(place));
        outer
    }

    pub(crate) fn leave(&mut self, outer: Option<Place>) {
        self.inside = outer;
    }

    /// A JSON document ends that had records, or an empty list of them.
    pub(crate) fn document(&mut self) {
        self.documents += 1;
        if let Some(place) = self.nothing.take() {
            self.warn(Warning::NothingInDocument { place });
        }
    }

    /// A JSON document ends that had nothing.
    pub(crate) fn nothing(&mut self, place: Place) {
        if self.documents > 0 {
            self.warn(Warning::NothingInDocument { place });
        } else {
            self.nothing = Some(place);
        }
    }

    /// At the end of JSON: whether any document had something.
    pub(crate) fn check_documents(&self) -> Result<(), FindError> {
        match (self.documents, self.nothing) {
            (0, Some(_)) => Err(FindError::NoRecords),
            (0, None) => Err(FindError::Empty),
            _ => Ok(()),
        }
    }
}
