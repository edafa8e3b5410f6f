//! The borrowed reader: one validating pass that notes where everything is.

use std::ops::Range;

use super::cursor::{Cursor, END_GROUP, LENGTH, Malformed, Tag, VARINT};
use super::fast::{self, BLOCK, Header, Run, Word};
use crate::error::MalformedError;

const PARTITION_KEY_TABLE: Tag = Tag::new(1, LENGTH);
const EXPLICIT_HASH_KEY_TABLE: Tag = Tag::new(2, LENGTH);
pub(super) const RECORDS: Tag = Tag::new(3, LENGTH);

pub(super) const PARTITION_KEY_INDEX: Tag = Tag::new(1, VARINT);
pub(super) const EXPLICIT_HASH_KEY_INDEX: Tag = Tag::new(2, VARINT);
const DATA: Tag = Tag::new(3, LENGTH);
const TAGS: Tag = Tag::new(4, LENGTH);

const TAG_KEY: Tag = Tag::new(1, LENGTH);

/// A part of a message: where it starts, and its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.range()).unwrap_or_default()
    }

    pub(crate) fn range(self) -> Range<usize> {
        let start = to_usize(self.start);
        start..start.saturating_add(to_usize(self.len))
    }
}

/// One user record of a message: where its data are, and which table entries it names.
///
/// The indices are as written: the pass over the message does not compare them to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedRecord {
    pub(crate) data: Span,
    /// An index of 2^32 and more saturates: it is out of range in any case.
    pub(crate) partition_key: u32,
    /// [`NO_KEY`] if there is none.
    pub(crate) explicit_hash_key: u32,
}

/// Stands for "no explicit hash key". No table is this long: a message has less than 2^31 bytes.
pub(crate) const NO_KEY: u32 = u32::MAX;
const TOO_FAR: u32 = u32::MAX - 1;

impl IndexedRecord {
    /// Where the data are in the message.
    pub fn data(&self) -> Range<usize> {
        self.data.range()
    }

    /// The position in the partition key table.
    pub fn partition_key_index(&self) -> u32 {
        self.partition_key
    }

    /// The position in the explicit hash key table, if the record names one.
    pub fn explicit_hash_key_index(&self) -> Option<u32> {
        (self.explicit_hash_key != NO_KEY).then_some(self.explicit_hash_key)
    }
}

/// What [`Index::append`] added: ranges of the index's three lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Of the user records.
    pub records: Range<usize>,
    /// Of the partition key tables.
    pub partition_keys: Range<usize>,
    /// Of the explicit hash key tables.
    pub explicit_hash_keys: Range<usize>,
}

/// Where a record starts is only known when the one before has been read, so the processor waits
/// for each one's bytes to come from memory. A byte this far ahead, of no interest in itself, makes
/// it fetch them in time. Records of several lengths that had left the nearest cache are indexed in
/// 0.5 to 0.7 of the time; 1024 and 2048 bytes, or more bytes at once, gained less.
const AHEAD: usize = 512;

