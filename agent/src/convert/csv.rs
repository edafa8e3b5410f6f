//! CSVTOJSON: the columns of a line become the fields of an object.

use bytes::Bytes;
use fancy_regex::Regex;

use super::json_text::{Layout, write_object};
use crate::java_regex::{JavaRegex, JavaRegexError};

#[derive(Clone, Debug)]
pub(super) struct CsvToJson {
    pub(super) names: Vec<String>,
    pub(super) delimiter: Delimiter,
    pub(super) layout: Layout,
}

/// The agent's delimiter is a regular expression.
#[derive(Clone, Debug)]
pub(super) enum Delimiter {
    Literal(char),
    Pattern(Regex),
    /// Columns in double quotes may hold the comma, doubled quotes and newlines (RFC 4180).
    Quoted(char),
}

impl Delimiter {
    /// As Java's `split` takes it.
    pub(super) fn new(pattern: &str) -> Result<Self, JavaRegexError> {
        let mut chars = pattern.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) if !r".$|()[{^?*+\".contains(char) => Ok(Self::Literal(char)),
            _ => JavaRegex::unanchored(pattern).map(Self::Pattern),
        }
    }
}

impl CsvToJson {
    pub(super) fn convert(&self, record: &[u8]) -> Bytes {
        let text = String::from_utf8_lossy(record);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let json = match &self.delimiter {
            Delimiter::Literal(delimiter) => {
                // As Java splits: no empty columns at the end, but one if there is nothing else.
                let trimmed = line.trim_end_matches(*delimiter);
                let columns = trimmed.split(*delimiter);
                let is_nothing = trimmed.is_empty() && !line.is_empty();
                let columns = columns.skip(usize::from(is_nothing));
                self.write(columns)
            }
            Delimiter::Pattern(pattern) => self.write(JavaRegex::split(pattern, line).into_iter()),
            Delimiter::Quoted(delimiter) => {
                let columns = quoted(line, *delimiter);
                self.write(columns.iter().map(String::as_str))
            }
        };
        json.into()
    }

    /// Missing columns are null, those without a name are dropped.
    fn write<'t>(&self, columns: impl Iterator<Item = &'t str>) -> String {
        let values = columns.map(Some).chain(std::iter::repeat(None));
        write_object(&self.names, values, self.layout)
    }
}

/// The columns of a line of which some may be quoted. A quote that is not closed goes to the end.
fn quoted(line: &str, delimiter: char) -> Vec<String> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut columns = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        let Some(column) = columns.last_mut() else {
            break;
        };
        match char {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => column.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' if column.is_empty() => is_quoted = true,
            char if char == delimiter && !is_quoted => columns.push(String::new()),
            char => column.push(char),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_columns_hold_delimiters_and_quotes() {
        assert_eq!(quoted(r#"1,"2,3",4"#, ','), ["1", "2,3", "4"]);
        assert_eq!(quoted("\"a\"\"b\",,\"\"\r", ','), ["a\"b", "", ""]);
        assert_eq!(quoted("a\"b,c", ','), ["a\"b", "c"]);
        assert_eq!(quoted("\"open, end", ','), ["open, end"]);
    }
}
