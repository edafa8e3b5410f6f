//! NEON, the baseline of 64-bit ARM: a choice of bits in one instruction (`bsl`).

use super::machine::Machine;
use fearless_simd::aarch64::Neon;

impl Machine for Neon {
    const CHOOSES: bool = true;
}
