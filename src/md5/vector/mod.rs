//! Many digests at once in the lanes of vectors. This is the one place that asks the processor what
//! it has; each instruction set has a file, and everything else is the same for all.

mod kernel;
mod lanes;
mod machine;
pub(super) mod schedule;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod avx2;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod avx512;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod interleave;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod sse2;
#[cfg(target_arch = "wasm32")]
mod wasm;

use super::{Digest, Level};

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
        #[cfg(target_arch = "aarch64")]
        Level::Neon => processor
            .as_neon()
            .map(|simd| schedule::digest_many::<_, 8>(simd, messages)),
        #[cfg(target_arch = "wasm32")]
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
    #[cfg(target_arch = "aarch64")]
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
        #[cfg(target_arch = "aarch64")]
        fearless_simd::Level::Neon(_) => Level::Neon,
        #[cfg(target_arch = "wasm32")]
        fearless_simd::Level::WasmSimd128(_) => Level::WasmSimd128,
        _ => Level::Scalar,
    }
}
