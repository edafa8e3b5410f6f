//! The writer: the KPL's bytes, with the exact size known before a byte is written.
//!
//! Two user records under one partition key, `k`:
//!
//! ```text
//! F3 89 9A C2                magic
//! 0A 01 6B                   partition_key_table: 1 byte, "k"
//! 1A 07                      records: 7 bytes
//!    08 00                     partition_key_index: 0
//!    1A 03 6F 6E 65            data: 3 bytes, "one"
//! 1A 09                      records: 9 bytes
//!    08 00                     partition_key_index: 0
//!    10 00                     explicit_hash_key_index: 0, if there is one; its table,
//!    1A 03 74 77 6F            tagged 12, follows the other
//! ..                         MD5 of all between the magic and here, 16 bytes
//! ```
//!
//! Every tag is one byte: the field's number times 8, plus 2 for what has a length and 0 for a
//! varint. The fields go in the order of their numbers, as the KPL writes them: a reader takes any
//! order, but the same user records are to give the same bytes.

use super::cursor::Tag;
use super::frame::{DIGEST_LEN, FRAME_OVERHEAD, MAGIC};
use super::schema::{aggregated_record, record};
use crate::md5;

/// The table entries that a user record refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecordIndices {
    /// Index into the partition key table.
    pub partition_key: u32,
    /// Index into the explicit hash key table, if the record has an explicit hash key.
    pub explicit_hash_key: Option<u32>,
}

/// The exact length of a frame, added up as its parts become known.
///
/// ```
/// use kinesis_aggregation::wire::{self, EncodedSize, RecordIndices};
///
/// let indices = RecordIndices { partition_key: 0, explicit_hash_key: None };
/// let size = EncodedSize::default().with_key(1).with_record(indices, 1);
/// let frame = wire::encode(["k"], [""; 0], [(indices, b"x".as_slice())]);
/// assert_eq!(frame.len(), size.get());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncodedSize(usize);

/// A frame without anything in it: magic and digest.
impl Default for EncodedSize {
    fn default() -> Self {
        Self(FRAME_OVERHEAD)
    }
}

impl EncodedSize {
    /// Returns the length in bytes.
    pub const fn get(self) -> usize {
        self.0
    }

    /// The length with one more entry in either table, of `len` bytes.
    #[inline]
    #[must_use]
    pub fn with_key(self, len: usize) -> Self {
        self.with_field(len)
    }

    /// The length with one more user record.
    #[inline]
    #[must_use]
    pub fn with_record(self, indices: RecordIndices, data_len: usize) -> Self {
        match usual_key(indices, data_len) {
            Some(_) => Self(self.0.saturating_add(USUAL_HEADER).saturating_add(data_len)),
            None => self.with_field(record_len(indices, data_len)),
        }
    }

    #[inline]
    fn with_field(self, len: usize) -> Self {
        Self(self.0.saturating_add(field_len(len)))
    }
}

/// The length of a length-delimited field: its tag, its length, and `len` bytes.
#[inline]
fn field_len(len: usize) -> usize {
    1_usize
        .saturating_add(varint_len(to_u64(len)))
        .saturating_add(len)
}

/// The length of a `Record` message.
#[inline]
fn record_len(indices: RecordIndices, data_len: usize) -> usize {
    let index_len = |index: u32| 1_usize.saturating_add(varint_len(u64::from(index)));
    index_len(indices.partition_key)
        .saturating_add(indices.explicit_hash_key.map_or(0, index_len))
        .saturating_add(field_len(data_len))
}

/// Most user records have one of the first 128 keys, no explicit hash key, and 128 to 16378 bytes of
/// data. Before their data are always eight bytes, `len` being five more than `data-len`:
///
/// ```text
/// 1A len len  08 key  1A data-len data-len
/// 1A CD  01   08 03   1A C8       01         key 3, 200 bytes of data
/// ```
const USUAL_HEADER: usize = 8;

/// Those of the eight that `len` counts.
const USUAL_FIELDS: usize = 5;

/// The partition key's index of a user record with the [usual header](USUAL_HEADER).
#[inline(always)]
fn usual_key(indices: RecordIndices, data_len: usize) -> Option<u8> {
    match (
        u8::try_from(indices.partition_key),
        indices.explicit_hash_key,
    ) {
        (Ok(key @ 0..=0x7F), None) if matches!(data_len, 0x80..=0x3FFA) => Some(key),
        _ => None,
    }
}

/// The length of a varint, in bytes: seven bits go into each.
#[inline]
fn varint_len(value: u64) -> usize {
    let bits = u64::BITS.saturating_sub((value | 1).leading_zeros());
    // Rounds bits / 7 up without a division: for 1 to 64 bits, (9 * bits + 64) / 64 is the same.
    // 7 bits: 127 / 64 = 1; 8 bits: 136 / 64 = 2; 64 bits: 640 / 64 = 10.
    let len = bits.saturating_mul(9).saturating_add(64) >> 6;
    usize::try_from(len).unwrap_or(10)
}

