//! SSE2, the baseline of x86-64: the common ways are right for it.

use super::machine::Machine;
use fearless_simd::x86::Sse2;

impl Machine for Sse2 {}

/// Only tests use this level, as a stand-in for AVX-512 and NEON on machines without them: it takes
/// the ways that only they take, with narrow vectors.
#[cfg(test)]
impl Machine for fearless_simd::x86::Sse4_2 {
    const CHOOSES: bool = true;
}
