//! How a file is divided into records.

use bytes::Bytes;

use crate::java_regex::JavaRegex;

/// How a file is divided into records.
#[derive(Clone, Debug)]
pub struct RecordRules {
    /// How many lines at the start of a file are skipped.
    pub skip_header_lines: usize,
    /// The most bytes of a record. A longer one is cut.
    pub max_record: usize,
    /// The last bytes of a record that was cut.
    pub terminator: Bytes,
    /// A line where this pattern matches at the start begins a record. Without it, every line
    /// does.
    pub multi_line_start: Option<JavaRegex>,
    /// A record that matches as a whole is skipped.
    pub footer: Option<JavaRegex>,
}

impl Default for RecordRules {
    fn default() -> Self {
        Self {
            skip_header_lines: 0,
            max_record: 1024 * 1024,
            terminator: Bytes::from_static(b"\n"),
            multi_line_start: None,
            footer: None,
        }
    }
}
