//! The quick ways: user records in the shape that the KPL writes, recognised by their first bytes
//! at once.
//!
//! A `Record` of the KPL has its fields once, in number order, without tags; its indices mostly
//! take one byte and its lengths one or two. So the bytes before the data have four shapes. `L` is
//! the length of the whole record, `K` the partition key's index, `H` the explicit hash key's, and
//! `D` the length of the data; for a record of the first table entries the bytes are
//!
//! ```text
//!                L        K         H         D
//! SHORT        1A 09    08 00              1A 05     68 65 6C 6C 6F    5 bytes of data, "hello"
//! SHORT_HASHED 1A 0B    08 00    10 00     1A 05     68 65 6C 6C 6F
//! LONG         1A CD 01 08 00              1A C8 01  …                 200 bytes of data
//! LONG_HASHED  1A CF 01 08 00    10 00     1A C8 01  …
//! ```
//!
//! `L` says again what `D` says: L = D + 4 in the first line (`08 00 1A 05` are four bytes), D + 6,
//! D + 5 and D + 7 in the others.
//!
//! Eight of these bytes (or sixteen) are loaded as one number, and one masked comparison tells
//! whether tags and varint ends are where the shape has them. Everything else, the last bytes of a
//! message too, is left to the reader of any shape in [`index`](super::index), which finds the same
//! in the same bytes: `quick_tests` compares the two.

use super::cursor::Tag;
use super::indexed::{IndexedRecord, OptionalIndex, Span, TableIndex, to_u32};
use super::schema::{aggregated_record, record};

/// Where a record starts is only known when the one before has been read, so the processor waits
/// for each one's bytes to come from memory. A byte this far ahead, of no interest in itself, makes
/// it fetch them in time. Records of several lengths that had left the nearest cache are indexed in
/// 0.5 to 0.7 of the time; 1024 and 2048 bytes, or more bytes at once, gained less.
const AHEAD: usize = 512;

/// Reads user records from the start of `rest` for as long as they have one of the shapes, and
/// returns what is left. The message ends at `end` in the Kinesis record's data.
#[inline]
pub(super) fn records<'m>(
    mut rest: &'m [u8],
    end: usize,
    found: &mut Vec<IndexedRecord>,
) -> &'m [u8] {
    let mut data_len = None;
    let mut ahead = None;
    while let Some(header) = header(rest) {
        ahead = rest.get(AHEAD).copied().or(ahead);
        let Some(after) = rest.get(header.record_len()..) else {
            break;
        };
        found.push(header.at(to_u32(end.wrapping_sub(rest.len()))));
        // Two of one length make a run. Where lengths vary, looking for runs costs.
        rest = if data_len != Some(header.data_len) {
            after
        } else if let Some(run) = Run::like(rest, header) {
            run.records(after, end, found)
        } else if let Some(run) = Run::like_hashed(rest, header) {
            run.records(after, end, found)
        } else {
            after
        };
        data_len = Some(header.data_len);
    }
    std::hint::black_box(ahead);
    rest
}

/// The first fields of a `Record` in the usual shape, whatever its length; see [`indices`].
pub(super) struct Indices<'m> {
    pub(super) partition_key: TableIndex,
    pub(super) explicit_hash_key: OptionalIndex,
    /// From the length of the data on.
    pub(super) data: &'m [u8],
}

/// The fields before the data, if `body` starts with both indices, or with the partition key's
/// alone, each in one byte: `08 K 1A …` or `08 K 10 H 1A …`. That is how data too long for a
/// [`header`] start, and the last record of a message.
#[inline]
pub(super) fn indices(body: &[u8]) -> Option<Indices<'_>> {
    const KEY: u8 = record::PARTITION_KEY_INDEX.byte();
    const HASH_KEY: u8 = record::EXPLICIT_HASH_KEY_INDEX.byte();
    const DATA: u8 = record::DATA.byte();
    let (key, hash_key, data) = match body {
        [KEY, key @ 0..=0x7F, DATA, data @ ..] => (key, OptionalIndex::NONE, data),
        [
            KEY,
            key @ 0..=0x7F,
            HASH_KEY,
            hash_key @ 0..=0x7F,
            DATA,
            data @ ..,
        ] => (key, TableIndex::new(u64::from(*hash_key)).into(), data),
        _ => return None,
    };
    Some(Indices {
        partition_key: TableIndex::new(u64::from(*key)),
        explicit_hash_key: hash_key,
        data,
    })
}

