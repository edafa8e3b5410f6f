//! The instruction sets that digests can be computed with.

use std::fmt;

/// An instruction set to compute many digests with.
///
/// All variants exist on every platform; [`available`](Self::available) tells which of them this
/// processor and this build have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// One digest after another, by the `md-5` crate.
    Scalar,
    /// Eight lanes in two vectors of four. SSE2 is what every x86-64 processor has: the build's own
    /// baseline, found without asking the processor.
    Sse2,
    /// Sixteen lanes in two vectors of eight. AVX2 with what came together with it, x86-64-v3 (FMA,
    /// BMI1, BMI2, F16C, LZCNT, MOVBE).
    Avx2,
    /// Thirty-two lanes in two vectors of sixteen. AVX-512 as since Ice Lake and Zen 4: the
    /// earlier, slow ones count as AVX2.
    Avx512,
    /// Eight lanes in two vectors of four: the baseline of 64-bit ARM.
    Neon,
    /// Eight lanes in two vectors of four, in WebAssembly built with `simd128`.
    WasmSimd128,
}

impl Level {
    /// Every level there is, the slowest first.
    pub const ALL: &[Self] = &[
        Self::Scalar,
        Self::Sse2,
        Self::Neon,
        Self::WasmSimd128,
        Self::Avx2,
        Self::Avx512,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse2 => "SSE2",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
            Self::Neon => "NEON",
            Self::WasmSimd128 => "WebAssembly SIMD128",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
