//! Records wherever they are in JSON, and in what looks like it.

mod scan;
mod walk;

pub(crate) use walk::Walker;
