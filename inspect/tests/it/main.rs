//! Records out of everything that people paste.

mod carving;
mod cases;
mod doctoring;
mod evidence;
mod forms;
mod refusals;
mod spellings;
mod support;
