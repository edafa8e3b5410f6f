//! Records out of everything that people paste.

mod between;
mod carving;
mod cases;
mod doctoring;
mod evidence;
mod explaining;
mod forms;
mod limits;
mod lines;
mod nearly;
mod refusals;
mod spellings;
mod streams;
mod support;
