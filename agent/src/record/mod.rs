//! From the bytes of a file to records: lines, or several lines together.

mod rules;
mod splitter;

pub use rules::RecordRules;
pub(crate) use splitter::{Piece, Splitter, cut};