#[inline]
fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Writes a whole frame.
///
/// The indices are written as given: they should be inside the tables. An empty list of records
/// gives a frame too; the KCL takes it for a plain record if the tables are empty as well, and
/// finds nothing in it otherwise.
///
/// ```
/// use kinesis_aggregation::wire::{self, RecordIndices};
///
/// let indices = RecordIndices { partition_key: 0, explicit_hash_key: None };
/// let records = [(indices, b"one".as_slice()), (indices, b"two".as_slice())];
/// let frame = wire::encode(["k"], [""; 0], records);
/// assert_eq!(
///     frame[..25],
///     *b"\xF3\x89\x9A\xC2\x0A\x01k\x1A\x07\x08\x00\x1A\x03one\x1A\x07\x08\x00\x1A\x03two",
/// );
/// assert!(wire::is_framed(&frame));
/// ```
pub fn encode<'a>(
    partition_keys: impl IntoIterator<Item: AsRef<str>>,
    explicit_hash_keys: impl IntoIterator<Item: AsRef<str>>,
    records: impl IntoIterator<Item = (RecordIndices, &'a [u8])>,
) -> Vec<u8> {
    let mut frame = encode_unsealed(0, partition_keys, explicit_hash_keys, records);
    seal(&mut frame);
    frame
}

/// Writes a frame whose digest is still 16 zeros: [`seal`] or [`seal_many`] writes that.
///
/// `capacity` is the frame's length, if it is known (see [`EncodedSize`]); 0 is fine, too.
///
/// ```
/// use kinesis_aggregation::wire::{self, RecordIndices};
///
/// let record = (RecordIndices::default(), b"data".as_slice());
/// let mut frames = [record, record].map(|one| wire::encode_unsealed(0, ["k"], [""; 0], [one]));
/// wire::seal_many(frames.iter_mut().map(Vec::as_mut_slice));
/// assert!(frames.iter().all(|frame| wire::is_framed(frame)));
/// ```
pub fn encode_unsealed<'a>(
    capacity: usize,
    partition_keys: impl IntoIterator<Item: AsRef<str>>,
    explicit_hash_keys: impl IntoIterator<Item: AsRef<str>>,
    records: impl IntoIterator<Item = (RecordIndices, &'a [u8])>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    out.extend_from_slice(&MAGIC);
    for key in partition_keys {
        let tag = aggregated_record::PARTITION_KEY_TABLE;
        put_bytes(&mut out, tag, key.as_ref().as_bytes());
    }
    for key in explicit_hash_keys {
        let tag = aggregated_record::EXPLICIT_HASH_KEY_TABLE;
        put_bytes(&mut out, tag, key.as_ref().as_bytes());
    }
    for (indices, data) in records {
        put_record(&mut out, indices, data);
    }
    out.extend_from_slice(&[0; DIGEST_LEN]);
    out
}

#[inline]
fn put_record(out: &mut Vec<u8>, indices: RecordIndices, data: &[u8]) {
    if let Some(key) = usual_key(indices, data.len()) {
        let len = data.len().saturating_add(USUAL_FIELDS);
        let ([a, b], [c, d]) = (two(len), two(data.len()));
        let [list, index, bytes] = [
            aggregated_record::RECORDS,
            record::PARTITION_KEY_INDEX,
            record::DATA,
        ]
        .map(Tag::byte);
        out.extend_from_slice(&[list, a, b, index, key, bytes, c, d]);
        return out.extend_from_slice(data);
    }
    out.push(aggregated_record::RECORDS.byte());
    put_varint(out, to_u64(record_len(indices, data.len())));
    out.push(record::PARTITION_KEY_INDEX.byte());
    put_varint(out, u64::from(indices.partition_key));
    if let Some(index) = indices.explicit_hash_key {
        out.push(record::EXPLICIT_HASH_KEY_INDEX.byte());
        put_varint(out, u64::from(index));
    }
    put_bytes(out, record::DATA, data);
}

/// A varint of two bytes, the low seven bits first: 300 = 2 * 128 + 44 is AC 02.
fn two(value: usize) -> [u8; 2] {
    let ([low, ..], [high, ..]) = (value.to_le_bytes(), (value >> 7).to_le_bytes());
    [low | 0x80, high]
}

fn put_bytes(out: &mut Vec<u8>, tag: Tag, bytes: &[u8]) {
    out.push(tag.byte());
    put_varint(out, to_u64(bytes.len()));
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low & 0x7F);
        }
        out.push(low | 0x80);
    }
}

/// Puts magic and digest around a message that was encoded elsewhere, with `prost` say.
///
/// ```
/// use kinesis_aggregation::wire;
///
/// let message = b"\x0A\x01k\x1A\x07\x08\x00\x1A\x03one";
/// let frame = wire::seal_message(message);
/// assert_eq!(wire::Frame::split(&frame).unwrap().message(), message);
/// assert!(wire::is_framed(&frame));
/// ```
pub fn seal_message(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, &md5::digest(message)].concat()
}

/// Writes the digest of a frame into its last 16 bytes. Does nothing to what is too short to be a
/// frame.
pub fn seal(frame: &mut [u8]) {
    seal_many([frame]);
}

/// Writes the digests of many frames, which are computed together: several times faster.
pub fn seal_many<'a>(frames: impl IntoIterator<Item = &'a mut [u8]>) {
    let (messages, rooms): (Vec<&[u8]>, Vec<&mut [u8; DIGEST_LEN]>) = frames
        .into_iter()
        .filter_map(|frame| {
            let (message, room) = frame.get_mut(MAGIC.len()..)?.split_last_chunk_mut()?;
            Some((&*message, room))
        })
        .unzip();
    for (digest, room) in md5::digest_many(&messages).into_iter().zip(rooms) {
        *room = digest;
    }
}
