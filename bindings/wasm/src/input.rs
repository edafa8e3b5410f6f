//! A request: numbers first, then the texts and bytes that they point to.

use std::borrow::Cow;
use std::ops::Range;

/// Why a request makes no sense.
pub(crate) type Bad = Cow<'static, str>;

#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    all: &'a [u8],
    /// The numbers that were not taken yet.
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(all: &'a [u8]) -> Self {
        Self { all, rest: all }
    }

    pub(crate) fn number(&mut self) -> Result<u32, Bad> {
        let (number, rest) = self.rest.split_first_chunk().ok_or("the request is cut")?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*number))
    }

    pub(crate) fn size(&mut self) -> Result<usize, Bad> {
        Ok(usize::try_from(self.number()?).unwrap_or(usize::MAX))
    }

    pub(crate) fn range(&mut self) -> Result<Range<usize>, Bad> {
        Ok(self.size()?..self.size()?)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Bad> {
        let range = self.range()?;
        let bytes = self.all.get(range);
        bytes.ok_or(Bad::Borrowed("the request points outside itself"))
    }

    #[cfg(any(feature = "read", feature = "write"))]
    pub(crate) fn text(&mut self) -> Result<&'a str, Bad> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map_err(|_| Bad::Borrowed("a text is not UTF-8"))
    }
}