/// Where the tables' entries and the user records of one or more messages are.
///
/// It holds positions only (16 bytes a user record, 8 a table entry), so it can be used again
/// for other messages without new allocations.
///
/// ```
/// use kinesis_aggregation::wire::Index;
///
/// let message = b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x";
/// let mut index = Index::new();
/// let extent = index.append(message)?;
/// let record = index.records()[extent.records][0];
/// assert_eq!(&message[record.data()], b"x");
/// # Ok::<(), kinesis_aggregation::error::MalformedError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(crate) records: Vec<IndexedRecord>,
    pub(crate) partition_keys: Vec<Span>,
    pub(crate) explicit_hash_keys: Vec<Span>,
}

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all messages and keeps the room.
    pub fn clear(&mut self) {
        self.records.clear();
        self.partition_keys.clear();
        self.explicit_hash_keys.clear();
    }

    /// The user records, in order.
    pub fn records(&self) -> &[IndexedRecord] {
        &self.records
    }

    /// Where the entries of the partition key tables are in their messages.
    pub fn partition_keys(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.partition_keys.iter().map(|span| span.range())
    }

    /// Where the entries of the explicit hash key tables are in their messages.
    pub fn explicit_hash_keys(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.explicit_hash_keys.iter().map(|span| span.range())
    }

    /// Reads one message and adds what it holds.
    ///
    /// # Errors
    ///
    /// [`MalformedError`] if protobuf-java would refuse the message, a missing required field
    /// included; the index is then as before. So is a message of 2^31 bytes and more: Java has
    /// no array that long.
    pub fn append(&mut self, message: &[u8]) -> Result<Extent, MalformedError> {
        self.append_by::<true>(message)
    }

    /// [`append`](Self::append), by the quick ways or without them.
    pub(super) fn append_by<const QUICK: bool>(
        &mut self,
        message: &[u8],
    ) -> Result<Extent, MalformedError> {
        if i32::try_from(message.len()).is_err() {
            return Err(MalformedError::new(0));
        }
        let before = self.lens();
        if let Err(malformed) = self.aggregated_record::<QUICK>(message) {
            self.records.truncate(before.0);
            self.partition_keys.truncate(before.1);
            self.explicit_hash_keys.truncate(before.2);
            let offset = message.len().saturating_sub(malformed.left);
            return Err(MalformedError::new(offset));
        }
        let after = self.lens();
        Ok(Extent {
            records: before.0..after.0,
            partition_keys: before.1..after.1,
            explicit_hash_keys: before.2..after.2,
        })
    }

    fn lens(&self) -> (usize, usize, usize) {
        (
            self.records.len(),
            self.partition_keys.len(),
            self.explicit_hash_keys.len(),
        )
    }

    fn aggregated_record<const QUICK: bool>(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let len = message.len();
        let mut cursor = Cursor::new(message);
        while !cursor.is_empty() {
            if QUICK {
                cursor = self.records_of_the_kpl(cursor, len);
                if cursor.is_empty() {
                    break;
                }
            }
            let at = cursor;
            match cursor.tag()? {
                RECORDS => {
                    let body = cursor.message()?;
                    let record = if QUICK {
                        record(body, len)?
                    } else {
                        any_record(body, len)?
                    };
                    self.records.push(record);
                }
                PARTITION_KEY_TABLE => {
                    let key = cursor.bytes()?;
                    self.partition_keys.push(span(len, cursor.left(), key));
                }
                EXPLICIT_HASH_KEY_TABLE => {
                    let key = cursor.bytes()?;
                    self.explicit_hash_keys.push(span(len, cursor.left(), key));
                }
                tag => skip_unknown(&mut cursor, at, tag, 0)?,
            }
        }
        Ok(())
    }

    /// Reads user records for as long as they have the KPL's own shape, and says where that ends.
    #[inline]
    fn records_of_the_kpl<'m>(&mut self, cursor: Cursor<'m>, len: usize) -> Cursor<'m> {
        let mut rest = cursor.rest();
        let mut data_len = None;
        let mut ahead = None;
        while let Some(header) = fast::header(rest) {
            ahead = rest.get(AHEAD).copied().or(ahead);
            let Some(behind) = rest.get(header.record_len()..) else {
                break;
            };
            self.records
                .push(at(to_u32(len.wrapping_sub(rest.len())), header));
            // Two of one length make a run. Where lengths vary, looking for runs costs.
            rest = if data_len != Some(header.data_len) {
                behind
            } else if let Some(run) = Run::like(rest, header) {
                self.run(behind, len, run)
            } else if let Some(run) = Run::like_hashed(rest, header) {
                self.run(behind, len, run)
            } else {
                behind
            };
            data_len = Some(header.data_len);
        }
        std::hint::black_box(ahead);
        cursor.at(rest)
    }

    /// Reads the user records of a run, and says where it ends.
    #[inline]
    fn run<'m, W: Word>(&mut self, mut rest: &'m [u8], len: usize, run: Run<W>) -> &'m [u8] {
        loop {
            let (headers, count, behind) = run.block(rest);
            let mut position = to_u32(len.wrapping_sub(rest.len()));
            let record_len = to_u32(run.record_len());
            self.records.extend(headers.map(|header| {
                let record = at(position, header);
                position = position.wrapping_add(record_len);
                record
            }));
            rest = behind;
            if count < BLOCK {
                return rest;
            }
        }
    }
}

