//! The saved state of a file, and the follower's reports.

use std::path::PathBuf;

use bytes::Bytes;

use super::mark::{Head, Mark};
use crate::fs::FileId;

/// The saved state of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Its files.
    pub files: Vec<SavedFile>,
    /// When the directories were last listed and all in them was known, in nanoseconds since
    /// 1970.
    pub listed_at: i128,
}

/// The saved state of one file, so that following it can go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// The number of the file within its flow.
    pub key: u64,
    /// Where it was last.
    pub path: PathBuf,
    /// The path under which it was seen first.
    pub first_path: PathBuf,
    /// Which file it was; `None` if its content is no longer where it was.
    pub id: Option<FileId>,
    /// The marks of its first bytes.
    pub head: Head,
    /// The lowest byte that is not acknowledged.
    pub position: u64,
    /// The mark of the bytes before the position.
    pub before: Mark,
    /// Its length at the last look.
    pub len: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: i128,
    /// Whether it was read to its end, and is written no more.
    pub is_finished: bool,
}

/// A record of a file.
#[derive(Clone, Debug)]
pub struct FileRecord {
    /// The file's number.
    pub file: u64,
    /// The record's number within the file, to acknowledge it by.
    pub serial: u64,
    /// Its bytes, as they are in the file.
    pub data: Bytes,
}

/// Something that happened to a file and is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A file is followed from this byte on.
    Found {
        /// Where it is.
        path: PathBuf,
        /// The first byte that will be read.
        position: u64,
    },
    /// A file that was known was found again, under another name, as a copy, or packed.
    FoundAgain {
        /// Where it was.
        from: PathBuf,
        /// Where it is.
        path: PathBuf,
        /// The next byte to be read.
        position: u64,
    },
    /// A file was read to its end after rotation.
    Finished {
        /// Where it was last.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
    },
    /// A file's content is not to be found any more.
    Lost {
        /// Where it was.
        path: PathBuf,
        /// The first byte that was not read.
        position: u64,
        /// How many bytes more it had when it was last seen. There may have been more.
        at_least: u64,
    },
    /// Records longer than allowed were cut.
    Cut {
        /// Where the file is.
        path: PathBuf,
        /// How many.
        records: u64,
    },
    /// A file or directory cannot be read. Said once, until the reason changes.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}
