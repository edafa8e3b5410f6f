//! SINGLELINE: the lines of a record become one.

use bytes::Bytes;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SingleLine {
    pub(super) no_trim: bool,
    pub(super) escape_new_line: bool,
}

impl SingleLine {
    /// Splits at `\n`, trims each part, joins them with nothing (or with two backslashes and an
    /// n), and adds a newline. Empty parts at the end do not count, as in Java's `split`.
    pub(super) fn convert(self, record: &[u8]) -> Bytes {
        let text = String::from_utf8_lossy(record);
        let text = text.trim_end_matches('\n');
        let between = if self.escape_new_line { r"\\n" } else { "" };
        let mut line = String::with_capacity(text.len() + 1);
        for (at, part) in text.split('\n').enumerate() {
            if at > 0 {
                line.push_str(between);
            }
            // Java's trim takes every character up to the blank, and no other.
            let trimmed = part.trim_matches(|char| char <= ' ');
            line.push_str(if self.no_trim { part } else { trimmed });
        }
        line.push('\n');
        line.into()
    }
}
