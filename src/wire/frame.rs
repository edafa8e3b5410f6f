//! The frame around an aggregate.
//!
//! ```text
//!  0         4                                len - 16            len
//!  +---------+--------------------------------+--------------------+
//!  |F389 9AC2| AggregatedRecord (protobuf)    | MD5 of the protobuf|
//!  +---------+--------------------------------+--------------------+
//! ```
//!
//! The smallest aggregate there is, one user record with key "k" and data "x", has 30 bytes:
//!
//! ```text
//! F3899AC2                             magic
//! 0A 01 6B                             partition key table, entry 0: 1 byte, "k"
//! 1A 05  08 00  1A 01 78               user record, 5 bytes: key 0; data: 1 byte, "x"
//! 7F3AFD74423B091177E3DA6903229BAC     MD5 of the ten bytes between
//! ```

use super::schema::aggregated_record;
use crate::md5::{self, Digest};

/// The first bytes of every aggregated Kinesis record.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// The length of the digest at the end, in bytes.
pub const DIGEST_LEN: usize = 16;

/// The bytes of a frame that are not its message: magic and digest.
pub const FRAME_OVERHEAD: usize = MAGIC.len() + DIGEST_LEN;

/// A Kinesis record's data that starts with the magic and is long enough to be a frame.
///
/// ```
/// use kinesis_aggregation::wire::Frame;
///
/// assert!(Frame::split(b"plain").is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Magic and message: a position in it is one in the Kinesis record's data.
    data: &'a [u8],
    message: &'a [u8],
    digest: &'a Digest,
}

impl<'a> Frame<'a> {
    /// Splits `data` at its frame, unless the magic is missing or 16 bytes or fewer follow it.
    pub fn split(data: &'a [u8]) -> Option<Self> {
        let (data, digest) = data.split_last_chunk()?;
        let message = data.strip_prefix(&MAGIC)?;
        // The KCL takes a frame around no message at all for a plain record.
        (!message.is_empty()).then_some(Self {
            data,
            message,
            digest,
        })
    }

    /// The frame of what was cut short: it has no digest any more, and all of `data` after the magic
    /// is the message's. `None` unless there is some.
    pub(crate) fn cut_short(data: &'a [u8]) -> Option<Self> {
        let message = data.strip_prefix(&MAGIC)?;
        (!message.is_empty()).then_some(Self {
            data,
            message,
            digest: &[0; DIGEST_LEN],
        })
    }

    /// Whether what is taken for the digest starts as a field does, so that it may be the message's
    /// own last bytes, the digest being cut off. Three of 256 digests start so, too.
    pub(crate) fn may_be_cut_short(&self) -> bool {
        const FIELDS: [u8; 3] = [
            aggregated_record::PARTITION_KEY_TABLE.byte(),
            aggregated_record::EXPLICIT_HASH_KEY_TABLE.byte(),
            aggregated_record::RECORDS.byte(),
        ];
        FIELDS.contains(&self.digest[0])
    }

    /// The protobuf message, unchanged.
    pub fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The digest that the frame claims.
    pub fn digest(&self) -> &'a Digest {
        self.digest
    }

    /// Whether the digest is the message's.
    pub fn is_intact(&self) -> bool {
        md5::digest(self.message) == *self.digest
    }

    /// The Kinesis record's data up to the digest: what positions count in.
    pub(crate) fn data(&self) -> &'a [u8] {
        self.data
    }
}

/// Whether consumers take `data` for an aggregate at first sight: magic and right digest.
pub fn is_framed(data: &[u8]) -> bool {
    Frame::split(data).is_some_and(|frame| frame.is_intact())
}
