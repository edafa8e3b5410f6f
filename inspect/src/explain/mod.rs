//! Explains a Kinesis record: its frame, its user records, and what a KCL delivers of it.

mod preview;
mod report;
mod tables;
mod user_records;
mod verdict;

pub use preview::dump_around;
pub use report::{Explanation, FrameReport, Kind, Sizes, explain};
pub use tables::Tables;
pub use user_records::UserRecord;
pub use verdict::{Delivers, JudgedBy, Verdict};
