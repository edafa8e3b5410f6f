//! AVX-512: vectors of sixteen words, and a choice of bits in one instruction (`vpternlog`).

use super::interleave::interleave;
use super::machine::Machine;
#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;
use fearless_simd::x86::Avx512;
use fearless_simd::{prelude::*, u32x8, u32x16};

impl Machine for Avx512 {
    const CHOOSES: bool = true;
    interleave!(Avx512, low_8, u32x8, _mm256_unpacklo_epi32);
    interleave!(Avx512, high_8, u32x8, _mm256_unpackhi_epi32);
    interleave!(Avx512, low_16, u32x16, _mm512_unpacklo_epi32);
    interleave!(Avx512, high_16, u32x16, _mm512_unpackhi_epi32);
}