/// What is before the data of a user record.
#[derive(Clone, Copy)]
struct Header {
    /// The bytes before the data, from the record's tag on.
    len: u32,
    data_len: u32,
    partition_key: TableIndex,
    explicit_hash_key: OptionalIndex,
}

impl Header {
    /// The whole record, from its tag on.
    #[inline(always)]
    fn record_len(self) -> usize {
        let len = self.len.saturating_add(self.data_len);
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    /// The user record with this header at `position` in the Kinesis record's data.
    #[inline(always)]
    fn at(self, position: u32) -> IndexedRecord {
        IndexedRecord {
            data: Span::new(position.wrapping_add(self.len), self.data_len),
            partition_key: self.partition_key,
            explicit_hash_key: self.explicit_hash_key,
        }
    }
}

/// One byte of a shape: which of its bits are given, and their values.
type Byte = (u8, u8);

/// A tag, all of whose bits are given.
const fn is(tag: Tag) -> Byte {
    (0xFF, tag.byte())
}

const RECORD: Byte = is(aggregated_record::RECORDS);
const PARTITION_KEY: Byte = is(record::PARTITION_KEY_INDEX);
const EXPLICIT_HASH_KEY: Byte = is(record::EXPLICIT_HASH_KEY_INDEX);
const DATA: Byte = is(record::DATA);
/// A byte of a varint after which more come, and its last one: the highest bit tells.
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

#[expect(clippy::cast_possible_truncation, reason = "eight bytes at most")]
const fn short((mask, value): (u128, u128)) -> (u64, u64) {
    (mask as u64, value as u64)
}

/// Data of up to 123 bytes, as in `1A 09 08 00 1A 05 …`.
const SHORT: (u64, u64) = short(shape(&[RECORD, LAST, PARTITION_KEY, LAST, DATA, LAST]));

/// Data of up to 121 bytes, as in `1A 0B 08 00 10 00 1A 05 …`.
const SHORT_HASHED: (u64, u64) = short(shape(&[
    RECORD,
    LAST,
    PARTITION_KEY,
    LAST,
    EXPLICIT_HASH_KEY,
    LAST,
    DATA,
    LAST,
]));

/// Data of 128 to 16,378 bytes, as in `1A CD 01 08 00 1A C8 01 …`.
const LONG: (u64, u64) = short(shape(&[
    RECORD,
    MORE,
    LAST,
    PARTITION_KEY,
    LAST,
    DATA,
    MORE,
    LAST,
]));

/// Data of 128 to 16,376 bytes, as in `1A CF 01 08 00 10 00 1A C8 01 …`: ten bytes.
const LONG_HASHED: (u128, u128) = shape(&[
    RECORD,
    MORE,
    LAST,
    PARTITION_KEY,
    LAST,
    EXPLICIT_HASH_KEY,
    LAST,
    DATA,
    MORE,
    LAST,
]);

/// The header of the record at the start of `rest`, if it has one of the shapes and both of its
/// lengths agree. That the data end within `rest` is left to check.
///
/// The shifts are places in the shapes above, 8 bits a byte: in LONG, `L` is at byte 1, `K` at
/// byte 4 and `D` at byte 6.
#[inline]
fn header(rest: &[u8]) -> Option<Header> {
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
        partition_key: TableIndex::new(one(partition_key).into()),
        explicit_hash_key: explicit_hash_key.map_or(OptionalIndex::NONE, |hash_key| {
            TableIndex::new(one(hash_key).into()).into()
        }),
    })
}

