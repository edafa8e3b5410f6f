//! Records that were joined with newlines, in the place of aggregation.

/// A line longer than this is not looked into.
const LONGEST: usize = 1 << 16;

/// Whether `data` is two or more lines, each a JSON object: what Fluent Bit's `simple_aggregation`
/// and home-made batching make.
pub(super) fn is_joined(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    // Quick: most data are one object.
    if !data.starts_with(b"{") || !data.contains(&b'\n') {
        return false;
    }
    let mut lines = data.split(|byte| *byte == b'\n');
    // The first two decide: a document that is printed over several lines opens with `{` alone.
    let mut is_object = || {
        lines.next().is_some_and(|line| {
            let line = line.trim_ascii();
            line.len() <= LONGEST
                && line.starts_with(b"{")
                && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
        })
    };
    is_object() && is_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_objects_are_joined_and_documents_are_not() {
        for (data, joined) in [
            ("{\"a\":1}\n{\"a\":2}", true),
            ("{\"a\":1}\r\n{\"a\":2}\r\n", true),
            ("{\"a\":1}\n", false),
            ("{\n\"a\":1\n}", false),
            ("{\"a\":1}\nplain", false),
            ("{\"a\":1}\n7", false),
            ("plain\ntext", false),
            ("", false),
        ] {
            assert_eq!(is_joined(data.as_bytes()), joined, "{data:?}");
        }
    }
}
