//! Bytes by which a file is known again: themselves while it is open, their digest after that.

use super::mark::{Head, MARK, Mark};

/// The first bytes of a file, or those before a position.
#[derive(Clone)]
pub(super) enum Print {
    Bytes(Vec<u8>),
    /// As saved: the first bytes of a file.
    Head(Head),
    /// As saved: the bytes before a position.
    Mark(Mark),
}

impl Default for Print {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Print {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Head(head) => head.all().len(),
            Self::Mark(mark) => mark.len(),
        }
    }

    /// Whether it tells one content from another: less than a line does not. Only what does is
    /// ever saved.
    pub(super) fn is_telling(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.len() >= MARK || bytes.contains(&b'\n'),
            Self::Head(_) | Self::Mark(_) => true,
        }
    }

    /// Whether these are the bytes; `bytes` has to have their length.
    pub(super) fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Bytes(own) => own == bytes,
            Self::Head(head) => head.all() == Mark::of(bytes),
            Self::Mark(mark) => *mark == Mark::of(bytes),
        }
    }

    /// Whether `bytes` may be the beginning of these bytes, or these the beginning of `bytes`.
    /// A saved head can be compared with fewer bytes than its own by their lines, other digests
    /// cannot.
    pub(super) fn begins_alike(&self, bytes: &[u8]) -> bool {
        if let Some(same) = bytes.get(..self.len()) {
            return self.matches(same);
        }
        match self {
            Self::Bytes(own) => own.starts_with(bytes),
            Self::Head(head) => head.has_lines(bytes),
            Self::Mark(_) => false,
        }
    }

    /// To be saved, of the first bytes of a file.
    pub(super) fn head(&self) -> Head {
        match self {
            Self::Bytes(bytes) => Head::of(bytes),
            Self::Head(head) => head.clone(),
            Self::Mark(mark) => Head::saved(*mark, Vec::new()),
        }
    }
}
