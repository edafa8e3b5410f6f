//! JSON as Jackson writes it.

use std::fmt::Write as _;

/// How an object is laid out: the agent's `jsonFormat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Layout {
    #[default]
    Compact,
    /// One field a line, two blanks before it, blanks around the colon.
    Pretty,
}

/// Writes a string in quotes. Control characters are escaped with upper-case digits, as Jackson
/// does; everything else stays as it is.
pub(super) fn write_string(json: &mut String, text: &str) {
    json.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(text.get(from..at).unwrap_or_default());
        from = at + 1;
        match byte {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            0x08 => json.push_str("\\b"),
            0x0C => json.push_str("\\f"),
            _ => {
                let _ = write!(json, "\\u{byte:04X}");
            }
        }
    }
    json.push_str(text.get(from..).unwrap_or_default());
    json.push('"');
}

/// Writes the same JSON without blanks between its tokens.
pub(super) fn compact(to: &mut String, json: &str) {
    let (mut is_string, mut is_escaped) = (false, false);
    for char in json.chars() {
        if is_string {
            is_string = is_escaped || char != '"';
            is_escaped = !is_escaped && char == '\\';
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            is_string = char == '"';
        }
        to.push(char);
    }
}

/// Writes JSON that has no blanks between its tokens as Jackson's pretty printer does: a line for each
/// field of an object, elements of a list in one line, blanks inside empty brackets.
///
/// ```text
///   {"a":1,"b":[1,{}]}    {
///                           "a" : 1,
///                           "b" : [ 1, { } ]
///                         }
/// ```
pub(super) fn write_pretty(to: &mut String, json: &str) {
    let (mut is_string, mut is_escaped) = (false, false);
    // For each open bracket, whether it is an object's.
    let mut open = Vec::new();
    let newline = |to: &mut String, open: &[bool]| {
        to.push('\n');
        let depth = open.iter().filter(|is_object| **is_object).count();
        to.extend(std::iter::repeat_n("  ", depth));
    };
    let mut chars = json.chars().peekable();
    while let Some(char) = chars.next() {
        if is_string {
            is_string = is_escaped || char != '"';
            is_escaped = !is_escaped && char == '\\';
            to.push(char);
            continue;
        }
        match char {
            '{' | '[' => {
                to.push(char);
                let close = if char == '{' { '}' } else { ']' };
                if chars.next_if_eq(&close).is_some() {
                    to.push(' ');
                    to.push(close);
                    continue;
                }
                open.push(char == '{');
                if char == '{' {
                    newline(to, &open);
                } else {
                    to.push(' ');
                }
            }
            '}' | ']' => {
                open.pop();
                if char == '}' {
                    newline(to, &open);
                } else {
                    to.push(' ');
                }
                to.push(char);
            }
            ',' if open.last() == Some(&true) => {
                to.push(',');
                newline(to, &open);
            }
            ',' => to.push_str(", "),
            ':' => to.push_str(" : "),
            other => {
                is_string = other == '"';
                to.push(other);
            }
        }
    }
}

/// Writes an object of strings and nulls, and a newline. Of a name that comes twice the first
/// gives the place and the last the value.
pub(super) fn write_object<'t>(
    names: &[String],
    values: impl Iterator<Item = Option<&'t str>>,
    layout: Layout,
) -> String {
    let mut fields: Vec<(&str, Option<&str>)> = Vec::with_capacity(names.len());
    let has_twins = names
        .iter()
        .enumerate()
        .any(|(at, name)| names.iter().take(at).any(|other| other == name));
    for (name, value) in names.iter().zip(values) {
        match fields.iter_mut().find(|field| has_twins && field.0 == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    let size: usize = fields
        .iter()
        .map(|(name, value)| name.len() + value.map_or(4, str::len) + 8)
        .sum();
    let mut json = String::with_capacity(size);
    json.push('{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        if layout == Layout::Pretty {
            json.push_str("\n  ");
        }
        write_string(&mut json, name);
        json.push_str(if layout == Layout::Pretty { " : " } else { ":" });
        match value {
            Some(value) => write_string(&mut json, value),
            None => json.push_str("null"),
        }
    }
    if layout == Layout::Pretty {
        json.push('\n');
    }
    json.push_str("}\n");
    json
}
