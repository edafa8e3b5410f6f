//! The user record as the KPL writes it, recognised by its first bytes at once.
//!
//! A `Record` of the KPL is its fields once, in number order, without tags; its indices mostly
//! take one byte and its lengths one or two. So the bytes before the data have four shapes. Eight
//! (or sixteen) of them are loaded as one number, and one comparison tells whether tags and varint
//! ends stand where the shape has them. Everything else, the last bytes of a message too, is left
//! to the reader of any shape, which finds the same in the same bytes.

use super::index::NO_KEY;

/// User records of one shape and one length: very common, and their bytes but for the key's index
/// are the same. One comparison then tells all, and where the next one starts is known before this
/// one is read: the processor need not wait for its length.
#[derive(Clone, Copy)]
pub(super) struct Run {
    mask: u64,
    /// Without a run, bits that the mask does not let through.
    like: u64,
    key_shift: u32,
    header_len: usize,
    data_len: u32,
    record_len: usize,
}

impl Run {
    /// No record goes on with this one.
    pub(super) const NONE: Self = Self {
        mask: 0,
        like: 1,
        key_shift: 0,
        header_len: 0,
        data_len: 0,
        record_len: 0,
    };

    /// The records that are like the one with this header at the start of `rest`.
    #[inline]
    pub(super) fn like(rest: &[u8], header: Header) -> Self {
        let Some(first) = rest.first_chunk() else {
            return Self::NONE;
        };
        let (mask, key_shift) = match (header.len, header.explicit_hash_key) {
            (8, NO_KEY) => (!(0x7F << 32), 32),
            (6, NO_KEY) => (!(0x7F << 24) & (u64::MAX >> 16), 24),
            _ => return Self::NONE,
        };
        let data_len = usize::try_from(header.data_len).unwrap_or(usize::MAX);
        Self {
            mask,
            like: u64::from_le_bytes(*first) & mask,
            key_shift,
            header_len: header.len,
            data_len: header.data_len,
            record_len: header.len.saturating_add(data_len),
        }
    }

    /// The header of the record at the start of `rest`, and what is behind the record.
    #[inline(always)]
    pub(super) fn next(self, rest: &[u8]) -> Option<(Header, &[u8])> {
        let word = u64::from_le_bytes(*rest.first_chunk()?);
        if word & self.mask != self.like {
            return None;
        }
        let behind = rest.get(self.record_len..)?;
        let header = Header {
            len: self.header_len,
            data_len: self.data_len,
            partition_key: one(word.wrapping_shr(self.key_shift)),
            explicit_hash_key: NO_KEY,
        };
        Some((header, behind))
    }
}

/// What stands before the data of a user record.
#[derive(Clone, Copy)]
pub(super) struct Header {
    /// The bytes before the data, from the record's tag on.
    pub(super) len: usize,
    pub(super) data_len: u32,
    pub(super) partition_key: u32,
    pub(super) explicit_hash_key: u32,
}

/// One byte of a shape: which of its bits are given, and their values.
type Byte = (u8, u8);

/// The tag of the field `records`, and of `data` in a record.
const LENGTH_3: Byte = (0xFF, 0x1A);
const PARTITION_KEY: Byte = (0xFF, 0x08);
const EXPLICIT_HASH_KEY: Byte = (0xFF, 0x10);
/// A byte of a varint behind which more come, and its last one.
const MORE: Byte = (0x80, 0x80);
const LAST: Byte = (0x80, 0x00);

/// The bits that a shape gives, and their values, as little-endian numbers.
const fn shape(bytes: &[Byte]) -> (u128, u128) {
    let (mut mask, mut value) = (0, 0);
    let mut rest = bytes;
    while let [head @ .., (given, bits)] = rest {
        mask = mask << 8 | *given as u128;
        value = value << 8 | *bits as u128;
        rest = head;
    }
    (mask, value)
}

/// Data of 123 to 16,378 bytes.
const LONG: (u64, u64) = short(shape(&[
    LENGTH_3,
    MORE,
    LAST,
    PARTITION_KEY,
    LAST,
    LENGTH_3,
    MORE,
    LAST,
]));

/// Data of at most 122 bytes.
const SHORT: (u64, u64) = short(shape(&[
    LENGTH_3,
    LAST,
    PARTITION_KEY,
    LAST,
    LENGTH_3,
    LAST,
]));

/// The same with an explicit hash key.
const LONG_HASHED: (u128, u128) = shape(&[
    LENGTH_3,
    MORE,
    LAST,
    PARTITION_KEY,
    LAST,
    EXPLICIT_HASH_KEY,
    LAST,
    LENGTH_3,
    MORE,
    LAST,
]);

const SHORT_HASHED: (u64, u64) = short(shape(&[
    LENGTH_3,
    LAST,
    PARTITION_KEY,
    LAST,
    EXPLICIT_HASH_KEY,
    LAST,
    LENGTH_3,
    LAST,
]));

#[expect(clippy::cast_possible_truncation, reason = "eight bytes at most")]
const fn short((mask, value): (u128, u128)) -> (u64, u64) {
    (mask as u64, value as u64)
}

/// The header of the record at the start of `rest`, if it has one of the shapes and both of its
/// lengths agree. That the data end within `rest` is left to check.
#[inline]
pub(super) fn header(rest: &[u8]) -> Option<Header> {
    let word = u64::from_le_bytes(*rest.first_chunk()?);
    if word & LONG.0 == LONG.1 {
        return agree(two(word >> 8), two(word >> 48), 5, 8, word >> 32, None);
    }
    if word & SHORT.0 == SHORT.1 {
        return agree(one(word >> 8), one(word >> 40), 4, 6, word >> 24, None);
    }
    if word & SHORT_HASHED.0 == SHORT_HASHED.1 {
        let hash_key = Some(word >> 40);
        return agree(one(word >> 8), one(word >> 56), 6, 8, word >> 24, hash_key);
    }
    let words = u128::from_le_bytes(*rest.first_chunk()?);
    if words & LONG_HASHED.0 == LONG_HASHED.1 {
        let [.., eight, nine, _, _, _, _, _, _] = words.to_le_bytes();
        let data_len = two(u64::from(eight) | u64::from(nine) << 8);
        let hash_key = Some(word >> 48);
        return agree(two(word >> 8), data_len, 7, 10, word >> 32, hash_key);
    }
    None
}

/// The header if a record of `len` bytes holds data of `data_len` and `fields` more.
#[inline(always)]
fn agree(
    len: u32,
    data_len: u32,
    fields: u32,
    header_len: usize,
    partition_key: u64,
    explicit_hash_key: Option<u64>,
) -> Option<Header> {
    (len == data_len.wrapping_add(fields)).then(|| Header {
        len: header_len,
        data_len,
        partition_key: one(partition_key),
        explicit_hash_key: explicit_hash_key.map_or(NO_KEY, one),
    })
}

/// A varint of one byte.
#[inline(always)]
fn one(word: u64) -> u32 {
    (word & 0x7F) as u32
}

/// A varint of two bytes.
#[inline(always)]
fn two(word: u64) -> u32 {
    one(word) | one(word >> 8) << 7
}
