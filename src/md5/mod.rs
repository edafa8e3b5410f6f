//! MD5, of one message and of many at once.
//!
//! The aggregation format ends every record with an MD5 digest, and Kinesis hashes every partition
//! key with it. MD5 is one chain of dependent instructions, so a processor computes a single digest
//! at a fraction of what it could do. Digests of different messages do not depend on each other:
//! [`digest_many`] puts one message in each lane of the processor's vectors and keeps several
//! vectors under way.
//!
//! ```
//! # use kinesis_aggregation::md5;
//! let keys: [&[u8]; 3] = [b"a", b"partition key", b""];
//! let digests = md5::digest_many(&keys);
//! assert_eq!(digests[1], md5::digest(keys[1]));
//! assert_eq!(digests[2][..4], [0xd4, 0x1d, 0x8c, 0xd9]);
//! ```
//!
//! Without the feature `simd`, and on processors without vectors that we know, [`digest_many`]
//! computes one after another.

mod digest;
mod level;
mod scalar;
#[cfg(test)]
mod tests;

/// Targets whose vectors we know. On others, as without the feature, everything is scalar.
#[cfg(all(
    feature = "simd",
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )
))]
mod vector;

/// No vectors.
#[cfg(not(all(
    feature = "simd",
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )
)))]
mod vector {
    use super::{Digest, Level};

    pub(super) fn digest_many(_: Level, _: &[&[u8]]) -> Option<Vec<Digest>> {
        None
    }

    pub(super) fn digest_one(_: &[u8]) -> Option<Digest> {
        None
    }

    pub(super) fn best() -> Level {
        Level::Scalar
    }
}

pub use digest::Digest;
pub use level::Level;

/// The digest of one message.
///
/// With the feature `simd`, our own steps compute it, as fast as one chain of instructions can be:
/// 1.2 times as fast as the `md-5` crate, which serves otherwise.
///
/// ```
/// # use kinesis_aggregation::md5;
/// assert_eq!(md5::digest(b"a")[..4], [0x0c, 0xc1, 0x75, 0xb9]);
/// ```
pub fn digest(message: &[u8]) -> Digest {
    vector::digest_one(message).unwrap_or_else(|| scalar::digest(message))
}

/// The digest of each message, in the messages' order.
///
/// Messages may be of any lengths, and of very different ones: the longest are begun first, and a
/// lane takes the next message as soon as its own ends. However many there are, a call allocates
/// the result and at most one list of the longer messages.
///
/// ```
/// # use kinesis_aggregation::md5;
/// let long = vec![7; 100_000];
/// let digests = md5::digest_many(&[b"short", &long]);
/// assert_eq!(digests, [md5::digest(b"short"), md5::digest(&long)]);
/// ```
pub fn digest_many(messages: &[&[u8]]) -> Vec<Digest> {
    digest_many_at(Level::best(), messages).unwrap_or_else(|| scalar::digest_many(messages))
}

/// [`digest_many`] with the instructions of one [`Level`], or `None` if this processor or this
/// build lacks them. For tests and benches.
///
/// ```
/// # use kinesis_aggregation::md5::{self, Level};
/// for level in Level::available() {
///     assert_eq!(md5::digest_many_at(level, &[b"a"]), Some(vec![md5::digest(b"a")]));
/// }
/// ```
pub fn digest_many_at(level: Level, messages: &[&[u8]]) -> Option<Vec<Digest>> {
    match level {
        Level::Scalar => Some(scalar::digest_many(messages)),
        level => vector::digest_many(level, messages),
    }
}

/// What this processor and this build have.
impl Level {
    /// The levels that this processor and this build have, the slowest first. The first is always
    /// [`Scalar`](Self::Scalar).
    ///
    /// ```
    /// # use kinesis_aggregation::md5::Level;
    /// assert_eq!(Level::available().first(), Some(&Level::Scalar));
    /// ```
    pub fn available() -> Vec<Self> {
        let levels = Self::ALL.iter().copied();
        levels
            .filter(|level| digest_many_at(*level, &[]).is_some())
            .collect()
    }

    /// The fastest of the [available](Self::available) ones, which [`digest_many`] takes.
    pub fn best() -> Self {
        vector::best()
    }
}
