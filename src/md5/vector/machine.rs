//! What an instruction set does better than the common way. Each one has a file with its answers.

use fearless_simd::{Simd, prelude::*, u32x8, u32x16};

/// An instruction set. The methods interleave within blocks of 128 bits: block by block, the low (or
/// high) words of both, alternating.
pub(in crate::md5) trait Machine: Simd {
    /// Does the processor choose bits by a mask in one instruction (`vpternlog`, `bsl`)?
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
