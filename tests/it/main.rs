//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod kpl_vectors;
#[cfg(feature = "producer")]
mod producer;
mod proto_fresh;
