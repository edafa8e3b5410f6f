//! Where the user records of a stream die, and what they cost.

mod cost;
mod diagnosis;
mod finding;
mod hottest;
mod known;
mod mapping;
mod newlines;
mod sample;
mod shuffled;
mod stream;
mod trouble;
mod writer;

pub use cost::{Cost, Packing};
pub use diagnosis::{Diagnosis, Doctor, Sampled};
pub use finding::{Finding, Severity};
pub use hottest::HotKey;
pub use known::{KnownFault, known_faults};
pub use mapping::Mapping;
pub use stream::{NotAsked, StreamFacts};
pub use writer::Writer;
