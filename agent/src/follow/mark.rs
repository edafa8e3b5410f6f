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

/// The most lines of a head that have marks of their own.
const LINES: usize = 64;

/// The first bytes of a file: the mark of all of them, and one for each beginning of them that ends
/// with a line. By those a copy is known again that has less than the file had.
///
/// ```text
///   one\ntwo\nthr      head, 11 bytes:  marks of 4, 8 and 11 bytes
///   one\ntwo\nt        copy,  9 bytes:  its lines, 8 bytes, have the second mark
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    all: Mark,
    lines: Vec<Mark>,
}

impl Head {
    /// Of a file that begins with these bytes, of which the first [`MARK`] count.
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MARK).unwrap_or(bytes);
        let mut md5 = Md5::new();
        let mut lines = Vec::new();
        let mut len: u16 = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n').take(LINES) {
            md5.update(line);
            len = len.saturating_add(line.len() as u16);
            if line.ends_with(b"\n") {
                let digest = md5.clone().finalize().into();
                lines.push(Mark { len, digest });
            }
        }
        Self {
            all: Mark::of(bytes),
            lines,
        }
    }

    /// A head as it was saved: the mark of all bytes, and those of its lines.
    pub fn saved(all: Mark, lines: Vec<Mark>) -> Self {
        Self { all, lines }
    }

    /// The mark of all bytes.
    pub fn all(&self) -> Mark {
        self.all
    }

    /// The marks of the beginnings that end with a line, the shortest first; of at most 64.
    pub fn lines(&self) -> &[Mark] {
        &self.lines
    }

    /// Whether a file that begins with `bytes`, which are fewer than the head's, has whole lines of
    /// it and no other. Of what follows the last newline nothing is known.
    pub(super) fn has_lines(&self, bytes: &[u8]) -> bool {
        let Some(newline) = memchr::memrchr(b'\n', bytes) else {
            return false;
        };
        let whole = bytes.get(..=newline).unwrap_or_default();
        let same_len = self.lines.iter().find(|mark| mark.len() == whole.len());
        same_len.is_some_and(|mark| *mark == Mark::of(whole))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({} bytes)", self.len)
    }
}
