//! The reader: one validating pass over a message that notes where everything is.
//!
//! It accepts and refuses exactly what protobuf-java does, for that is what the KCL reads with:
//!
//! * a known field counts only with its own wire type, anything else is an unknown field;
//! * of a scalar that is there twice, the last one counts;
//! * a missing `required` field is as bad as malformed bytes;
//! * tables and user records may come in any order.

use std::ops::Range;

use super::cursor::{Cursor, END_GROUP, Malformed, Tag};
use super::frame::Frame;
use super::indexed::{IndexedRecord, OptionalIndex, Span, TableIndex, to_u32};
use super::quick;
use super::schema::{aggregated_record, record, tag};
use crate::error::MalformedError;

/// Where the tables' entries and the user records of one message are, in bytes from the start of
/// the Kinesis record's data.
///
/// It holds positions only (16 bytes a user record, 8 a table entry).
///
/// ```
/// use kinesis_aggregation::wire::{self, Frame, Index};
///
/// let data = wire::seal_message(b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x");
/// let frame = Frame::split(&data).expect("it has the magic");
/// let index = Index::new(&frame)?;
/// assert_eq!(&data[index.records()[0].data()], b"x");
/// # Ok::<(), kinesis_aggregation::error::MalformedError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Index {
    records: Vec<IndexedRecord>,
    partition_keys: Vec<Span>,
    explicit_hash_keys: Vec<Span>,
}

impl Index {
    /// Reads the message of `frame`, whether or not the digest is right.
    ///
    /// # Errors
    ///
    /// [`MalformedError`] if protobuf-java would refuse the message, a missing required field
    /// included. So is a message of 2^31 bytes and more: Java has no array that long.
    pub fn new(frame: &Frame<'_>) -> Result<Self, MalformedError> {
        let mut index = Self::default();
        index.refill(frame)?;
        Ok(index)
    }

    /// Reads another message in place of this one, and allocates only if it is larger.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new). The index is empty then.
    pub fn refill(&mut self, frame: &Frame<'_>) -> Result<(), MalformedError> {
        self.refill_by::<true>(frame)
    }

    /// The user records, in order.
    pub fn records(&self) -> &[IndexedRecord] {
        &self.records
    }

    /// Where the entries of the partition key table are.
    pub fn partition_keys(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.partition_keys.iter().map(|span| span.range())
    }

    /// Where the entries of the explicit hash key table are.
    pub fn explicit_hash_keys(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.explicit_hash_keys.iter().map(|span| span.range())
    }

    pub(crate) fn partition_key_table(&self) -> &[Span] {
        &self.partition_keys
    }

    pub(crate) fn explicit_hash_key_table(&self) -> &[Span] {
        &self.explicit_hash_keys
    }

