//! The strings, and the data in base64, of the events' JSON.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::base64;
use super::timestamp::Timestamp;

/// A string of the event; it borrows from the payload unless it has escapes there.
///
/// A `Cow` would not do: serde borrows a bare one, but copies one inside an `Option`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text as a string, if there is one.
pub(super) fn string(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.into_owned())
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for Text<'a> {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// The text, if there is one.
pub(super) fn as_str<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
    text.as_ref().map(Text::as_str)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The value of `data`, decoded as it is met, straight from the payload.
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
        Ok(match base64::decode(text) {
            Some(data) => Data::Decoded(Bytes::from(data)),
            None => Data::Bad { len: text.len() },
        })
    }
}

/// Asks for bytes and not for a string: serde_json then skips its checks of UTF-8 and escapes, and
/// is several times faster. Whatever those would refuse is not base64 either.
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

/// Makes a value that borrows from the payload independent of it. Strings are copied, data are
/// shared.
pub(super) trait IntoOwned {
    type Owned;

    fn into_owned(self) -> Self::Owned;
}

impl IntoOwned for Text<'_> {
    type Owned = Text<'static>;

    fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl<T: IntoOwned> IntoOwned for Option<T> {
    type Owned = Option<T::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.map(T::into_owned)
    }
}

impl IntoOwned for PhantomData<&()> {
    type Owned = PhantomData<&'static ()>;

    fn into_owned(self) -> Self::Owned {
        PhantomData
    }
}

macro_rules! owned_already {
    ($($type:ty),*) => {
        $(impl IntoOwned for $type {
            type Owned = Self;

            fn into_owned(self) -> Self {
                self
            }
        })*
    };
}

owned_already!(bool, Data, Timestamp, Box<RawValue>);

/// [`IntoOwned`] for a struct with these fields.
macro_rules! into_owned {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl crate::lambda::json::IntoOwned for $type<'_> {
            type Owned = $type<'static>;

            fn into_owned(self) -> $type<'static> {
                $(let $field = crate::lambda::json::IntoOwned::into_owned(self.$field);)*
                $type { $($field),* }
            }
        }
    };
}
pub(super) use into_owned;

/// An object of an event's JSON. Its `texts` borrow from the payload; those that are not there are not
/// written either.
macro_rules! json_object {
    ($name:ident {
        texts { $($(#[$text_attr:meta])* $text:ident),* $(,)? }
        $($(#[$attr:meta])* $field:ident: $type:ty),* $(,)?
    }) => {
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(in crate::lambda) struct $name<'a> {
            $(
                #[serde(borrow, skip_serializing_if = "Option::is_none")]
                $(#[$text_attr])*
                pub(in crate::lambda) $text: Option<crate::lambda::json::Text<'a>>,
            )*
            $($(#[$attr])* pub(in crate::lambda) $field: $type,)*
        }

        crate::lambda::json::into_owned!($name { $($text,)* $($field),* });
    };
}
pub(super) use json_object;
