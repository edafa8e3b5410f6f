//! The library from outside.
#![allow(missing_docs, reason = "a test binary")]

mod aggregator;
mod kcl_rules;
mod kpl_vectors;
mod properties;
mod proto_fresh;
mod support;
