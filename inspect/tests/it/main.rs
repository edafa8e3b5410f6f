//! Records out of everything that people paste.

mod cases;
mod forms;
mod refusals;
mod support;
