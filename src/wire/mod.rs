//! The bytes of the format, for people who know it; everyone else wants the crate's root.
//!
//! The reader behaves as protobuf-java does, which is what the KCL reads with; prost does not
//! (it accepts a missing required field, refuses a known field of another wire type, refuses
//! keys that are not UTF-8).
//!
//! # A whole program
//!
//! Writes a frame, checks it as a KCL would, and prints what is in it, with the place of each part:
//!
//! ```
//! use kinesis_aggregation::wire::{self, Frame, Index, RecordIndices, key_text};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let indices = RecordIndices { partition_key: 0, explicit_hash_key: None };
//!     let records = [(indices, b"one".as_slice()), (indices, b"two".as_slice())];
//!     let data = wire::encode(["customer-7"], [""; 0], records);
//!
//!     let frame = Frame::split(&data).ok_or("no magic, or nothing after it")?;
//!     if !frame.is_intact() {
//!         return Err("another digest: for the KCL it is a plain record".into());
//!     }
//!     let index = Index::new(&frame)?;
//!     for key in index.partition_keys() {
//!         println!("bytes {key:?}: partition key {}", key_text(&data[key.clone()]));
//!     }
//!     for record in index.records() {
//!         println!("bytes {:?}: data of key {}", record.data(), record.partition_key_index());
//!     }
//!     Ok(())
//! }
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

mod cursor;
mod encode;
mod frame;
mod index;
mod indexed;
mod locate;
mod quick;
#[cfg(test)]
mod quick_tests;
mod schema;
mod text;

pub use encode::{
    EncodedSize, RecordIndices, encode, encode_unsealed, seal, seal_many, seal_message,
};
pub use frame::{DIGEST_LEN, FRAME_OVERHEAD, Frame, MAGIC, is_framed};
pub use index::Index;
pub use indexed::IndexedRecord;
pub use text::key_text;

pub(crate) use indexed::{Span, TableIndex};
pub(crate) use locate::Locator;
pub(crate) use text::decode_utf8;
