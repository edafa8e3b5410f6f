//! The quick way: user records in the shape that the KPL writes, each read without a branch.
//!
//! A `Record` of the KPL has its fields once, in number order, without tags; its indices mostly
//! take one byte and its lengths one or two. `L` is the length of the whole record, `K` the
//! partition key's index, `H` the explicit hash key's if there is one, and `D` the length of the
//! data; for a record of the first table entries the bytes before the data are
//!
//! ```text
//!     L       K       H       D
//! 1A  09     08 00           1A 05      5 bytes of data
//! 1A  0B     08 00  10 00    1A 05      the same, with an explicit hash key
//! 1A  81 01  08 00           1A 7D      125 bytes of data: L takes two bytes, D still one
//! 1A  CD 01  08 00           1A C8 01   200 bytes of data
//! ```
//!
//! `L` says again what `D` says: L = D + 4 in the first line (`08 00 1A 05` are four bytes), D + 6,
//! D + 4 and D + 5 in the others.
//!
//! Eight of these bytes are loaded as one number. Where lengths vary, a branch on their size would
//! be mispredicted again and again, which takes longer than all the rest; so everything depends on
//! the high bit of the first byte of `L` (and of `D`) by shifts and masks, and one comparison at
//! the end tells whether all bytes are as they should be. Everything else, the last bytes of a
//! message too, is left to the reader of any shape in [`index`](super::index), which finds the same
//! in the same bytes: `quick_tests` compares the two.

use super::cursor::Tag;
use super::indexed::{IndexedRecord, OptionalIndex, Span, TableIndex, to_u32};
use super::schema::{aggregated_record, record};

/// Where a record starts is only known when the one before has been read, so the processor waits
/// for each one's bytes to come from memory. Bytes of the four lines of the cache that are this far
/// ahead, of no interest in themselves, make it fetch them in time. User records of 20 to 2000
/// bytes that had left the nearest cache are indexed in 0.8 of the time that it takes with two
/// lines; 1024 and 2048 bytes gained less.
const AHEAD: usize = 512;

/// The bytes of a line of the cache.
const LINE: usize = 64;

/// Reads user records from the start of `rest` for as long as they have the shape, and returns
/// what is left. The message ends at `end` in the Kinesis record's data.
// This loop needs all the registers. Inlined into its caller, or with the reading of a run inlined
// here, it spills some of them: which ones, and at what cost, changes with other files of the crate.
#[inline(never)]
pub(super) fn records<'m>(
    mut rest: &'m [u8],
    end: usize,
    found: &mut Vec<IndexedRecord>,
) -> &'m [u8] {
    let mut data_len = None;
    let mut ahead = 0;
    while let Some(header) = header(rest) {
        if let Some(bytes) = rest.get(AHEAD..AHEAD + 4 * LINE) {
            for [first, ..] in bytes.as_chunks::<LINE>().0 {
                ahead ^= first;
            }
        }
        let Some(after) = rest.get(header.record_len..) else {
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

/// Reads entries of the table with this tag from the start of `rest`, as `0A 03 6B 65 79` for the
/// key `key`, for as long as there are any of up to 127 bytes, and returns what is left.
#[inline]
pub(super) fn keys<'m>(
    mut rest: &'m [u8],
    end: usize,
    tag: Tag,
    found: &mut Vec<Span>,
) -> &'m [u8] {
    while let [first, len @ 0..=0x7F, after @ ..] = rest
        && *first == tag.byte()
        && let Some(next) = after.get(usize::from(*len)..)
    {
        let start = to_u32(end.wrapping_sub(after.len()));
        found.push(Span::new(start, u32::from(*len)));
        rest = next;
    }
    rest
}

/// The bytes of a user record before its data.
#[derive(Clone, Copy)]
struct Header {
    /// The bytes of the whole record, from its tag on.
    record_len: usize,
    /// Those before the data.
    len: u32,
    data_len: u32,
    partition_key: TableIndex,
    explicit_hash_key: OptionalIndex,
    /// The bytes from `K` to the end of `H`: 1 for an index of one byte, 3 for two of one byte.
    indices: u32,
}

