//! MD5, of one message and of many at once.

use md5::{Digest as _, Md5};

/// An MD5 digest.
pub type Digest = [u8; 16];

/// The digest of one message.
pub fn digest(message: &[u8]) -> Digest {
    Md5::digest(message).into()
}

/// The digests of many messages, in their order.
pub fn digest_many(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| digest(message)).collect()
}
