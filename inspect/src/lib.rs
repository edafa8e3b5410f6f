//! Finds Kinesis records in whatever people have in hand, and explains them.
//!
//! People rarely have just one record's bytes: they have a Lambda event, the output of
//! `aws kinesis get-records`, a line of a log, a hex dump, base64 that a mail program wrapped. [`find`]
//! takes any of these and gives the Kinesis records in it. [`explain`] says everything there is
//! to say about one of them: its frame, its tables, its user records, and what a Kinesis Client
//! Library (KCL) delivers of it and why.
//!
//! ```
//! use kinesis_aggregation_inspect::{explain, find};
//!
//! let event = br#"{"Records": [{"Data": "aGVsbG8=", "PartitionKey": "k", "SequenceNumber": "495"}]}"#;
//! for record in find(event)?.records() {
//!     assert_eq!(record.data(), "hello");
//!     let explanation = explain(record, None);
//!     assert_eq!(explanation.kcl.explanation, "delivers it as a plain record, as it is");
//!     println!("{}", serde_json::to_string(&explanation).unwrap());
//! }
//! # Ok::<(), kinesis_aggregation_inspect::FindError>(())
//! ```
//!
//! For input that does not fit in memory, or is not there yet, [`Finder`] takes it piece by piece.
//!
//! Nothing here does I/O or starts threads, so it runs in a browser too. Unlike the errors of
//! `kinesis-aggregation`, an [`Explanation`] shows keys and data: that is its purpose. Errors
//! still show neither.

mod carve;
mod coat;
mod explain;
mod fields;
mod find;
mod json;
mod record;
mod shards;
mod text;

pub use carve::{Carved, Carver};
pub use coat::{Coat, unwrap};
pub use explain::{
    Delivers, Explanation, FrameReport, JudgedBy, Kind, Sizes, Tables, UserRecord, Verdict,
    dump_around, explain,
};
pub use find::{Everything, FailedBatch, FindError, Finder, Found, Refused, Shape, Warning, find};
pub use record::{FoundRecord, Place};
pub use shards::{Shards, ShardsError};

pub mod doctor;
pub mod words;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
