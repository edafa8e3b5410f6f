//! Every level of this machine against the `md-5` crate.

use super::{Digest, Level, digest, digest_many, digest_many_at, scalar};
use proptest::prelude::*;

/// Bytes that differ from message to message and from block to block, of a given length.
fn message(seed: usize, len: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..len).map(next).collect()
}

fn messages(lengths: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
    lengths
        .into_iter()
        .enumerate()
        .map(|(seed, len)| message(seed, len))
        .collect()
}

/// At every level of this machine, and at the one that is chosen.
fn check(messages: &[Vec<u8>]) {
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let want: Vec<Digest> = messages
        .iter()
        .map(|message| scalar::digest(message))
        .collect();
    let lengths = || {
        messages
            .iter()
            .map(|message| message.len())
            .collect::<Vec<_>>()
    };
    for level in Level::available() {
        assert!(
            digest_many_at(level, &messages).as_ref() == Some(&want),
            "{level}, lengths {:?}",
            lengths()
        );
    }
    assert!(digest_many(&messages) == want, "lengths {:?}", lengths());
    assert!(
        messages
            .iter()
            .map(|message| digest(message))
            .eq(want.iter().copied()),
        "one by one, lengths {:?}",
        lengths()
    );
    #[cfg(all(feature = "simd", any(target_arch = "x86", target_arch = "x86_64")))]
    stand_ins::check(&messages, &want);
}

/// More lanes than the machine's vectors have, and the other form of G: what AVX-512 and NEON run,
/// all but their instructions.
#[cfg(all(feature = "simd", any(target_arch = "x86", target_arch = "x86_64")))]
mod stand_ins {
    use super::{super::vector::schedule, Digest};

    pub(super) fn check(messages: &[&[u8]], want: &[Digest]) {
        let processor = fearless_simd::Level::new();
        if let Some(simd) = processor.as_sse4_2() {
            assert!(
                schedule::digest_many::<_, 8>(simd, messages) == want,
                "8 lanes"
            );
            assert!(
                schedule::digest_many::<_, 32>(simd, messages) == want,
                "32 lanes"
            );
        }
        if let Some(simd) = processor.as_sse2() {
            assert!(
                messages
                    .iter()
                    .map(|message| schedule::digest_one(simd, message))
                    .eq(want.iter().copied()),
                "one by one"
            );
        }
        if let Some(simd) = processor.as_avx2() {
            assert!(
                schedule::digest_many::<_, 32>(simd, messages) == want,
                "32 lanes, AVX2"
            );
        }
    }
}

#[test]
fn says_which_levels_it_tests() {
    let available = Level::available();
    for &level in Level::ALL {
        let verdict = if available.contains(&level) {
            "tested"
        } else {
            "NOT TESTED: this machine or build lacks it"
        };
        println!("MD5 lanes, {level}: {verdict}");
        assert_eq!(
            digest_many_at(level, &[]).is_some(),
            available.contains(&level)
        );
    }
    assert_eq!(available.first(), Some(&Level::Scalar));
    assert!(available.contains(&Level::best()));
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    assert!(available.contains(&Level::Sse2));
}

#[test]
fn best_is_the_last_that_is_available() {
    assert_eq!(Level::available().last(), Some(&Level::best()));
}

/// The digests of RFC 1321, section A.5: the oracle of the other tests is checked too.
#[test]
fn rfc_1321() {
    let cases: [(&str, &str); 7] = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (
            "abcdefghijklmnopqrstuvwxyz",
            "c3fcd3d76192e4007dfb496cca67e13b",
        ),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
    ];
    let hex = |digest: Digest| {
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let inputs = cases.map(|(input, _)| input.as_bytes());
    for level in Level::available() {
        let digests = digest_many_at(level, &inputs).expect("it is available");
        assert_eq!(
            digests.into_iter().map(hex).collect::<Vec<_>>(),
            cases.map(|(_, want)| want),
            "{level}"
        );
    }
}

#[test]
fn nothing_at_all() {
    check(&[]);
    assert_eq!(digest_many(&[]), Vec::<Digest>::new());
}

#[test]
fn every_length_up_to_300_alone_and_in_lanes() {
    for len in 0..=300 {
        check(&messages([len]));
        check(&messages([len; 3]));
        check(&messages([len; 9]));
    }
    check(&messages(0..=300));
    check(&messages((0..=300).rev()));
}

#[test]
fn lengths_around_block_edges() {
    let edges = [1, 2, 3, 7, 8, 31, 32, 128].map(|blocks| blocks * 64);
    let near: Vec<usize> = edges
        .into_iter()
        .flat_map(|edge| edge - 10..=edge + 2)
        .collect();
    check(&messages(near.iter().copied()));
    for len in near {
        check(&messages([len; 2]));
    }
}

#[test]
fn every_count_up_to_70_of_equal_lengths() {
    for count in 0..=70 {
        for len in [0, 20, 55, 56, 64, 200] {
            check(&messages(std::iter::repeat_n(len, count)));
        }
    }
}

#[test]
fn every_count_up_to_70_of_wildly_unequal_lengths() {
    for count in 0..=70_usize {
        check(&messages((0..count).map(|at| at * at / 2)));
        check(&messages(
            (0..count).map(|at| if at % 7 == 0 { 6_000 / (at + 1) } else { at }),
        ));
        check(&messages(
            (0..count).map(|at| [3, 120, 56, 1000, 0, 64, 55][at % 7]),
        ));
        // One that outlives all others.
        check(&messages(
            (0..count).map(|at| if at == count / 2 { 3_000 } else { 130 }),
        ));
    }
}

#[test]
fn thousands_of_partition_keys() {
    for count in [999, 2000] {
        check(&messages((0..count).map(|at| 3 + at % 38)));
    }
    check(&messages((0..1000).map(|at| 40 + at % 30)));
}

/// Lanes must not see each other's bytes: a change of one message changes its digest alone.
#[test]
fn lanes_are_separate() {
    for count in [2, 3, 8, 16, 33] {
        let mut all = messages(std::iter::repeat_n(150, count));
        for changed in 0..count {
            all[changed][130] ^= 1;
            check(&all);
        }
    }
}

#[test]
fn the_same_slice_many_times() {
    let one = message(1, 777);
    for level in Level::available() {
        assert_eq!(
            digest_many_at(level, &[one.as_slice(); 41]),
            Some(vec![scalar::digest(&one); 41])
        );
    }
}

#[test]
fn levels_have_names() {
    assert_eq!(Level::Avx512.to_string(), "AVX-512");
    assert_eq!(format!("{:>8}|", Level::Sse2), "    SSE2|");
    let mut names: Vec<String> = Level::ALL.iter().map(Level::to_string).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), Level::ALL.len());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_messages(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..80),
    ) {
        check(&messages);
    }

    #[test]
    fn any_lengths(
        lengths in prop::collection::vec(
            prop_oneof![4 => 0..60_usize, 2 => 0..300_usize, 1 => 0..2500_usize],
            0..100,
        ),
    ) {
        check(&messages(lengths));
    }
}
