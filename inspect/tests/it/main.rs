//! Records out of everything that people paste.

mod carving;
mod cases;
mod forms;
mod refusals;
mod support;
