//! The result: an MD5 digest.

/// An MD5 digest, as the format stores it.
pub type Digest = [u8; 16];
