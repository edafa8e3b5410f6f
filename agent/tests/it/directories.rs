//! Directories that cannot be read, or are not there yet.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kinesis_aggregation_agent::{
    FilePattern, FileSystem, FollowRules, Follower, InitialPosition, Meta, Now, RealFile, RealFs,
    RecordRules, Report,
};

/// The real files, but for one directory that cannot be listed.
#[derive(Default)]
struct Refusing(RefCell<Option<(PathBuf, io::ErrorKind)>>);

impl FileSystem for Refusing {
    type File = RealFile;

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        match &*self.0.borrow() {
            Some((refused, kind)) if refused == directory => Err((*kind).into()),
            _ => RealFs.list(directory),
        }
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        RealFs.meta(path)
    }

    fn open(&self, path: &Path) -> io::Result<RealFile> {
        RealFs.open(path)
    }
}

fn rules(pattern: &str) -> FollowRules {
    FollowRules {
        pattern: FilePattern::new(pattern).expect("good"),
        rotated_directory: None,
        initial_position: InitialPosition::StartOfFile,
        multi_line_wait: Duration::from_secs(2),
        records: RecordRules::default(),
    }
}

/// The lines and reports of these seconds, with one poll in each.
fn poll(
    follower: &mut Follower<Refusing>,
    fs: &Refusing,
    seconds: Range<u64>,
) -> (Vec<String>, Vec<Report>) {
    let mut lines = Vec::new();
    for second in seconds {
        let now = Now {
            monotonic: Duration::from_secs(second),
            wall: i128::MAX / 2,
        };
        follower.poll(fs, now, 1 << 20);
        for record in follower.take_records() {
            follower.acknowledge(record.file, record.serial);
            lines.push(String::from_utf8_lossy(&record.data).into_owned());
        }
    }
    (lines, follower.take_reports())
}

fn unreadable(reports: &[Report]) -> usize {
    let is_unreadable = |report: &&Report| matches!(report, Report::Unreadable { .. });
    reports.iter().filter(is_unreadable).count()
}

#[test]
fn a_directory_that_cannot_be_read_for_a_while_is_said_once_and_loses_and_cuts_nothing() {
    for (refused, kind, is_restarted) in [
        ("", io::ErrorKind::PermissionDenied, false),
        ("", io::ErrorKind::PermissionDenied, true),
        ("", io::ErrorKind::NotFound, true),
        ("a", io::ErrorKind::PermissionDenied, false),
        ("a", io::ErrorKind::PermissionDenied, true),
        ("a", io::ErrorKind::NotFound, true),
    ] {
        let case = format!("{refused:?} {kind} {is_restarted}");
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("a/app.log");
        fs::create_dir(directory.path().join("a")).expect("made");
        fs::write(&log, "one\nhalf").expect("written");
        let pattern = format!("{}/*/app.log", directory.path().display());
        let fs = Refusing::default();
        let mut follower = Follower::new(rules(&pattern));
        assert_eq!(poll(&mut follower, &fs, 0..10).0, ["one\n"], "{case}");
        if is_restarted {
            follower = Follower::resume(rules(&pattern), follower.saved());
        }
        let refused = match refused {
            "" => directory.path().to_owned(),
            name => directory.path().join(name),
        };
        fs.0.replace(Some((refused, kind)));
        let (lines, reports) = poll(&mut follower, &fs, 10..20);
        assert!(lines.is_empty(), "{case}: {lines:?}");
        assert_eq!(unreadable(&reports), 1, "{case}: {reports:?}");
        assert_eq!(reports.len(), 1, "{case}: {reports:?}");
        fs.0.replace(None);
        fs::write(&log, "one\nhalf a line\n").expect("written");
        assert_eq!(
            poll(&mut follower, &fs, 20..30).0,
            ["half a line\n"],
            "{case}"
        );
    }
}

#[test]
fn directories_beyond_the_most_are_said_once() {
    let directory = tempfile::tempdir().expect("a directory");
    for number in 0..4097 {
        fs::create_dir(directory.path().join(format!("{number:04}"))).expect("made");
    }
    let pattern = format!("{}/*/app.log", directory.path().display());
    let mut follower = Follower::new(rules(&pattern));
    let (_, reports) = poll(&mut follower, &Refusing::default(), 0..2);
    assert_eq!(unreadable(&reports), 1, "{reports:?}");
}