/// The user record with this header at this position of a message.
#[inline(always)]
fn at(position: u32, header: Header) -> IndexedRecord {
    IndexedRecord {
        data: Span {
            start: position.wrapping_add(header.len),
            len: header.data_len,
        },
        partition_key: header.partition_key,
        explicit_hash_key: header.explicit_hash_key,
    }
}

/// A position in a message, which has less than 2^31 bytes.
#[inline]
fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[inline]
fn to_usize(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Where `bytes` are in a message of `len` bytes that ends `left` bytes behind them.
#[inline]
fn span(len: usize, left: usize, bytes: &[u8]) -> Span {
    let start = len.saturating_sub(left).saturating_sub(bytes.len());
    Span {
        start: to_u32(start),
        len: to_u32(bytes.len()),
    }
}

/// Skips the value of a field that its message does not know at `at`. An END_GROUP ends no
/// group here.
fn skip_unknown(
    cursor: &mut Cursor<'_>,
    at: Cursor<'_>,
    tag: Tag,
    depth: usize,
) -> Result<(), Malformed> {
    if tag.wire_type() == END_GROUP {
        return Err(at.malformed());
    }
    cursor.skip(tag, depth)
}

/// Reads a `Record` of a message of `len` bytes.
#[inline]
fn record(body: Cursor<'_>, len: usize) -> Result<IndexedRecord, Malformed> {
    // What the KPL writes: the fields once, in order, no tags, and most indices in one byte.
    let written = match body.rest() {
        [0x08, key @ 0..=0x7F, 0x1A, data @ ..] => Some((*key, None, data)),
        [
            0x08,
            key @ 0..=0x7F,
            0x10,
            hash_key @ 0..=0x7F,
            0x1A,
            data @ ..,
        ] => Some((*key, Some(*hash_key), data)),
        _ => None,
    };
    if let Some((key, hash_key, data)) = written {
        let mut tail = body.at(data);
        if let Ok(data) = tail.bytes()
            && tail.is_empty()
        {
            return Ok(IndexedRecord {
                data: span(len, tail.left(), data),
                partition_key: u32::from(key),
                explicit_hash_key: hash_key.map_or(NO_KEY, u32::from),
            });
        }
    }
    any_record(body, len)
}

/// Reads a `Record` of any shape.
fn any_record(mut cursor: Cursor<'_>, len: usize) -> Result<IndexedRecord, Malformed> {
    let start = cursor;
    let mut partition_key = None;
    let mut explicit_hash_key = None;
    let mut data = None;
    while !cursor.is_empty() {
        let at = cursor;
        match cursor.tag()? {
            PARTITION_KEY_INDEX => partition_key = Some(table_index(cursor.varint()?)),
            EXPLICIT_HASH_KEY_INDEX => explicit_hash_key = Some(table_index(cursor.varint()?)),
            DATA => {
                let bytes = cursor.bytes()?;
                data = Some(span(len, cursor.left(), bytes));
            }
            TAGS => check_tag(cursor.message()?)?,
            tag => skip_unknown(&mut cursor, at, tag, 1)?,
        }
    }
    match (partition_key, data) {
        (Some(partition_key), Some(data)) => Ok(IndexedRecord {
            data,
            partition_key,
            explicit_hash_key: explicit_hash_key.unwrap_or(NO_KEY),
        }),
        _ => Err(start.malformed()),
    }
}

fn table_index(index: u64) -> u32 {
    u32::try_from(index).map_or(TOO_FAR, |index| index.min(TOO_FAR))
}

/// Reads a `Tag`: its structure and its key must be there, whatever they say.
fn check_tag(mut cursor: Cursor<'_>) -> Result<(), Malformed> {
    let start = cursor;
    let mut has_key = false;
    while !cursor.is_empty() {
        let at = cursor;
        match cursor.tag()? {
            TAG_KEY => {
                cursor.bytes()?;
                has_key = true;
            }
            tag => skip_unknown(&mut cursor, at, tag, 2)?,
        }
    }
    has_key.then_some(()).ok_or_else(|| start.malformed())
}
