//! Records wherever they are in JSON, and in what looks like it.

mod open;
mod scan;
mod value;
mod walk;

pub(crate) use walk::Walker;
