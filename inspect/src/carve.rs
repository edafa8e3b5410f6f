//! Aggregates out of any bytes: files of a delivery stream, dumps, dead letters, disk images.
//!
//! Nothing in a frame says how long it is. But its message is a run of protobuf fields, and the
//! 16 bytes after the last one are the MD5 of all of them. So the fields are walked from the magic
//! on with a running digest, and where the digest is followed by itself, an aggregate ends:
//!
//! ```text
//! .. F3899AC2 | 0A 01 61 | 1A 05 08 00 1A 01 78 | 16 bytes ..
//!      magic     field      field                 = MD5 of both fields: the end, proven
//! ```

use bytes::{Bytes, BytesMut};
use kinesis_aggregation::wire::{DIGEST_LEN, MAGIC};
use md5::{Digest, Md5};

/// The service takes no longer Kinesis record.
const LONGEST: usize = 10 << 20;
/// A gap comes out in parts of at least this many bytes, so that it does not fill the memory.
const GAP: usize = 1 << 20;

/// A piece of the input: an aggregate, or the bytes between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carved {
    /// An aggregate, proven by its digest.
    Aggregate {
        /// Bytes from the start of the input.
        offset: u64,
        /// The whole frame.
        data: Bytes,
    },
    /// Bytes that belong to no aggregate. A long gap comes in parts.
    Gap {
        /// Bytes from the start of the input.
        offset: u64,
        /// The bytes.
        data: Bytes,
    },
}

/// Finds the aggregates in bytes that come in pieces. It holds 11 MiB at most, and the piece.
///
/// ```
/// use kinesis_aggregation::wire::{RecordIndices, encode};
/// use kinesis_aggregation_inspect::{Carved, Carver};
///
/// let indices = RecordIndices { partition_key: 0, explicit_hash_key: None };
/// let aggregate = encode(["key"], [""; 0], [(indices, b"data".as_slice())]);
/// let mut carver = Carver::new();
/// carver.push(b"something else");
/// carver.push(&aggregate);
/// carver.end();
/// assert!(matches!(carver.next(), Some(Carved::Gap { offset: 0, .. })));
/// let Some(Carved::Aggregate { offset: 14, data }) = carver.next() else { panic!() };
/// assert_eq!(data, aggregate);
/// assert_eq!(carver.next(), None);
/// ```
#[derive(Debug, Default)]
pub struct Carver {
    buffer: BytesMut,
    /// Bytes before the buffer.
    gone: u64,
    /// The start of the buffer up to here belongs to no aggregate.
    searched: usize,
    /// The walk from the magic at `searched`.
    walk: Option<Walk>,
    ended: bool,
}

/// A walk through the fields after a magic.
#[derive(Debug)]
struct Walk {
    /// Where the next field starts, from the magic.
    at: usize,
    hash: Md5,
}

enum Step {
    /// So many bytes are an aggregate.
    Aggregate(usize),
    NotOne,
    NeedsMore,
}

impl Carver {
    /// For one input.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// There are no more pieces.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the next aggregate or gap. `None` until the next piece, or for good after
    /// [`end`](Self::end).
    #[expect(clippy::should_implement_trait, reason = "it can go on after None")]
    pub fn next(&mut self) -> Option<Carved> {
        loop {
            if self.walk.is_none() {
                if !self.find_magic() {
                    return self.rest();
                }
                if self.searched > 0 {
                    return self.gap(self.searched);
                }
                self.walk = Some(Walk {
                    at: MAGIC.len(),
                    hash: Md5::new(),
                });
            }
            let Some(walk) = &mut self.walk else {
                return None;
            };
            match walk.go(&self.buffer, self.ended) {
                Step::NeedsMore => return None,
                Step::NotOne => {
                    self.walk = None;
                    self.searched = 1;
                }
                Step::Aggregate(len) => {
                    self.walk = None;
                    let (offset, data) = self.take(len);
                    return Some(Carved::Aggregate { offset, data });
                }
            }
        }
    }

