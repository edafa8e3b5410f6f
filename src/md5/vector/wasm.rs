//! WebAssembly's SIMD128: the common ways are right for it, but for the order in which they are compiled.

use super::machine::Machine;
use fearless_simd::wasm32::WasmSimd128;

impl Machine for WasmSimd128 {
    const DEFERS: bool = true;
}
