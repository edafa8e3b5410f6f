//! A JSON object's fields, exactly as written: numbers keep their digits, and fields their order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of an object, in their order, with their values as text.
pub(super) struct Fields<'t>(pub(super) Vec<(Cow<'t, str>, &'t str)>);

impl<'t> Fields<'t> {
    /// `None` if the text is not a JSON object.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a name that may come twice: the last, as most readers take it.
    fn last(&self, name: &str) -> Option<&'t str> {
        let found = self.0.iter().rev().find(|field| field.0 == name);
        found.map(|field| field.1)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &RawValue>()? {
                    fields.push((name.0, value.get()));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// A name, borrowed unless it has an escape.
#[derive(serde::Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

/// A JSON pointer (RFC 6901) that names something inside a document: `/user/id`, `/tags/0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPointer(Vec<String>);

impl JsonPointer {
    /// `None` if the text does not begin with a slash.
    pub fn new(text: &str) -> Option<Self> {
        let names = text.strip_prefix('/')?.split('/');
        // `~1` is a slash and `~0` a tilde, in this order.
        let names = names.map(|name| name.replace("~1", "/").replace("~0", "~"));
        Some(Self(names.collect()))
    }

    /// The text of the value it names: a string without its quotes and escapes, anything else as it
    /// is written. `None` if it names nothing or null, or if the document is not JSON.
    pub(crate) fn text<'t>(&self, document: &'t str) -> Option<Cow<'t, str>> {
        let mut value = document.trim();
        for name in &self.0 {
            value = if value.starts_with('{') {
                Fields::of(value)?.last(name)?
            } else {
                let values: Vec<&RawValue> = serde_json::from_str(value).ok()?;
                values.get(name.parse::<usize>().ok()?)?.get()
            };
        }
        match value {
            "null" => None,
            text if text.starts_with('"') => serde_json::from_str::<Name<'t>>(text)
                .ok()
                .map(|text| text.0),
            other => Some(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_text_numbers_and_objects_as_they_stand() {
        let document = r#"{"a":{"b/c":[1.50,"x\u00e9\"",null]},"~":true,"n":1,"n":12345678901234567890123,"o":{"k" : 1}}"#;
        let text = |pointer: &str| {
            let pointer = JsonPointer::new(pointer).expect("good");
            pointer.text(document).map(Cow::into_owned)
        };
        assert_eq!(text("/a/b~1c/0").as_deref(), Some("1.50"));
        assert_eq!(text("/a/b~1c/1").as_deref(), Some("x\u{e9}\""));
        assert_eq!(text("/~0").as_deref(), Some("true"));
        assert_eq!(text("/n").as_deref(), Some("12345678901234567890123"));
        assert_eq!(text("/o").as_deref(), Some(r#"{"k" : 1}"#));
        for missing in ["/a/b~1c/2", "/a/b~1c/3", "/a/b~1c/x", "/a/x", "/n/x", "/"] {
            assert_eq!(text(missing), None, "{missing}");
        }
        assert_eq!(JsonPointer::new("a"), None);
        let pointer = JsonPointer::new("/a").expect("good");
        for hostile in ["", "{", "no JSON", "[1", r#"{"a":"#] {
            assert_eq!(pointer.text(hostile), None, "{hostile}");
        }
    }
}
