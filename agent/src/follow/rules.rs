//! How files are followed, and the time.

use std::path::PathBuf;
use std::time::Duration;

use crate::pattern::FilePattern;
use crate::record::RecordRules;

/// How long a file has to be quiet before it is finished, and how long one that is gone is
/// searched for.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// The time, as the follower is told it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since any fixed moment of this process.
    pub monotonic: Duration,
    /// In nanoseconds since 1970, by the clock that also dates files.
    pub wall: i128,
}

/// Where a file is begun that is there at the very first start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialPosition {
    /// At the start of its last line.
    #[default]
    EndOfFile,
    /// At its first byte.
    StartOfFile,
}

/// How the files of a flow are followed.
#[derive(Clone, Debug)]
pub struct FollowRules {
    /// Which files.
    pub pattern: FilePattern,
    /// Where rotated files go, if not beside the others (logrotate's `olddir`).
    pub rotated_directory: Option<PathBuf>,
    /// Where to begin at the very first start.
    pub initial_position: InitialPosition,
    /// How long a multi-line record waits for its next line.
    pub multi_line_wait: Duration,
    /// How files are divided into records.
    pub records: RecordRules,
}
