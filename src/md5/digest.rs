//! What all of this computes.

/// An MD5 digest, as the format stores it.
pub type Digest = [u8; 16];
