//! The frame around an aggregate.
//!
//! ```text
//!  0         4                                len - 16            len
//!  +---------+--------------------------------+--------------------+
//!  |F389 9AC2| AggregatedRecord (protobuf)    | MD5 of the protobuf|
//!  +---------+--------------------------------+--------------------+
//! ```

use crate::md5::{self, Digest};

/// The first bytes of every aggregated Kinesis record.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// The length of the digest at the end, in bytes.
pub const DIGEST_LEN: usize = 16;

/// The bytes of a frame that are not its message: magic and digest.
pub const FRAME_OVERHEAD: usize = MAGIC.len() + DIGEST_LEN;

/// A Kinesis record's data that has the magic and is long enough to be a frame.
///
/// ```
/// use kinesis_aggregation::wire::Frame;
///
/// assert!(Frame::split(b"plain").is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    message: &'a [u8],
    digest: &'a Digest,
}

impl<'a> Frame<'a> {
    /// Splits `data` at its frame, unless the magic is missing or 16 bytes or fewer follow it.
    pub fn split(data: &'a [u8]) -> Option<Self> {
        let (message, digest) = data.strip_prefix(&MAGIC)?.split_last_chunk()?;
        // The KCL takes a frame around no message at all for a plain record.
        (!message.is_empty()).then_some(Self { message, digest })
    }

    /// The protobuf message, as it stands.
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
}

/// Whether consumers take `data` for an aggregate at first sight: magic and right digest.
pub fn is_framed(data: &[u8]) -> bool {
    Frame::split(data).is_some_and(|frame| frame.is_intact())
}
