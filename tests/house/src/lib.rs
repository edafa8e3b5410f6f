//! Checks of the house as a whole: nothing here is used by anybody.

#[cfg(test)]
mod fuzz_seeds;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod pages;

/// The examples of README.md.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
