//! WebAssembly's SIMD128: the common ways are right for it.

use super::machine::Machine;
use fearless_simd::wasm32::WasmSimd128;

impl Machine for WasmSimd128 {}
