//! Lists of records, and what records of every shape have.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::input::Stored;

/// The bytes of a record's data.
pub(super) fn decode(base64: &str) -> std::result::Result<Vec<u8>, &'static str> {
    let decoded = base64_simd::STANDARD.decode_to_vec(base64);
    decoded.map_err(|_| "its data is not base64")
}

/// A string that borrows from the input where no escape forbids it; inside an `Option`, serde
/// would copy a plain `Cow`.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Records, each turned into [`Stored`] as it is read; an error names the record.
pub(super) struct List<'a, T>(pub(super) Vec<Stored<'a>>, PhantomData<T>);

impl<'de: 'a, 'a, T> Deserialize<'de> for List<'a, T>
where
    T: Deserialize<'de> + TryInto<Stored<'a>, Error = &'static str>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T> Visitor<'de> for ListVisitor<'a, T>
where
    T: Deserialize<'de> + TryInto<Stored<'a>, Error = &'static str>,
{
    type Value = List<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut records: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let position = list.len();
            let name = |error: &dyn fmt::Display| {
                de::Error::custom(format_args!("record {position}: {error}"))
            };
            match records.next_element::<T>() {
                Ok(Some(record)) => list.push(record.try_into().map_err(|error| name(&error))?),
                Ok(None) => return Ok(List(list, PhantomData)),
                Err(error) => return Err(name(&error)),
            }
        }
    }
}