/// A varint of one byte.
#[inline(always)]
fn one(word: u64) -> u32 {
    (word & 0x7F) as u32
}

/// A varint of two bytes: `C8 01` is 0x48 | 1 << 7 = 200.
#[inline(always)]
fn two(word: u64) -> u32 {
    one(word) | one(word >> 8) << 7
}

/// Records of a run that are looked at twice.
const BLOCK: usize = 256;

/// User records of one shape and one length: very common, and their bytes but for the keys' indices
/// are the same. One comparison then tells all, and where the next one starts is known before this
/// one is read: the processor need not wait for its length.
///
/// ```text
/// 1A CD 01 08 00 1A C8 01   a LONG header
/// FF FF FF FF 80 FF FF FF   mask: all but the seven bits of K
/// 1A CD 01 08 .. 1A C8 01   like: what the next headers must have
/// ```
#[derive(Clone, Copy)]
struct Run<W> {
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
trait Word: Copy + Eq + std::ops::BitAnd<Output = Self> {
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
    fn like(rest: &[u8], header: Header) -> Option<Self> {
        let (mask, shift) = match (header.len, header.explicit_hash_key) {
            (8, OptionalIndex::NONE) => (!(0x7F << 32), 32),
            // Six bytes of the eight are the header's.
            (6, OptionalIndex::NONE) => (!(0x7F << 24) & (u64::MAX >> 16), 24),
            _ => return None,
        };
        Self::new(rest, header, mask, shift, 0)
    }
}

impl Run<u128> {
    /// The same if it has one.
    #[inline]
    fn like_hashed(rest: &[u8], header: Header) -> Option<Self> {
        // The indices are two bytes apart: a tag is between them.
        let (given, shift, hashed) = match (header.len, header.explicit_hash_key) {
            (_, OptionalIndex::NONE) => return None,
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
        // A word must not reach into the next record, whose bytes are other ones.
        (record_len >= size_of::<W>()).then_some(Self {
            mask,
            like: W::load(rest)? & mask,
            header,
            record_len,
            partition_key,
            explicit_hash_key,
        })
    }

    /// Reads the records that go on with the run at the start of `rest`, and returns what is left.
    #[inline]
    fn records<'m>(
        self,
        mut rest: &'m [u8],
        end: usize,
        found: &mut Vec<IndexedRecord>,
    ) -> &'m [u8] {
        loop {
            let (headers, count, after) = self.block(rest);
            let mut position = to_u32(end.wrapping_sub(rest.len()));
            let record_len = to_u32(self.record_len);
            found.extend(headers.map(|header| {
                let record = header.at(position);
                position = position.wrapping_add(record_len);
                record
            }));
            rest = after;
            if count < BLOCK {
                return rest;
            }
        }
    }

    /// The headers of the records that go on with the run, each with its data, and what is after
    /// them. Not more than [`BLOCK`]: looking at one word of each first keeps many loads under way
    /// at once, and when they are looked at again they are still in the nearest cache.
    #[inline]
    fn block(self, rest: &[u8]) -> (impl ExactSizeIterator<Item = Header> + '_, usize, &[u8]) {
        let count = rest
            .chunks_exact(self.record_len)
            .take(BLOCK)
            .take_while(|record| W::load(record).is_some_and(|word| word & self.mask == self.like))
            .count();
        let end = count.saturating_mul(self.record_len);
        let (records, after) = rest.split_at_checked(end).unwrap_or((&[], rest));
        let headers = records.chunks_exact(self.record_len).map(move |record| {
            let mut header = self.header;
            if let Some(word) = W::load(record) {
                let index = |shift| TableIndex::new(word.index(shift).into());
                header.partition_key = index(self.partition_key);
                if W::HASHED {
                    header.explicit_hash_key = index(self.explicit_hash_key).into();
                }
            }
            header
        });
        (headers, count, after)
    }
}
