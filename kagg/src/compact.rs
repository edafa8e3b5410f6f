//! JSON without its insignificant white space.

/// Appends `json`, which must be valid, without the white space outside its strings. Keys keep
/// their order and numbers their digits.
pub(crate) fn put_compact(out: &mut Vec<u8>, json: &str) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in json.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(json: &str) -> String {
        let mut out = Vec::new();
        put_compact(&mut out, json);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn white_space_goes_and_nothing_else() {
        assert_eq!(
            compact("{ \"b\" : 1.0e+2 ,\r\n\t\"a\" : [ 1 , -0 ] }"),
            "{\"b\":1.0e+2,\"a\":[1,-0]}"
        );
    }

    #[test]
    fn strings_keep_theirs() {
        for json in [
            r#"{"a b":"c  d"}"#,
            r#"{"a":"\" b","c":"\\"}"#,
            r#"["\\\" ", " x"]"#,
        ] {
            let expected = json.replace(", \"", ",\"");
            assert_eq!(compact(json), expected);
        }
    }
}
