//! One digest after another, by the `md-5` crate: where there are no vectors.

use super::Digest;
use md5::Digest as _;

pub(super) fn digest(message: &[u8]) -> Digest {
    md5::Md5::digest(message).into()
}

pub(super) fn digest_many(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| digest(message)).collect()
}
