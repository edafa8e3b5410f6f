//! Nothing but the examples of the pages that people read first: each is compiled, and run where it can be.

/// README.md
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
