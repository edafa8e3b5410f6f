//! Reading protobuf's scalars from a slice, with protobuf-java's rules.

/// The message does not parse; the error is found at this distance from the message's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) left: usize,
}

pub(super) const VARINT: u32 = 0;
pub(super) const FIXED64: u32 = 1;
pub(super) const LENGTH: u32 = 2;
pub(super) const START_GROUP: u32 = 3;
pub(super) const END_GROUP: u32 = 4;
pub(super) const FIXED32: u32 = 5;

/// protobuf-java's recursion limit; messages count towards it too.
const MAX_DEPTH: usize = 100;

/// The rest of a message that is still to be read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// Bytes of the outermost message after this one's end.
    after: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self {
            rest: message,
            after: 0,
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The cursor over the last bytes of this one, `rest`.
    pub(super) fn at(&self, rest: &'a [u8]) -> Self {
        Self { rest, ..*self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes between here and the end of the outermost message.
    pub(super) fn left(&self) -> usize {
        self.rest.len().saturating_add(self.after)
    }

    pub(super) fn malformed(&self) -> Malformed {
        Malformed { left: self.left() }
    }

    /// A varint of at most ten bytes, modulo 2^64.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        if let [byte @ 0..=0x7F, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        let mut rest = self.rest;
        for shift in (0..70_u32).step_by(7) {
            let [byte, tail @ ..] = rest else { break };
            rest = tail;
            // The tenth byte's upper bits fall off, as in Java.
            value |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
            if *byte < 0x80 {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.malformed())
    }

    /// A varint modulo 2^32, as Java reads tags and lengths.
    #[inline]
    fn varint32(&mut self) -> Result<u32, Malformed> {
        let value = self.varint()?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "modulo 2^32 is Java's rule"
        )]
        Ok(value as u32)
    }

    /// A field's tag. Field number 0 is malformed.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<Tag, Malformed> {
        let start = *self;
        let tag = Tag(self.varint32()?);
        if tag.field() == 0 {
            return Err(start.malformed());
        }
        Ok(tag)
    }

    /// A length and as many bytes. A length of 2^31 and more is negative in Java.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let start = *self;
        let len = self.varint32()?;
        if len > i32::MAX.unsigned_abs() {
            return Err(start.malformed());
        }
        let split = usize::try_from(len).ok();
        let split = split.and_then(|len| self.rest.split_at_checked(len));
        let (bytes, rest) = split.ok_or_else(|| start.malformed())?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A length and a message of that many bytes.
    #[inline]
    pub(super) fn message(&mut self) -> Result<Self, Malformed> {
        let rest = self.bytes()?;
        Ok(Self {
            rest,
            after: self.left(),
        })
    }

    /// Skips the value of an unknown field, at `depth` messages and groups.
    pub(super) fn skip(&mut self, tag: Tag, depth: usize) -> Result<(), Malformed> {
        match tag.wire_type() {
            VARINT => self.varint().map(drop),
            FIXED64 => self.skip_fixed(8),
            LENGTH => self.bytes().map(drop),
            START_GROUP => self.skip_group(tag, depth),
            FIXED32 => self.skip_fixed(4),
            // An end without a start, and the two types that do not exist.
            _ => Err(self.malformed()),
        }
    }

    fn skip_fixed(&mut self, len: usize) -> Result<(), Malformed> {
        self.rest = self.rest.get(len..).ok_or_else(|| self.malformed())?;
        Ok(())
    }

    /// Skips up to the end of a group, which must be in this message and of the same field.
    fn skip_group(&mut self, start: Tag, depth: usize) -> Result<(), Malformed> {
        if depth >= MAX_DEPTH {
            return Err(self.malformed());
        }
        loop {
            let at = *self;
            let tag = self.tag()?;
            if tag.wire_type() == END_GROUP {
                return if tag.field() == start.field() {
                    Ok(())
                } else {
                    Err(at.malformed())
                };
            }
            self.skip(tag, depth.saturating_add(1))?;
        }
    }
}

/// A field's number and wire type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    /// A tag of the schema, where it is a constant: none takes more than one byte.
    pub(super) const fn new(field: u32, wire_type: u32) -> Self {
        assert!(field < 16);
        Self((field << 3) | wire_type)
    }

    /// The tag as it is written.
    #[expect(clippy::cast_possible_truncation, reason = "one byte, see `new`")]
    pub(super) const fn byte(self) -> u8 {
        self.0 as u8
    }

    fn field(self) -> u32 {
        self.0 >> 3
    }

    pub(super) fn wire_type(self) -> u32 {
        self.0 & 7
    }
}