impl Header {
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

/// An index of one byte: a varint's highest bit says whether more bytes come.
const INDEX: Byte = (0x80, 0x00);

/// The bits that a shape gives, and their values, as little-endian numbers.
const fn shape(bytes: &[Byte]) -> (u64, u64) {
    let (mut mask, mut value) = (0, 0);
    let mut rest = bytes;
    while let [head @ .., (given, bits)] = rest {
        mask = mask << 8 | *given as u64;
        value = value << 8 | *bits as u64;
        rest = head;
    }
    (mask, value)
}

/// `08 K 1A`
const KEY: (u64, u64) = shape(&[is(record::PARTITION_KEY_INDEX), INDEX, is(record::DATA)]);

/// The header of the record at the start of `rest`, if it has the shape and both of its lengths
/// agree. That the data end within `rest` is left to check.
#[inline(always)]
fn header(rest: &[u8]) -> Option<Header> {
    const RECORD: u64 = aggregated_record::RECORDS.byte() as u64;
    let word = u64::from_le_bytes(*rest.first_chunk()?);
    let len = Varint::new(word >> 8);
    // `1A`, `L` of one byte, and then at most six more bytes: `08 K 1A D D`.
    let wrong = (word & 0xFF) ^ RECORD | len.wrong();
    let fields = word >> 16 >> (len.two << 3);
    // Where the next record starts is what everything waits for: it depends on `L` alone.
    let record_len = len.value.wrapping_add(len.two).wrapping_add(2);
    let record_len = usize::try_from(record_len).unwrap_or(usize::MAX);
    let data_len = Varint::new(fields >> 24);
    let other = data_len.value.wrapping_add(data_len.two).wrapping_add(4) ^ len.value;
    if wrong | (fields & KEY.0) ^ KEY.1 | data_len.wrong() | other == 0 {
        return Some(Header {
            record_len,
            len: low(len.two.wrapping_add(data_len.two).wrapping_add(6)),
            data_len: low(data_len.value),
            partition_key: TableIndex::new(one(fields >> 8).into()),
            explicit_hash_key: OptionalIndex::NONE,
            indices: 1,
        });
    }
    let wrong = wrong | (fields & 0xFF) ^ u64::from(record::PARTITION_KEY_INDEX.byte());
    if wrong == 0 {
        other_indices(rest, &len, record_len)
    } else {
        None
    }
}

/// The same for a record that starts with `L` and `08`, whose indices are others than one of one
/// byte: `K`, `H` and `D` take up to eight bytes with the tags between them.
#[inline]
fn other_indices(rest: &[u8], len: &Varint, record_len: usize) -> Option<Header> {
    let words = u128::from_le_bytes(*rest.first_chunk()?) >> 24 >> (len.two << 3);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bytes are asked for"
    )]
    let key = Varint::new(words as u64);
    let mut fields = key.after();
    let mut wrong = key.wrong();
    let mut explicit_hash_key = OptionalIndex::NONE;
    let mut indices_len = key.two.wrapping_add(1);
    if fields & 0xFF == u64::from(record::EXPLICIT_HASH_KEY_INDEX.byte()) {
        let hash_key = Varint::new(fields >> 8);
        explicit_hash_key = TableIndex::new(hash_key.value).into();
        wrong |= hash_key.wrong();
        indices_len = indices_len.wrapping_add(hash_key.two).wrapping_add(2);
        fields = hash_key.after();
    }
    let data_len = Varint::new(fields >> 8);
    let before = indices_len.wrapping_add(data_len.two).wrapping_add(3);
    wrong |= (fields & 0xFF) ^ u64::from(record::DATA.byte()) | data_len.wrong();
    wrong |= data_len.value.wrapping_add(before) ^ len.value;
    (wrong == 0).then(|| Header {
        record_len,
        len: low(before.wrapping_add(len.two).wrapping_add(2)),
        data_len: low(data_len.value),
        partition_key: TableIndex::new(key.value),
        explicit_hash_key,
        indices: low(indices_len),
    })
}

/// A varint of one byte or two, in the lowest bytes of a word.
struct Varint {
    word: u64,
    value: u64,
    /// 1 if it has two bytes, 0 if one.
    two: u64,
}

impl Varint {
    /// `C8 01` is 0x48 | 1 << 7 = 200.
    #[inline(always)]
    fn new(word: u64) -> Self {
        let two = word >> 7 & 1;
        let value = word & 0x7F | word >> 1 & 0x3F80 & two.wrapping_neg();
        Self { word, value, two }
    }

    /// Not 0 if the second byte says that more follow.
    #[inline(always)]
    fn wrong(&self) -> u64 {
        self.word >> 15 & self.two
    }

    /// The bytes after it.
    #[inline(always)]
    fn after(&self) -> u64 {
        self.word >> 8 >> (self.two << 3)
    }
}

/// A varint of one byte.
#[inline(always)]
fn one(word: u64) -> u32 {
    (word & 0x7F) as u32
}

/// A length below 2^14, and what is added to it.
#[inline(always)]
fn low(len: u64) -> u32 {
    (len & 0x7FFF) as u32
}

/// Records of a run that are looked at twice.
const BLOCK: usize = 256;

/// User records of one shape and one length: very common, and their bytes but for the keys' indices
/// are the same. One comparison then tells all, and where the next one starts is known before this
/// one is read: the processor need not wait for its length.
///
/// ```text
/// 1A CD 01 08 00 1A C8 01   a header of eight bytes
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

/// Whether the length of the record at the start of `rest` takes more than one byte.
#[inline(always)]
fn is_long(rest: &[u8]) -> bool {
    rest.get(1).is_some_and(|byte| *byte > 0x7F)
}

impl Run<u64> {
    /// The records that are like the one with this header at the start of `rest`, if it has no
    /// explicit hash key.
    #[inline]
    fn like(rest: &[u8], header: Header) -> Option<Self> {
        let (mask, shift) = match (header.len, header.indices) {
            // Seven bytes may also be `1A 0B 08 00 1A 85 00`, whose K is elsewhere.
            (7, 1) if !is_long(rest) => return None,
            (8, 1) => (!(0x7F << 32), 32),
            // Seven, or six, bytes of the eight are the header's.
            (7, 1) => (!(0x7F << 32) & (u64::MAX >> 8), 32),
            (6, 1) => (!(0x7F << 24) & (u64::MAX >> 16), 24),
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
        let (given, shift, hashed) = match (header.len, header.indices) {
            (9, 3) if !is_long(rest) => return None,
            (10, 3) => (u128::MAX >> 48, 32, 48),
            (9, 3) => (u128::MAX >> 56, 32, 48),
            (8, 3) => (u128::MAX >> 64, 24, 40),
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
        let record_len = header.record_len;
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
    #[inline(never)]
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