    /// Moves `searched` to the next magic.
    fn find_magic(&mut self) -> bool {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        match memchr::memmem::find(rest, &MAGIC) {
            Some(at) => {
                self.searched += at;
                true
            }
            None => {
                // The magic may be cut by the end of the piece.
                let keep = if self.ended { 0 } else { MAGIC.len() - 1 };
                self.searched = self.searched.max(self.buffer.len().saturating_sub(keep));
                false
            }
        }
    }

    /// Bytes that are known to be no aggregate: at the end of the input, or when they are many.
    fn rest(&mut self) -> Option<Carved> {
        let is_due = self.searched >= GAP || self.ended;
        (is_due && self.searched > 0).then(|| self.gap(self.searched))?
    }

    fn gap(&mut self, len: usize) -> Option<Carved> {
        self.searched = 0;
        let (offset, data) = self.take(len);
        Some(Carved::Gap { offset, data })
    }

    fn take(&mut self, len: usize) -> (u64, Bytes) {
        let offset = self.gone;
        let data = self.buffer.split_to(len.min(self.buffer.len())).freeze();
        self.gone += data.len() as u64;
        (offset, data)
    }
}

impl Walk {
    fn go(&mut self, bytes: &[u8], ended: bool) -> Step {
        loop {
            let field = match field(bytes.get(self.at..).unwrap_or_default()) {
                Field::Len(len) if len <= LONGEST => len,
                Field::Len(_) | Field::None => return Step::NotOne,
                Field::NeedsMore if ended => return Step::NotOne,
                Field::NeedsMore => return Step::NeedsMore,
            };
            let end = self.at + field;
            if end > LONGEST {
                return Step::NotOne;
            }
            let (Some(field), Some(digest)) =
                (bytes.get(self.at..end), bytes.get(end..end + DIGEST_LEN))
            else {
                return if ended { Step::NotOne } else { Step::NeedsMore };
            };
            self.hash.update(field);
            self.at = end;
            if self.hash.clone().finalize().as_slice() == digest {
                return Step::Aggregate(end + DIGEST_LEN);
            }
        }
    }
}

/// How long a field is, its tag included.
enum Field {
    Len(usize),
    None,
    NeedsMore,
}

fn field(bytes: &[u8]) -> Field {
    let (tag, tag_len) = match varint(bytes) {
        Ok(varint) => varint,
        Err(other) => return other,
    };
    // Tags and lengths count modulo 2^32, as in protobuf-java.
    let tag = tag & 0xFFFF_FFFF;
    if tag >> 3 == 0 {
        return Field::None;
    }
    let rest = bytes.get(tag_len..).unwrap_or_default();
    let value = match tag & 7 {
        0 => match varint(rest) {
            Ok((_, len)) => len,
            Err(other) => return other,
        },
        1 => 8,
        2 => match varint(rest) {
            Ok((len, len_len)) => match usize::try_from(len & 0xFFFF_FFFF) {
                Ok(len) if len <= LONGEST => len + len_len,
                _ => return Field::None,
            },
            Err(other) => return other,
        },
        5 => 4,
        // Groups: no producer writes them.
        _ => return Field::None,
    };
    Field::Len(tag_len + value)
}

/// A varint and its length.
fn varint(bytes: &[u8]) -> Result<(u64, usize), Field> {
    let mut value = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7F).wrapping_shl(7 * at as u32);
        if byte < 0x80 {
            return Ok((value, at + 1));
        }
    }
    Err(if bytes.len() < 10 {
        Field::NeedsMore
    } else {
        Field::None
    })
}

/// The aggregates at the start of `data`, one right after the other, as lengths; empty unless
/// there are at least two, or something after the first.
pub(crate) fn run_of_aggregates(data: &Bytes) -> Vec<usize> {
    let mut carver = Carver::new();
    carver.push(data);
    carver.end();
    let mut lens = Vec::new();
    while let Some(Carved::Aggregate { data, .. }) = carver.next() {
        lens.push(data.len());
    }
    lens
}
