//! Helpers to follow files: rules, polls, and the lines and reports that they return.

use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use kinesis_aggregation_agent::{
    FilePattern, FileRecord, FollowRules, Follower, InitialPosition, Now, RecordRules, Report,
};

use crate::refusing::Refusing;

/// Follows a pattern from the start of its files.
pub(crate) fn rules(pattern: &str) -> FollowRules {
    FollowRules {
        pattern: FilePattern::new(pattern).expect("good"),
        rotated_directory: None,
        initial_position: InitialPosition::StartOfFile,
        multi_line_wait: Duration::from_secs(2),
        records: RecordRules::default(),
    }
}

/// Follows the one file `app.log`.
pub(crate) fn live(directory: &Path) -> FollowRules {
    rules(&directory.join("app.log").display().to_string())
}

/// The time at this second after the start.
pub(crate) fn now(second: u64, wall: i128) -> Now {
    Now {
        monotonic: Duration::from_secs(second),
        wall,
    }
}

/// Polls once, and returns the records. None of them is acknowledged.
pub(crate) fn records(
    follower: &mut Follower<Refusing>,
    fs: &Refusing,
    now: Now,
) -> Vec<FileRecord> {
    follower.poll(fs, now, 1 << 20);
    follower.take_records()
}

/// Polls once in each of these seconds, far in the future by the wall clock, and returns the lines and reports.
/// Every line is acknowledged.
pub(crate) fn poll(
    follower: &mut Follower<Refusing>,
    fs: &Refusing,
    seconds: Range<u64>,
) -> (Vec<String>, Vec<Report>) {
    poll_at(follower, fs, seconds, i128::MAX / 2)
}

/// As [`poll`], at this time by the wall clock.
pub(crate) fn poll_at(
    follower: &mut Follower<Refusing>,
    fs: &Refusing,
    seconds: Range<u64>,
    wall: i128,
) -> (Vec<String>, Vec<Report>) {
    let mut lines = Vec::new();
    for second in seconds {
        for record in records(follower, fs, now(second, wall)) {
            follower.acknowledge(record.file, record.serial);
            lines.push(String::from_utf8_lossy(&record.data).into_owned());
        }
    }
    (lines, follower.take_reports())
}

/// Returns how many bytes, at least, the first reported loss has.
pub(crate) fn lost(reports: &[Report]) -> Option<u64> {
    reports.iter().find_map(|report| match report {
        Report::Lost { at_least, .. } => Some(*at_least),
        _ => None,
    })
}

/// Writes a file that unpacks to this text.
pub(crate) fn pack(path: &Path, text: &str) {
    let packed = fs::File::create(path).expect("made");
    let mut packed = GzEncoder::new(packed, Compression::fast());
    packed.write_all(text.as_bytes()).expect("written");
    packed.finish().expect("written");
}
