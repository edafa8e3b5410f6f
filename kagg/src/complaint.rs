//! Standard error.

use std::fmt;
use std::io::{self, Write};

/// One line on standard error, written at once. If that is closed, nobody wants to know.
pub(crate) fn complain(line: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
