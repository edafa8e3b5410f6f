//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod kpl_vectors;
mod proto_fresh;
