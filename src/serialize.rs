//! serde (feature `serde`): hash keys, ranges and positions as their texts. ([`Shard`](crate::Shard) derives it.)
//!
//! A hash key is a string, not a number, because most JSON readers keep 53 bits of a number, and a
//! hash key has 128.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::hash_key::{HashKey, HashKeyRange};
use crate::sequence::{ExtendedSequenceNumber, SequenceNumber};

/// Reads and writes these types as the text of their `Display` and `FromStr`.
macro_rules! as_text {
    ($($type:ty: $expected:literal,)*) => {$(
        #[doc = concat!("As a string: ", $expected, ".")]
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[doc = concat!("From a string: ", $expected, ".")]
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text {
                    expected: $expected,
                    of: PhantomData,
                })
            }
        }
    )*};
}

as_text! {
    HashKey: "a hash key in decimal",
    HashKeyRange: "a hash key range, START-END",
    SequenceNumber: "a sequence number in decimal",
    ExtendedSequenceNumber: "a position, SEQUENCE:SUB",
}

struct Text<T> {
    expected: &'static str,
    of: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Shard;

    #[test]
    fn a_hash_key_is_a_string() {
        let json = "\"340282366920938463463374607431768211455\"";
        assert_eq!(serde_json::to_string(&HashKey::MAX).unwrap(), json);
        assert_eq!(serde_json::from_str::<HashKey>(json).unwrap(), HashKey::MAX);
        for (bad, why) in [
            ("7", "expected a hash key in decimal"),
            ("\"x\"", "not an integer"),
            ("\"-1\"", "not between 0 and 2^128-1"),
        ] {
            let error = serde_json::from_str::<HashKey>(bad).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_position_is_a_string() {
        let position: ExtendedSequenceNumber = "495903382714:2".parse().unwrap();
        let json = "\"495903382714:2\"";
        assert_eq!(serde_json::to_string(&position).unwrap(), json);
        let read = serde_json::from_str::<ExtendedSequenceNumber>(json).unwrap();
        assert_eq!(read, position);
        serde_json::from_str::<SequenceNumber>("\"-1\"").unwrap_err();
    }

    #[test]
    fn a_shard_is_a_struct() {
        let range = HashKeyRange::new(HashKey::MIN, HashKey::new(99)).unwrap();
        let open = Shard::open("shardId-000000000001", range);
        let numbered = open
            .clone()
            .with_starting_sequence_number("7".parse().unwrap());
        for (shard, closed, starting) in [
            (open, false, None),
            (numbered, false, Some("7")),
            (Shard::closed("shardId-000000000001", range), true, None),
        ] {
            let mut json = serde_json::json!({
                "id": "shardId-000000000001", "hash_key_range": "0-99", "closed": closed,
                "starting_sequence_number": starting,
            });
            assert_eq!(serde_json::to_value(&shard).unwrap(), json);
            if starting.is_none() {
                json.as_object_mut()
                    .unwrap()
                    .remove("starting_sequence_number");
            }
            assert_eq!(serde_json::from_value::<Shard>(json).unwrap(), shard);
        }
    }
}
