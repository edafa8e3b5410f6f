//! What stands in a message, read loosely: what the other readers' faults are predicted from.

use kinesis_aggregation::wire::Frame;

use crate::wire::{END_GROUP, FIXED32, FIXED64, LENGTH, START_GROUP, VARINT, field, frame, record};

/// A message that hangs together; its rules are judged elsewhere.
#[derive(Default)]
pub(crate) struct Facts<'a> {
    pub(crate) keys: Vec<&'a [u8]>,
    pub(crate) hash_keys: Vec<&'a [u8]>,
    pub(crate) records: Vec<Record<'a>>,
    /// A known field comes with another wire type.
    pub(crate) other_type: bool,
    /// A tag or a length in more than five bytes, or beyond 32 bits.
    pub(crate) long_number: bool,
    /// A user record or a tag lacks a required field.
    pub(crate) incomplete: bool,
    /// Groups deeper than ten.
    pub(crate) deep: bool,
    /// Field numbers of 2^29 and more are cut; 0 is not a field.
    pub(crate) number_0: bool,
}

#[derive(Default)]
pub(crate) struct Record<'a> {
    pub(crate) key: Option<u64>,
    pub(crate) hash_key: Option<u64>,
    pub(crate) data: Option<&'a [u8]>,
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Facts<'a> {
    /// Of the message in a frame with the right digest.
    pub(crate) fn of(data: &'a [u8]) -> Option<Self> {
        let frame = Frame::split(data)?;
        if !frame.is_intact() {
            return None;
        }
        let mut facts = Self::default();
        let mut at = frame.message();
        while !at.is_empty() {
            match facts.field(&mut at, 0, &[LENGTH, LENGTH, LENGTH])? {
                (1, Value::Bytes(key)) => facts.keys.push(key),
                (2, Value::Bytes(key)) => facts.hash_keys.push(key),
                (3, Value::Bytes(record)) => {
                    let record = facts.record(record)?;
                    facts.records.push(record);
                }
                _ => {}
            }
        }
        Some(facts)
    }

    fn record(&mut self, mut at: &'a [u8]) -> Option<Record<'a>> {
        let mut record = Record::default();
        while !at.is_empty() {
            match self.field(&mut at, 0, &[VARINT, VARINT, LENGTH, LENGTH])? {
                (1, Value::Varint(index)) => record.key = Some(index),
                (2, Value::Varint(index)) => record.hash_key = Some(index),
                (3, Value::Bytes(data)) => record.data = Some(data),
                (4, Value::Bytes(mut tag)) => {
                    let mut has_key = false;
                    while !tag.is_empty() {
                        let field = self.field(&mut tag, 0, &[LENGTH, LENGTH])?;
                        has_key |= matches!(field, (1, Value::Bytes(_)));
                    }
                    self.incomplete |= !has_key;
                }
                _ => {}
            }
        }
        self.incomplete |= record.key.is_none() || record.data.is_none();
        Some(record)
    }

    /// One field; `known` are the wire types of the fields from 1 up.
    fn field(
        &mut self,
        at: &mut &'a [u8],
        depth: usize,
        known: &[u32],
    ) -> Option<(u32, Value<'a>)> {
        let tag = self.number32(at)?;
        let (number, wire_type) = (tag >> 3, tag & 7);
        let expected = usize::try_from(number).ok()?.checked_sub(1);
        self.number_0 |= expected.is_none();
        let expected = expected.and_then(|i| known.get(i));
        let is_other = expected.is_some_and(|expected| *expected != wire_type);
        self.other_type |= is_other;
        let value = match wire_type {
            VARINT => Value::Varint(number64(at)?.0),
            LENGTH => {
                let len = usize::try_from(self.number32(at)?).ok()?;
                let (bytes, rest) = at.split_at_checked(len)?;
                *at = rest;
                Value::Bytes(bytes)
            }
            FIXED64 => skip(at, 8)?,
            FIXED32 => skip(at, 4)?,
            START_GROUP => {
                self.deep |= depth >= 10;
                loop {
                    let mut ahead = *at;
                    let tag = self.number32(&mut ahead)?;
                    if tag & 7 == END_GROUP {
                        *at = ahead;
                        // Who closes it matters to some only.
                        break Value::Other;
                    }
                    self.field(at, depth + 1, &[])?;
                }
            }
            _ => return None,
        };
        Some((number, if is_other { Value::Other } else { value }))
    }

    fn number32(&mut self, at: &mut &'a [u8]) -> Option<u32> {
        let (value, len) = number64(at)?;
        self.long_number |= len > 5 || value > u64::from(u32::MAX);
        u32::try_from(value & u64::from(u32::MAX)).ok()
    }

    /// The same message, with the indices as Java reads them.
    pub(crate) fn with_low_indices(&self) -> Vec<u8> {
        let low = |index: u64| index & u64::from(u32::MAX);
        let mut body = Vec::new();
        for key in &self.keys {
            body.extend(field(1, key));
        }
        for key in &self.hash_keys {
            body.extend(field(2, key));
        }
        for r in &self.records {
            let data = r.data.unwrap_or_default();
            body.extend(field(
                3,
                &record(low(r.key.unwrap_or(0)), r.hash_key.map(low), data),
            ));
        }
        frame(&body)
    }
}

fn skip<'a>(at: &mut &'a [u8], len: usize) -> Option<Value<'a>> {
    *at = at.get(len..)?;
    Some(Value::Other)
}

/// A varint of up to ten bytes, and its length.
fn number64(at: &mut &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for i in 0..10 {
        let (byte, rest) = at.split_first()?;
        *at = rest;
        value |= u64::from(byte & 0x7F) << (7 * i);
        if *byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}
