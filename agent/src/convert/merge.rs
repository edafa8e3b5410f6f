//! Fields that are added to a JSON line.

use bytes::Bytes;

use super::json_fields::Fields;
use super::json_text::{Layout, compact, write_pretty, write_string};

/// Adds fields, whose values are JSON, to a line that is a JSON object. One that is there already
/// keeps its place and takes the new value. `None` if the line is not a JSON object.
pub(super) fn merge(record: &[u8], added: &[(&str, &str)], layout: Layout) -> Option<Bytes> {
    let text = std::str::from_utf8(record).ok()?;
    let mut fields = Fields::of(text)?.0;
    for &(name, value) in added {
        match fields.iter_mut().find(|field| field.0 == name) {
            Some(field) => field.1 = value,
            None => fields.push((name.into(), value)),
        }
    }
    let mut json = String::with_capacity(text.len() + 64 * added.len());
    json.push('{');
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_string(&mut json, name);
        json.push(':');
        compact(&mut json, value);
    }
    json.push('}');
    if layout == Layout::Pretty {
        let mut pretty = String::with_capacity(json.len() * 2);
        write_pretty(&mut pretty, &json);
        json = pretty;
    }
    json.push('\n');
    Some(json.into())
}

/// Adds fields with these texts to a line that is a JSON object. Others stay as they are.
pub(crate) fn add_texts(record: Bytes, added: &[(&str, &str)]) -> Bytes {
    let quoted = added.iter().map(|(name, text)| {
        let mut json = String::with_capacity(text.len() + 2);
        write_string(&mut json, text);
        (*name, json)
    });
    let quoted: Vec<(&str, String)> = quoted.collect();
    let added: Vec<(&str, &str)> = quoted.iter().map(|(name, json)| (*name, &**json)).collect();
    merge(&record, &added, Layout::Compact).unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_added_or_take_the_place_of_those_that_are_there() {
        let add = |line: &'static str| {
            let added = add_texts(line.into(), &[("file", "/a\"b"), ("host", "h")]);
            String::from_utf8(added.to_vec()).expect("text")
        };
        assert_eq!(add("{}\n"), "{\"file\":\"/a\\\"b\",\"host\":\"h\"}\n");
        assert_eq!(
            add("{ \"host\" : 1.50, \"x\": [1, {\"y z\": null}] }\r\n"),
            "{\"host\":\"h\",\"x\":[1,{\"y z\":null}],\"file\":\"/a\\\"b\"}\n"
        );
        for other in ["[1]\n", "text\n", "{\"a\":1\n", "\n", ""] {
            assert_eq!(add(other), other);
        }
    }
}
