//! Finding Kinesis records in whatever there is.

mod columns;
mod detect;
mod error;
mod finder;
mod join;
mod lines;
mod shape;
mod sink;
mod source;
mod utf16;
mod yaml;

pub use error::{FailedBatch, FindError, Refused, Warning};
pub use finder::{Everything, Finder, find};
pub use shape::Shape;
pub use sink::Found;
pub(crate) use sink::{Sink, Surroundings};
pub(crate) use source::{OtherSource, other_source};
