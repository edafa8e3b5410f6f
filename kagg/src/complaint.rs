//! Standard error.

use std::fmt;
use std::io::{self, Write};

use crate::terminal::escaped;

/// One line on standard error, written at once; what steers a terminal is escaped. If that is closed, nobody wants to know.
pub(crate) fn complain(line: impl fmt::Display) {
    let line = format!("{line}\n");
    let _ = io::stderr().write_all(escaped(&line).as_bytes());
}
