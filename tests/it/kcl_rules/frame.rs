//! The frame: magic, length, digest.

use kinesis_aggregation::PlainReason;
use kinesis_aggregation::wire::MAGIC;

use super::{assert_plain, three};
use crate::support::frame;

#[test]
fn a_record_without_the_magic_is_plain() {
    assert_plain(b"", PlainReason::NotFramed);
    assert_plain(b"\xF3\x89\x9A", PlainReason::NotFramed);
    assert_plain(
        b"plain data that is longer than the frame",
        PlainReason::NotFramed,
    );
}

#[test]
fn sixteen_bytes_or_fewer_after_the_magic_are_plain() {
    for len in 0..=16 {
        let data = [&MAGIC[..], &vec![0; len]].concat();
        assert_plain(&data, PlainReason::TooShort);
    }
    // Even with the right digest of no message at all.
    assert_plain(&frame(b""), PlainReason::TooShort);
}

#[test]
fn a_wrong_digest_is_plain() {
    let good = frame(&three());
    for at in 4..good.len() {
        let mut corrupt = good.clone();
        corrupt[at] ^= 1;
        assert_plain(&corrupt, PlainReason::DigestMismatch);
    }
    assert_plain(&good[..good.len() - 1], PlainReason::DigestMismatch);
    assert_plain(&[&good[..], b"\0"].concat(), PlainReason::DigestMismatch);
}
