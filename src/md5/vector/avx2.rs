//! AVX2: vectors of eight words, which one instruction interleaves.

use super::interleave::interleave;
use super::machine::Machine;
#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;
use fearless_simd::x86::Avx2;
use fearless_simd::{prelude::*, u32x8};

impl Machine for Avx2 {
    interleave!(Avx2, low_8, u32x8, _mm256_unpacklo_epi32);
    interleave!(Avx2, high_8, u32x8, _mm256_unpackhi_epi32);
}
