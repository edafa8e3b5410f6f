//! Parts of the events' JSON: strings that borrow, data in base64, and objects of them.

use std::borrow::Cow;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::base64;
use super::error::RecordErrorKind;

/// A string of the event, if it has it. It borrows from the payload unless it has escapes there.
pub(super) type Text<'a> = Option<Cow<'a, str>>;

/// Reads a [`Text`]. On its own, serde borrows a `Cow` in a field but copies one in an `Option`.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text<'de>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

    let text: Option<Borrowed<'de>> = Option::deserialize(deserializer)?;
    Ok(text.map(|Borrowed(text)| text))
}

/// The value of `data`, decoded straight from the payload.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Data {
    /// Empty if there is a problem.
    #[serde(serialize_with = "as_base64")]
    pub(super) bytes: Bytes,
    /// It is reported only after the whole event is read, because the error names the record.
    #[serde(skip)]
    pub(super) problem: Option<RecordErrorKind>,
}

/// The record has no `data`.
impl Default for Data {
    fn default() -> Self {
        Self::bad(RecordErrorKind::NoData)
    }
}

impl Data {
    fn bad(problem: RecordErrorKind) -> Self {
        Self {
            bytes: Bytes::new(),
            problem: Some(problem),
        }
    }
}

/// Reads bytes, not a string: serde_json then skips its checks of UTF-8 and escapes, and is several
/// times faster. Anything that those would refuse is not base64 either.
impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Borrowed<'a>(#[serde(borrow)] Cow<'a, [u8]>);

        let text: Option<Borrowed<'de>> = Option::deserialize(deserializer)?;
        let data = text.map(|Borrowed(text)| base64::decode(&text).ok_or(text.len()));
        Ok(match data {
            None => Self::default(),
            Some(Err(len)) => Self::bad(RecordErrorKind::NotBase64 { len }),
            Some(Ok(data)) => Self {
                bytes: data.into(),
                problem: None,
            },
        })
    }
}

pub(super) fn as_base64<S: Serializer>(
    data: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode_to_string(data))
}

/// Makes a value that borrows from the payload independent of it: strings are copied, data are shared.
pub(super) trait IntoOwned {
    type Owned;

    fn into_owned(self) -> Self::Owned;
}

impl IntoOwned for Cow<'_, str> {
    type Owned = Cow<'static, str>;

    fn into_owned(self) -> Cow<'static, str> {
        Cow::Owned(self.into_owned())
    }
}

impl IntoOwned for Data {
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }
}

impl<T: IntoOwned> IntoOwned for Option<T> {
    type Owned = Option<T::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.map(T::into_owned)
    }
}

impl<T: IntoOwned> IntoOwned for Vec<T> {
    type Owned = Vec<T::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.into_iter().map(T::into_owned).collect()
    }
}

/// An object of an event's JSON. Its `texts` and `parts` may borrow from the payload, its `options` do
/// not. Texts and options that are missing are not written either.
macro_rules! object {
    ($(#[$attr:meta])* $vis:vis $name:ident {
        $(texts { $($(#[$text_attr:meta])* $text:ident),* $(,)? })?
        $(options { $($option:ident: $option_type:ty),* $(,)? })?
        $(parts { $($(#[$part_attr:meta])* $part:ident: $part_type:ty),* $(,)? })?
    }) => {
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        $(#[$attr])*
        $vis struct $name<'a> {
            $($(
                #[serde(borrow, default, deserialize_with = "crate::lambda::json::text")]
                #[serde(skip_serializing_if = "Option::is_none")]
                $(#[$text_attr])*
                pub(in crate::lambda) $text: crate::lambda::json::Text<'a>,
            )*)?
            $($(
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(in crate::lambda) $option: Option<$option_type>,
            )*)?
            $($($(#[$part_attr])* pub(in crate::lambda) $part: $part_type,)*)?
        }

        impl crate::lambda::json::IntoOwned for $name<'_> {
            type Owned = $name<'static>;

            fn into_owned(self) -> Self::Owned {
                $name {
                    $($($text: crate::lambda::json::IntoOwned::into_owned(self.$text),)*)?
                    $($($option: self.$option,)*)?
                    $($($part: crate::lambda::json::IntoOwned::into_owned(self.$part),)*)?
                }
            }
        }
    };
}
pub(super) use object;
