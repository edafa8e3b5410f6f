//! Writes protobuf by the piece, and where asked for, strangely.

use fastrand::Rng;
use kinesis_aggregation::md5;
use kinesis_aggregation::wire::MAGIC;

pub(crate) const VARINT: u32 = 0;
pub(crate) const FIXED64: u32 = 1;
pub(crate) const LENGTH: u32 = 2;
pub(crate) const START_GROUP: u32 = 3;
pub(crate) const END_GROUP: u32 = 4;
pub(crate) const FIXED32: u32 = 5;

/// The body with the magic and a right digest around it.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    [&MAGIC[..], body, &md5::digest(body)].concat()
}

/// The message of a frame, whatever its digest; all of it where there is no frame.
pub(crate) fn unframe(data: &[u8]) -> &[u8] {
    let end = data.len().saturating_sub(16);
    data.get(4..end).unwrap_or(data)
}

/// A value in so many bytes, 1 to 11; the tenth holds only the highest bit of a u64.
pub(crate) fn varint_of(value: u64, len: usize) -> Vec<u8> {
    let byte = |i: usize| {
        let group = if i < 10 { value >> (7 * i) } else { 0 };
        let more = if i + 1 < len { 0x80 } else { 0 };
        u8::try_from(group & 0x7F).unwrap() | more
    };
    (0..len).map(byte).collect()
}

pub(crate) fn varint(value: u64) -> Vec<u8> {
    let bits = 64 - value.leading_zeros().min(63);
    varint_of(value, usize::try_from(bits.div_ceil(7)).unwrap())
}

pub(crate) fn tag(number: u32, wire_type: u32) -> Vec<u8> {
    varint(u64::from((number << 3) | wire_type))
}

/// A length-delimited field.
pub(crate) fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let len = varint(u64::try_from(bytes.len()).unwrap());
    [&tag(number, LENGTH)[..], &len, bytes].concat()
}

/// A `Record`, without its tag and length.
pub(crate) fn record(key: u64, hash_key: Option<u64>, data: &[u8]) -> Vec<u8> {
    let mut body = [tag(1, VARINT), varint(key)].concat();
    if let Some(hash_key) = hash_key {
        body.extend(tag(2, VARINT));
        body.extend(varint(hash_key));
    }
    body.extend(field(3, data));
    body
}

/// Writes what it is told, but in one of 10,000 / `chaos` places something stranger.
pub(crate) struct Pen<'r> {
    pub(crate) rng: &'r mut Rng,
    pub(crate) chaos: u32,
}

impl Pen<'_> {
    pub(crate) fn strange(&mut self) -> bool {
        self.chaos > 0 && self.rng.u32(0..10_000) < self.chaos
    }

    /// A varint that is read modulo 2^32: tags and lengths.
    pub(crate) fn number32(&mut self, value: u64) -> Vec<u8> {
        if !self.strange() {
            return varint(value);
        }
        match self.rng.u8(0..4) {
            0 => self.overlong(value),
            1 => varint(value | (self.rng.u64(1..1 << 32) << 32)),
            2 => {
                let high = self.rng.u64(0..1 << 32) << 32;
                self.tenth_byte(value | high)
            }
            _ => {
                // Another length or tag.
                let other = match self.rng.u8(0..5) {
                    0 => value.wrapping_add(1),
                    1 => value.wrapping_sub(1),
                    2 => self.rng.u64(0..300),
                    3 => 1 << 31,
                    _ => self.rng.u64(..),
                };
                varint(other)
            }
        }
    }

    /// A varint that is read modulo 2^64.
    pub(crate) fn number64(&mut self, value: u64) -> Vec<u8> {
        if !self.strange() {
            return varint(value);
        }
        if self.rng.bool() {
            self.overlong(value)
        } else {
            self.tenth_byte(value)
        }
    }

    fn overlong(&mut self, value: u64) -> Vec<u8> {
        let least = varint(value).len();
        let len = self.rng.usize(least..=11);
        varint_of(value, len)
    }

    /// In ten bytes, the last one any.
    fn tenth_byte(&mut self, value: u64) -> Vec<u8> {
        let mut bytes = varint_of(value, 10);
        bytes[9] = if self.rng.u8(0..8) == 0 {
            self.rng.u8(..)
        } else {
            self.rng.u8(0..0x80)
        };
        bytes
    }

    pub(crate) fn tag(&mut self, number: u32, wire_type: u32) -> Vec<u8> {
        self.number32(u64::from((number << 3) | wire_type))
    }

    pub(crate) fn field(&mut self, number: u32, bytes: &[u8]) -> Vec<u8> {
        let tag = self.tag(number, LENGTH);
        let len = self.number32(u64::try_from(bytes.len()).unwrap());
        [&tag[..], &len, bytes].concat()
    }

    /// A field that the schema does not know, inside `depth` messages.
    pub(crate) fn unknown(&mut self, depth: usize) -> Vec<u8> {
        let number = match self.rng.u8(0..6) {
            0 => self.rng.u32(1..5),
            1 => (1 << 29) - 1,
            2 => self.rng.u32(1..1 << 29),
            3 if self.rng.u8(0..10) == 0 => 0,
            _ => self.rng.u32(5..20),
        };
        let wire_type = match self.rng.u8(0..40) {
            0 => self.rng.u32(0..8),
            n => [VARINT, FIXED64, LENGTH, START_GROUP, FIXED32][usize::from(n) % 5],
        };
        self.of_type(number, wire_type, depth)
    }

    /// A field of this wire type with some value.
    pub(crate) fn of_type(&mut self, number: u32, wire_type: u32, depth: usize) -> Vec<u8> {
        let value = match wire_type {
            VARINT => {
                let value = self.rng.u64(..) >> self.rng.u32(0..64);
                self.number64(value)
            }
            FIXED64 => self.bytes(8),
            LENGTH => {
                let len = self.rng.usize(0..12);
                let bytes = self.bytes(len);
                let len = self.number32(u64::try_from(len).unwrap());
                [len, bytes].concat()
            }
            START_GROUP => self.rest_of_group(number, depth),
            FIXED32 => self.bytes(4),
            _ => Vec::new(),
        };
        [self.tag(number, wire_type), value].concat()
    }

    fn rest_of_group(&mut self, number: u32, depth: usize) -> Vec<u8> {
        let mut inside = Vec::new();
        if self.rng.u8(0..20) == 0 {
            // As deep as protobuf-java goes, or not quite, or a little further.
            let levels = self.rng.usize(95..102) - depth.min(50);
            inside = nested_groups(self.rng.u32(5..9), levels);
        } else if depth < 12 {
            for _ in 0..self.rng.usize(0..3) {
                inside.extend(self.unknown(depth + 1));
            }
        }
        let end = if self.strange() { number ^ 1 } else { number };
        if !self.strange() {
            inside.extend(self.tag(end, END_GROUP));
        }
        inside
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.rng.u8(..)).collect()
    }
}

/// So many groups, one in the other.
pub(crate) fn nested_groups(number: u32, levels: usize) -> Vec<u8> {
    let start = tag(number, START_GROUP).repeat(levels);
    [start, tag(number, END_GROUP).repeat(levels)].concat()
}
