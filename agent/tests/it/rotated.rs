//! Files that rotation has renamed, truncated or moved to another directory.

use std::fs;

use kinesis_aggregation_agent::Follower;

use crate::following::{live, lost, pack, poll, poll_at, rules};
use crate::refusing::Refusing;

#[test]
fn a_finished_file_is_forgotten_only_once_it_is_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("app.log"), "one\ntwo\n").expect("written");
    let fs = Refusing::default();
    let rules = live(directory.path());
    let mut follower = Follower::new(rules.clone());
    // Files are dated after the first start, so that a rotated one that is not known is sent.
    let lines = poll_at(&mut follower, &fs, 0..5, 0).0;
    assert_eq!(lines, ["one\n", "two\n"]);
    fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
    for second in 5..40 {
        let lines = poll_at(&mut follower, &fs, second..second + 1, 0).0;
        assert!(lines.is_empty(), "second {second}: {lines:?}");
        assert!(follower.forget(i128::MAX).is_empty(), "second {second}");
    }
    // Nor before the next process has looked.
    let mut follower = Follower::resume(rules, follower.saved());
    assert!(follower.forget(i128::MAX).is_empty());
    assert!(poll_at(&mut follower, &fs, 0..10, 0).0.is_empty());
    fs::remove_file(path("app.log.1")).expect("removed");
    poll_at(&mut follower, &fs, 10..11, 0);
    assert_eq!(follower.forget(i128::MAX).len(), 1);
}

#[test]
fn what_is_written_after_a_truncation_does_not_count_as_lost() {
    let head = "a line that both contents begin with\n".repeat(50);
    for same in ["", &head] {
        let case = format!("{} bytes alike", same.len());
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("app.log");
        fs::write(&log, format!("{same}{}", "x\n".repeat(500))).expect("written");
        let fs = Refusing::default();
        let mut follower = Follower::new(live(directory.path()));
        poll(&mut follower, &fs, 0..5);
        fs::write(&log, format!("{same}{}", "y\n".repeat(1000))).expect("written anew");
        let (lines, reports) = poll(&mut follower, &fs, 5..20);
        let new = lines.iter().filter(|line| *line == "y\n").count();
        assert_eq!(new, 1000, "{case}");
        assert_eq!(lost(&reports), Some(0), "{case}: {reports:?}");
    }
}

#[test]
fn the_first_path_stays_when_rotation_moves_a_file_to_another_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("old")).expect("made");
    fs::write(path("app.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut rules = live(directory.path());
    rules.rotated_directory = Some(path("old"));
    let mut follower = Follower::new(rules.clone());
    poll(&mut follower, &fs, 0..5);
    let key = follower.saved().files[0].key;
    fs::rename(path("app.log"), path("old/app.log-20261126")).expect("renamed");
    poll(&mut follower, &fs, 5..7);
    assert_eq!(follower.saved().files[0].path, path("old/app.log-20261126"));
    assert_eq!(follower.first_path(key), Some(path("app.log")));
    let follower = Follower::<Refusing>::resume(rules, follower.saved());
    assert_eq!(follower.first_path(key), Some(path("app.log")));
}

/// They differ after more than is compared of plain files in one poll, and where neither was read yet.
#[test]
fn a_packed_file_is_no_copy_because_it_begins_alike_for_megabytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let line = format!("{}\n", "x".repeat(64 * 1024 - 1));
    let same = line.repeat(5 * 16);
    fs::write(path("app.log"), format!("{same}of the live file\n")).expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    let lines = poll_at(&mut follower, &fs, 0..10, 0).0;
    assert!((1..5 * 16).contains(&lines.len()), "{} lines", lines.len());
    pack(&path("app.log.1.gz"), &format!("{same}of the packed one\n"));
    let lines = poll_at(&mut follower, &fs, 10..80, 0).0;
    for last in ["of the live file\n", "of the packed one\n"] {
        assert!(lines.contains(&last.to_owned()), "{last}");
    }
}

/// Two logs may hold the same half line; only a copy that is still being made is waited for.
#[test]
fn a_last_line_without_an_end_is_read_once_rotation_has_put_its_file_aside() {
    for pattern in ["?.log", "*.log*"] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let fs = Refusing::default();
        let mut follower = Follower::new(rules(&path(pattern).display().to_string()));
        for name in ["a", "b"] {
            fs::write(path(&format!("{name}.log")), "half").expect("written");
        }
        assert!(poll(&mut follower, &fs, 0..10).0.is_empty(), "{pattern}");
        for name in ["a", "b"] {
            let (live, rotated) = (format!("{name}.log"), format!("{name}.log.1"));
            fs::rename(path(&live), path(&rotated)).expect("renamed");
        }
        let lines = poll(&mut follower, &fs, 10..40).0;
        assert_eq!(lines, ["half", "half"], "{pattern}");
    }
}

/// Its length is that of the last look, not that of the first.
#[test]
fn what_was_seen_but_not_read_before_a_truncation_counts_as_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("app.log");
    let line = format!("{}\n", "x".repeat(64 * 1024 - 1));
    fs::write(&log, &line).expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    let mut read = poll(&mut follower, &fs, 0..5).0.len();
    fs::write(&log, line.repeat(100)).expect("written on");
    read += poll(&mut follower, &fs, 5..6).0.len();
    assert!((2..100).contains(&read), "{read} lines");
    fs::write(&log, "new\n").expect("written anew");
    let (lines, reports) = poll(&mut follower, &fs, 6..20);
    assert_eq!(lines, ["new\n"]);
    let left = (100 - read) * line.len();
    assert_eq!(lost(&reports), u64::try_from(left).ok(), "{reports:?}");
}
