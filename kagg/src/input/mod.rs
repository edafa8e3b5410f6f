//! Kinesis records from files or standard input, in whatever form they are.

mod args;
mod found;
mod read_ahead;

pub(crate) use args::{InputArgs, InputShape};
pub(crate) use read_ahead::pieces;
