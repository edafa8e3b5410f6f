//! The steps that an instruction set can do faster than the portable code; each set has a file of its own.

use fearless_simd::{Simd, prelude::*, u32x8, u32x16};

/// An instruction set. The methods interleave words within each 128 bits: the two low (or high)
/// words of `a` and `b`, alternating.
///
/// ```text
/// a = a0 a1 a2 a3 | a4 a5 a6 a7      low_8(a, b)  = a0 b0 a1 b1 | a4 b4 a5 b5
/// b = b0 b1 b2 b3 | b4 b5 b6 b7      high_8(a, b) = a2 b2 a3 b3 | a6 b6 a7 b7
/// ```
pub(in crate::md5) trait Machine: Simd {
    /// Whether the processor chooses bits by a mask in one instruction (`vpternlog`, `bsl`).
    const CHOOSES: bool = false;

    /// Does the compiler put off what no memory and no branch asks for? For WebAssembly it keeps few
    /// values under way, so of two vectors in step it computes one for all 64 steps and then the
    /// other: no chain is left to fill the gaps of the first, and a digest takes 1.5 times as long.
    /// A store that nobody reads, of both, every four steps, keeps them side by side.
    const DEFERS: bool = false;

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
