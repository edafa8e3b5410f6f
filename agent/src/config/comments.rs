//! JSON with comments.

/// The same text with every `//` and `/* */` comment blanked out, so that positions stay.
///
/// ```text
///   {"a": 1, // one      becomes      {"a": 1,
///    "b": "//"}                        "b": "//"}
/// ```
pub(super) fn blank(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut is_string = false;
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                is_string = !is_string;
                blanked.push(char);
            }
            '\\' if is_string => {
                blanked.push(char);
                blanked.extend(chars.next());
            }
            '/' if !is_string && chars.peek() == Some(&'/') => {
                blanked.push(' ');
                while let Some(char) = chars.next_if(|&char| char != '\n') {
                    blank_char(&mut blanked, char);
                }
            }
            '/' if !is_string && chars.next_if_eq(&'*').is_some() => {
                blanked.push_str("  ");
                let mut last = ' ';
                for char in chars.by_ref() {
                    blank_char(&mut blanked, char);
                    if last == '*' && char == '/' {
                        break;
                    }
                    last = char;
                }
            }
            char => blanked.push(char),
        }
    }
    blanked
}

fn blank_char(blanked: &mut String, char: char) {
    if char == '\n' {
        blanked.push('\n');
    } else {
        blanked.extend(std::iter::repeat_n(' ', char.len_utf8()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_strings_stay() {
        let text = "{ // one é\n\"a\": \"//\\\"/*\", /* two\n* / */ \"b\": 1 }";
        let blanked = blank(text);
        assert_eq!(blanked.len(), text.len());
        let value: serde_json::Value = serde_json::from_str(&blanked).expect("JSON");
        assert_eq!(value, serde_json::json!({"a": "//\"/*", "b": 1}));
        assert_eq!(blank("/* open").trim(), "");
    }
}
