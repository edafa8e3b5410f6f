//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod kpl_vectors;
#[cfg(feature = "lambda")]
mod lambda;
mod proto_fresh;
