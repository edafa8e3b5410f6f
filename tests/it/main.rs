//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

#[cfg(feature = "cli")]
mod cli;
mod kpl_vectors;
mod proto_fresh;
