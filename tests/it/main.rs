//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod aggregator;
mod allocations;
#[cfg(feature = "cli")]
mod cli;
mod fuzz_seeds;
mod kcl_rules;
mod kpl_vectors;
mod layers;
#[cfg(feature = "producer")]
mod producer;
mod properties;
mod proto_fresh;
mod support;
