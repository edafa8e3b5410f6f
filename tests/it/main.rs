//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod aggregator;
mod allocations;
#[cfg(feature = "cli")]
mod cli;
mod corners;
mod fast_paths;
mod fuzz_seeds;
mod kcl_rules;
mod kpl_vectors;
#[cfg(feature = "lambda")]
mod lambda;
mod layers;
#[cfg(feature = "producer")]
mod producer;
mod properties;
mod proto_fresh;
#[cfg(feature = "cli")]
mod readme;
mod support;
