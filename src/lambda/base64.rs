//! Data in base64.

use std::fmt;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// What stood under `data`: decoded as it is met, straight from the payload.
#[derive(Clone)]
pub(super) enum Data {
    Decoded(Bytes),
    /// Not base64. An error only once the record is complete, so that it can name the record.
    Bad {
        len: usize,
    },
}

struct DataVisitor;

impl Visitor<'_> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Data, E> {
        self.visit_bytes(text.as_bytes())
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Data, E> {
        Ok(match STANDARD.decode_to_vec(text) {
            Ok(data) => Data::Decoded(Bytes::from(data)),
            Err(_) => Data::Bad { len: text.len() },
        })
    }
}

/// As bytes, which serde_json looks through several times faster than a string: what would be
/// wrong with the string is not base64 either.
impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(DataVisitor)
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Decoded(data) => AsBase64(data).serialize(serializer),
            // A record with such data is refused, so it is never written.
            Self::Bad { .. } => serializer.serialize_none(),
        }
    }
}

/// Bytes that serialise as base64.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct AsBase64<B>(pub(super) B);

impl<B: AsRef<[u8]>> Serialize for AsBase64<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode_to_string(self.0.as_ref()))
    }
}
