//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod aggregator;
mod allocations;
mod corners;
mod damaged;
mod fast_paths;
mod kcl_rules;
mod kpl_vectors;
#[cfg(feature = "lambda")]
mod lambda;
mod packing;
mod properties;
mod proto_fresh;
mod support;
