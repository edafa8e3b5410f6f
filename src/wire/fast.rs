//! The user record as the KPL writes it, recognised by its first bytes at once.
//!
//! A `Record` of the KPL is its fields once, in number order, without tags; its indices mostly
//! take one byte and its lengths one or two. So the bytes before the data have four shapes. Eight
//! (or sixteen) of them are loaded as one number, and one comparison tells whether tags and varint
//! ends stand where the shape has them. Everything else, the last bytes of a message too, is left
//! to the reader of any shape, which finds the same in the same bytes.

use super::index::NO_KEY;

/// User records of one shape and one length: very common, and their bytes but for the keys' indices
/// are the same. One comparison then tells all, and where the next one starts is known before this
/// one is read: the processor need not wait for its length.
#[derive(Clone, Copy)]
pub(super) struct Run<W> {
    mask: W,
    like: W,
    /// What all of them have but for the keys.
    header: Header,
    record_len: usize,
    /// Where the keys' indices are in the word.
    partition_key: u32,
    explicit_hash_key: u32,
}

/// The first bytes of a record as one number.
pub(super) trait Word: Copy + Eq + std::ops::BitAnd<Output = Self> {
    /// Whether there may be an explicit hash key.
    const HASHED: bool;

    fn load(rest: &[u8]) -> Option<Self>;

    /// The byte that starts at this bit, without its highest bit.
    fn index(self, shift: u32) -> u32;
}

impl Word for u64 {
    const HASHED: bool = false;

    #[inline(always)]
    fn load(rest: &[u8]) -> Option<Self> {
        rest.first_chunk().map(|bytes| Self::from_le_bytes(*bytes))
    }

    #[inline(always)]
    fn index(self, shift: u32) -> u32 {
        one(self.wrapping_shr(shift))
    }
}

impl Word for u128 {
    const HASHED: bool = true;

    #[inline(always)]
    fn load(rest: &[u8]) -> Option<Self> {
        rest.first_chunk().map(|bytes| Self::from_le_bytes(*bytes))
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits are asked for"
    )]
    fn index(self, shift: u32) -> u32 {
        one(self.wrapping_shr(shift) as u64)
    }
}

impl Run<u64> {
    /// The records that are like the one with this header at the start of `rest`, if it has no
    /// explicit hash key.
    #[inline]
    pub(super) fn like(rest: &[u8], header: Header) -> Option<Self> {
        let (mask, shift) = match (header.len, header.explicit_hash_key) {
            (8, NO_KEY) => (!(0x7F << 32), 32),
            (6, NO_KEY) => (!(0x7F << 24) & (u64::MAX >> 16), 24),
            _ => return None,
        };
        Self::new(rest, header, mask, shift, 0)
    }
}

impl Run<u128> {
    /// The same if it has one.
    #[inline]
    pub(super) fn like_hashed(rest: &[u8], header: Header) -> Option<Self> {
        // The indices are two bytes apart: a tag is between them.
        let (given, shift, hashed) = match (header.len, header.explicit_hash_key) {
            (_, NO_KEY) => return None,
            (10, _) => (u128::MAX >> 48, 32, 48),
            (8, _) => (u128::MAX >> 64, 24, 40),
            _ => return None,
        };
        let mask = given & !(0x7F << shift) & !(0x7F << hashed);
        Self::new(rest, header, mask, shift, hashed)
    }
}

impl<W: Word> Run<W> {
    fn new(
        rest: &[u8],
        header: Header,
        mask: W,
        partition_key: u32,
        explicit_hash_key: u32,
    ) -> Option<Self> {
        let record_len = header.record_len();
        (record_len >= size_of::<W>()).then_some(Self {
            mask,
            like: W::load(rest)? & mask,
            header,
            record_len,
            partition_key,
            explicit_hash_key,
        })
    }

    /// The records that go on with the run at the start of `rest`, each with its data, and what is
    /// behind them. Not more than [`BLOCK`]: looking at one word of each first keeps many loads
    /// under way at once, and when they are looked at again they are still in the nearest cache.
    #[inline]
    pub(super) fn block(
        self,
        rest: &[u8],
    ) -> (impl ExactSizeIterator<Item = Header> + '_, usize, &[u8]) {
        let count = rest
            .chunks_exact(self.record_len)
            .take(BLOCK)
            .take_while(|record| W::load(record).is_some_and(|word| word & self.mask == self.like))
            .count();
        let end = count.saturating_mul(self.record_len);
        let (records, behind) = rest.split_at_checked(end).unwrap_or((&[], rest));
        let headers = records.chunks_exact(self.record_len).map(move |record| {
            let mut header = self.header;
            if let Some(word) = W::load(record) {
                header.partition_key = word.index(self.partition_key);
                if W::HASHED {
                    header.explicit_hash_key = word.index(self.explicit_hash_key);
                }
            }
            header
        });
        (headers, count, behind)
    }

    pub(super) fn record_len(self) -> usize {
        self.record_len
    }
}

/// Records of a run that are looked at twice.
pub(super) const BLOCK: usize = 256;

/// What stands before the data of a user record.
#[derive(Clone, Copy)]
pub(super) struct Header {
    /// The bytes before the data, from the record's tag on.
    pub(super) len: u32,
    pub(super) data_len: u32,
    pub(super) partition_key: u32,
    pub(super) explicit_hash_key: u32,
}

impl Header {
    /// The whole record, from its tag on.
    #[inline(always)]
    pub(super) fn record_len(self) -> usize {
        let len = self.len.saturating_add(self.data_len);
        usize::try_from(len).unwrap_or(usize::MAX)
    }
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
    header_len: u32,
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
