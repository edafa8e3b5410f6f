//! From a level to its vectors: which processor has which, how wide they are, and what they do
//! better than the common way.

use super::{Digest, Level, schedule};
use fearless_simd::{Simd, prelude::*, u32x8, u32x16};

/// A level's vectors. The methods interleave within blocks of 128 bits: block by block, the low (or
/// high) words of both, alternating.
pub(super) trait Machine: Simd {
    /// Does the processor choose bits by a mask in one instruction (`vpternlog`, `bsl`)?
    const CHOOSES: bool = false;

    #[inline(always)]
    fn low_8(self, a: u32x8<Self>, b: u32x8<Self>) -> u32x8<Self> {
        let ((a, c), (b, d)) = (self.split_u32x8(a), self.split_u32x8(b));
        self.combine_u32x4(a.zip_low(b), c.zip_low(d))
    }

    #[inline(always)]
    fn high_8(self, a: u32x8<Self>, b: u32x8<Self>) -> u32x8<Self> {
        let ((a, c), (b, d)) = (self.split_u32x8(a), self.split_u32x8(b));
        self.combine_u32x4(a.zip_high(b), c.zip_high(d))
    }

    #[inline(always)]
    fn low_16(self, a: u32x16<Self>, b: u32x16<Self>) -> u32x16<Self> {
        let ((a, c), (b, d)) = (self.split_u32x16(a), self.split_u32x16(b));
        self.combine_u32x8(self.low_8(a, b), self.low_8(c, d))
    }

    #[inline(always)]
    fn high_16(self, a: u32x16<Self>, b: u32x16<Self>) -> u32x16<Self> {
        let ((a, c), (b, d)) = (self.split_u32x16(a), self.split_u32x16(b));
        self.combine_u32x8(self.high_8(a, b), self.high_8(c, d))
    }
}

/// `None` if the processor lacks the level.
pub(super) fn digest_many(level: Level, messages: &[&[u8]]) -> Option<Vec<Digest>> {
    let processor = fearless_simd::Level::new();
    match level {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Level::Sse2 => processor
            .as_sse2()
            .map(|simd| schedule::digest_many::<_, 8>(simd, messages)),
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Level::Avx2 => processor
            .as_avx2()
            .map(|simd| schedule::digest_many::<_, 16>(simd, messages)),
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Level::Avx512 => processor
            .as_avx512()
            .map(|simd| schedule::digest_many::<_, 32>(simd, messages)),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Level::Neon => processor
            .as_neon()
            .map(|simd| schedule::digest_many::<_, 8>(simd, messages)),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::WasmSimd128 => processor
            .as_wasm_simd128()
            .map(|simd| schedule::digest_many::<_, 8>(simd, messages)),
        _ => {
            let _ = (processor, messages);
            None
        }
    }
}

/// One digest, with the best that the processor has for it. `None` where we know no vectors, and
/// `md-5` serves as well.
pub(super) fn digest_one(message: &[u8]) -> Option<Digest> {
    let processor = fearless_simd::Level::new();
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = processor.as_avx2() {
        return Some(schedule::digest_one(simd, message));
    }
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return processor
        .as_sse2()
        .map(|simd| schedule::digest_one(simd, message));
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    return processor
        .as_neon()
        .map(|simd| schedule::digest_one(simd, message));
    #[cfg(not(any(
        target_arch = "x86",
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    )))]
    return {
        let _ = (processor, message);
        None
    };
}

pub(super) fn best() -> Level {
    match fearless_simd::Level::new() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        fearless_simd::Level::Avx512(_) => Level::Avx512,
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        fearless_simd::Level::Avx2(_) => Level::Avx2,
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        fearless_simd::Level::Sse2(_) | fearless_simd::Level::Sse4_2(_) => Level::Sse2,
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        fearless_simd::Level::Neon(_) => Level::Neon,
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        fearless_simd::Level::WasmSimd128(_) => Level::WasmSimd128,
        _ => Level::Scalar,
    }
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
impl Machine for fearless_simd::aarch64::Neon {
    const CHOOSES: bool = true;
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl Machine for fearless_simd::wasm32::WasmSimd128 {}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86 {
    use super::Machine;
    #[cfg(target_arch = "x86")]
    use core::arch::x86::*;
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::*;
    use fearless_simd::prelude::*;
    use fearless_simd::x86::{Avx2, Avx512, Sse2};
    use fearless_simd::{u32x8, u32x16};

    impl Machine for Sse2 {}

    /// Only tests use this level, as a stand-in for AVX-512 and NEON on machines without them: it
    /// takes the ways that only they take, with narrow vectors.
    #[cfg(test)]
    impl Machine for fearless_simd::x86::Sse4_2 {
        const CHOOSES: bool = true;
    }

    /// A method of [`Machine`] by one instruction. `fearless_simd` has none that interleaves within
    /// blocks.
    macro_rules! interleave {
        ($token:ident, $name:ident, $vector:ident, $intrinsic:ident) => {
            #[inline(always)]
            fn $name(self, a: $vector<Self>, b: $vector<Self>) -> $vector<Self> {
                fearless_simd::kernel!(
                    #[inline(always)]
                    fn interleave(
                        token: $token,
                        a: $vector<$token>,
                        b: $vector<$token>,
                    ) -> $vector<$token> {
                        $intrinsic(a.into(), b.into()).simd_into(token)
                    }
                );
                interleave(self, a, b)
            }
        };
    }

    impl Machine for Avx2 {
        interleave!(Avx2, low_8, u32x8, _mm256_unpacklo_epi32);
        interleave!(Avx2, high_8, u32x8, _mm256_unpackhi_epi32);
    }

    impl Machine for Avx512 {
        const CHOOSES: bool = true;
        interleave!(Avx512, low_8, u32x8, _mm256_unpacklo_epi32);
        interleave!(Avx512, high_8, u32x8, _mm256_unpackhi_epi32);
        interleave!(Avx512, low_16, u32x16, _mm512_unpacklo_epi32);
        interleave!(Avx512, high_16, u32x16, _mm512_unpackhi_epi32);
    }
}
