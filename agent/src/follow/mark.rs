//! Digests by which a file is known again: of its first bytes, and of those before a position.

use std::fmt;

use md5::{Digest as _, Md5};

/// The most bytes that a mark is computed over.
pub const MARK: usize = 1024;

/// The digest of up to [`MARK`] bytes. What it was computed over cannot be read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    len: u16,
    digest: [u8; 16],
}

impl Mark {
    /// Over these bytes, or the first [`MARK`] of them.
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MARK).unwrap_or(bytes);
        Self {
            len: bytes.len() as u16,
            digest: Md5::digest(bytes).into(),
        }
    }

    /// A mark as it was saved. `None` if no mark has this length.
    pub fn saved(len: usize, digest: [u8; 16]) -> Option<Self> {
        (len <= MARK).then_some(Self {
            len: len as u16,
            digest,
        })
    }

    /// Over how many bytes it was computed.
    pub fn len(&self) -> usize {
        self.len.into()
    }

    /// Whether it was computed over nothing, and so says nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The digest itself.
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({} bytes)", self.len)
    }
}