    /// [`refill`](Self::refill), but what is before the error stays: for messages that are damaged or
    /// cut short.
    ///
    /// ```text
    /// 0A 01 6B   1A 05 08 00 1A 01 78   1A 05 08 00
    /// key "k"    user record, whole     says 5 bytes, and there are 2: the error is here
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new). The index holds the table entries and user records before the error.
    pub fn refill_up_to_error(&mut self, frame: &Frame<'_>) -> Result<(), MalformedError> {
        self.read_by::<true>(frame)
    }

    /// [`refill`](Self::refill), with the quick ways or without them.
    pub(super) fn refill_by<const QUICK: bool>(
        &mut self,
        frame: &Frame<'_>,
    ) -> Result<(), MalformedError> {
        let read = self.read_by::<QUICK>(frame);
        if read.is_err() {
            self.clear();
        }
        read
    }

    /// Reads up to the first error, and keeps what is before it.
    pub(super) fn read_by<const QUICK: bool>(
        &mut self,
        frame: &Frame<'_>,
    ) -> Result<(), MalformedError> {
        self.clear();
        if i32::try_from(frame.message().len()).is_err() {
            return Err(MalformedError::new(0));
        }
        let end = frame.data().len();
        self.aggregated_record::<QUICK>(Cursor::new(frame.message()), end)
            .map_err(|malformed| MalformedError::new(end.saturating_sub(malformed.left)))
    }

    fn clear(&mut self) {
        self.records.clear();
        self.partition_keys.clear();
        self.explicit_hash_keys.clear();
    }

    /// Reads an `AggregatedRecord` that ends at `end` in the Kinesis record's data.
    fn aggregated_record<const QUICK: bool>(
        &mut self,
        mut cursor: Cursor<'_>,
        end: usize,
    ) -> Result<(), Malformed> {
        while !cursor.is_empty() {
            if QUICK {
                let rest = cursor.rest();
                let tag = aggregated_record::PARTITION_KEY_TABLE;
                let rest = quick::keys(rest, end, tag, &mut self.partition_keys);
                let tag = aggregated_record::EXPLICIT_HASH_KEY_TABLE;
                let rest = quick::keys(rest, end, tag, &mut self.explicit_hash_keys);
                cursor = cursor.at(quick::records(rest, end, &mut self.records));
                if cursor.is_empty() {
                    break;
                }
            }
            let at = cursor;
            match cursor.tag()? {
                aggregated_record::RECORDS => {
                    let body = cursor.message()?;
                    let record = any_record(body, end)?;
                    self.records.push(record);
                }
                aggregated_record::PARTITION_KEY_TABLE => {
                    let key = cursor.bytes()?;
                    self.partition_keys.push(span(end, &cursor, key));
                }
                aggregated_record::EXPLICIT_HASH_KEY_TABLE => {
                    let key = cursor.bytes()?;
                    self.explicit_hash_keys.push(span(end, &cursor, key));
                }
                unknown => skip_unknown(&mut cursor, at, unknown, 0)?,
            }
        }
        Ok(())
    }
}

/// Where `bytes` are, which `cursor` has just read, if the message ends at `end`.
#[inline]
fn span(end: usize, cursor: &Cursor<'_>, bytes: &[u8]) -> Span {
    let start = end
        .saturating_sub(cursor.left())
        .saturating_sub(bytes.len());
    Span::new(to_u32(start), to_u32(bytes.len()))
}

/// Skips the value of a field that its message does not know, whose tag is at `at`. An END_GROUP
/// ends no group here.
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

/// Reads a `Record` of any shape.
fn any_record(mut cursor: Cursor<'_>, end: usize) -> Result<IndexedRecord, Malformed> {
    let start = cursor;
    let mut partition_key = None;
    let mut explicit_hash_key = OptionalIndex::NONE;
    let mut data = None;
    while !cursor.is_empty() {
        let at = cursor;
        match cursor.tag()? {
            record::PARTITION_KEY_INDEX => partition_key = Some(TableIndex::new(cursor.varint()?)),
            record::EXPLICIT_HASH_KEY_INDEX => {
                explicit_hash_key = TableIndex::new(cursor.varint()?).into();
            }
            record::DATA => {
                let bytes = cursor.bytes()?;
                data = Some(span(end, &cursor, bytes));
            }
            record::TAGS => check_tag(cursor.message()?)?,
            unknown => skip_unknown(&mut cursor, at, unknown, 1)?,
        }
    }
    match (partition_key, data) {
        (Some(partition_key), Some(data)) => Ok(IndexedRecord {
            data,
            partition_key,
            explicit_hash_key,
        }),
        _ => Err(start.malformed()),
    }
}

/// Reads a `Tag`: its structure and its key must be there, whatever they say. Nothing in it is
/// decoded, so any bytes will do.
fn check_tag(mut cursor: Cursor<'_>) -> Result<(), Malformed> {
    let start = cursor;
    let mut has_key = false;
    while !cursor.is_empty() {
        let at = cursor;
        match cursor.tag()? {
            tag::KEY => {
                cursor.bytes()?;
                has_key = true;
            }
            unknown => skip_unknown(&mut cursor, at, unknown, 2)?,
        }
    }
    has_key.then_some(()).ok_or_else(|| start.malformed())
}
