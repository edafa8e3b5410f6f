//! Decoding base64, sixty-four characters at a time where the processor has AVX-512.

use base64_simd::STANDARD;

/// Decodes `text`, or returns `None` if it is not base64 with its padding.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    if let Some(data) = avx512::decode(text) {
        return Some(data);
    }
    STANDARD.decode_to_vec(text).ok()
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512 {
    use core::arch::x86_64::{
        __m512i, _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_movepi8_mask, _mm512_or_si512,
        _mm512_permutex2var_epi8, _mm512_permutexvar_epi8, _mm512_set1_epi32,
    };

    use base64_simd::STANDARD;
    use fearless_simd::x86::Avx512;
    use fearless_simd::{prelude::*, u8x64};

    /// Shorter texts gain nothing.
    const WORTHWHILE: usize = 256;

    /// The value of each ASCII character, 0x80 where it has none.
    const VALUES: [u8; 128] = {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut values = [0x80; 128];
        let mut value = 0;
        while value < 64 {
            values[alphabet[value as usize] as usize] = value;
            value += 1;
        }
        values
    };

    /// Where the bytes of the data are once four values are one number: in each four bytes three,
    /// the highest first.
    const PACKED: [u8; 64] = {
        let mut packed = [0; 64];
        let mut at = 0;
        while at < 48 {
            packed[at] = (at / 3 * 4 + 2 - at % 3) as u8;
            at += 1;
        }
        packed
    };

    /// What [`super::decode`] does, or `None` if this processor or this text is not for it.
    pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
        let simd = fearless_simd::Level::new().as_avx512()?;
        if text.len() < WORTHWHILE {
            return None;
        }
        // The last characters may be padding.
        let whole = (text.len() - 1) / 64 * 64;
        let (blocks, rest) = text.split_at(whole);
        let mut data = Vec::with_capacity(text.len() / 4 * 3);
        let good = blocks_into(simd, blocks.as_chunks().0, &mut data);
        if !good {
            return None;
        }
        data.extend(STANDARD.decode_to_vec(rest).ok()?);
        Some(data)
    }

    fearless_simd::kernel!(
        /// Whether all `blocks` were base64; their data go to `data`.
        fn blocks_into(simd: Avx512, blocks: &[[u8; 64]], data: &mut Vec<u8>) -> bool {
            let load = |bytes: &[u8; 64]| -> __m512i { u8x64::from_slice(simd, bytes).into() };
            let (low, high) = VALUES.split_at(64);
            let low: __m512i = u8x64::from_slice(simd, low).into();
            let high: __m512i = u8x64::from_slice(simd, high).into();
            let packed = load(&PACKED);
            let mut wrong = _mm512_set1_epi32(0);
            for block in blocks {
                let text = load(block);
                // Each character's seven low bits choose its value; the eighth must be 0.
                let values = _mm512_permutex2var_epi8(low, text, high);
                wrong = _mm512_or_si512(wrong, _mm512_or_si512(text, values));
                // 00aaaaaa 00bbbbbb -> aaaaaabbbbbb, and two of those -> 24 bits.
                let pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi32(0x0140_0140));
                let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_1000));
                let bytes = _mm512_permutexvar_epi8(packed, fours);
                let bytes: u8x64<Avx512> = bytes.simd_into(simd);
                let bytes: [u8; 64] = bytes.into();
                if let Some(bytes) = bytes.first_chunk::<48>() {
                    data.extend_from_slice(bytes);
                }
            }
            _mm512_movepi8_mask(wrong) == 0
        }
    );
}

#[cfg(test)]
mod tests {
    use std::io::{Write, stderr};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{STANDARD, decode};

    /// RFC 4648, a character at a time. So the tests compare two decoders on any processor: without
    /// AVX-512 it is `base64_simd` that they try.
    fn plainly(text: &[u8]) -> Option<Vec<u8>> {
        let value = |character: u8| match character {
            b'A'..=b'Z' => Some(character - b'A'),
            b'a'..=b'z' => Some(character - b'a' + 26),
            b'0'..=b'9' => Some(character - b'0' + 52),
            b'+' => Some(62),
            b'/' => Some(63),
            _ => None,
        };
        let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
        if !text.len().is_multiple_of(4) || padding > 2 {
            return None;
        }
        let mut data = Vec::new();
        let (mut bits, mut count) = (0_u32, 0);
        for character in &text[..text.len() - padding] {
            bits = bits << 6 | u32::from(value(*character)?);
            count += 6;
            if count >= 8 {
                count -= 8;
                data.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        // Whatever the last character has beyond the last byte must be 0.
        (bits == 0).then_some(data)
    }

    #[test]
    fn vectors_that_were_not_tried_are_named() {
        let text = STANDARD.encode_to_string([b'x'; 400]);
        #[cfg(all(feature = "simd", target_arch = "x86_64"))]
        let tried = super::avx512::decode(text.as_bytes()).is_some();
        #[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
        let tried = false;
        assert_eq!(decode(text.as_bytes()), Some(vec![b'x'; 400]));
        if !tried {
            // `eprintln!` would be shown only if the test failed.
            let _ = writeln!(stderr(), "not tried here: decoding base64 with AVX-512");
        }
    }

    proptest! {
        #[test]
        fn texts_are_decoded_and_refused_as_one_character_at_a_time(
            data in vec(any::<u8>(), 0..2000),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut in 0..3_usize,
        ) {
            let mut text = STANDARD.encode_to_string(&data).into_bytes();
            prop_assert_eq!(decode(&text), Some(data));
            text.truncate(text.len().saturating_sub(cut));
            for (at, byte) in changes {
                if !text.is_empty() {
                    let at = at.index(text.len());
                    text[at] = byte;
                }
                prop_assert_eq!(decode(&text), plainly(&text));
            }
        }
    }

    /// Every byte at a place of the first vector, and of the last one.
    #[test]
    fn every_byte_at_every_place_of_a_vector() {
        let good = STANDARD.encode_to_string([b'x'; 400]).into_bytes();
        for at in (0..64).chain(good.len() - 80..good.len()) {
            for byte in 0..=u8::MAX {
                let mut text = good.clone();
                text[at] = byte;
                assert_eq!(decode(&text), plainly(&text), "{byte} at {at}");
            }
        }
    }
}
