//! Directories that cannot be read, or are not there yet.

use std::fs;
use std::io;

use kinesis_aggregation_agent::{Follower, InitialPosition, Report};

use crate::following::{poll, poll_at, rules};
use crate::refusing::{Call, Refusing};

fn unreadable(reports: &[Report]) -> usize {
    let is_unreadable = |report: &&Report| matches!(report, Report::Unreadable { .. });
    reports.iter().filter(is_unreadable).count()
}

#[test]
fn a_directory_that_cannot_be_read_for_a_while_is_said_once_and_loses_and_cuts_nothing() {
    use io::ErrorKind::{NotFound, PermissionDenied};
    for (call, refused, kind, is_restarted) in [
        (Call::List, "", PermissionDenied, false),
        (Call::List, "", PermissionDenied, true),
        (Call::List, "", NotFound, true),
        (Call::List, "a", PermissionDenied, false),
        (Call::List, "a", PermissionDenied, true),
        (Call::List, "a", NotFound, true),
        (Call::Meta, "a", PermissionDenied, false),
        (Call::Meta, "a", PermissionDenied, true),
        (Call::Meta, "a/app.log", PermissionDenied, false),
        (Call::Meta, "a/app.log", PermissionDenied, true),
    ] {
        let case = format!("{call:?} {refused:?} {kind} {is_restarted}");
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
        fs.refuse(call, refused, kind);
        let (lines, reports) = poll(&mut follower, &fs, 10..20);
        assert!(lines.is_empty(), "{case}: {lines:?}");
        assert_eq!(unreadable(&reports), 1, "{case}: {reports:?}");
        assert_eq!(reports.len(), 1, "{case}: {reports:?}");
        fs.refuse_nothing();
        fs::write(&log, "one\nhalf a line\n").expect("written");
        assert_eq!(
            poll(&mut follower, &fs, 20..30).0,
            ["half a line\n"],
            "{case}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_read_keeps_no_new_file_of_another_from_being_followed() {
    for (call, is_first) in [
        (Call::List, false),
        (Call::List, true),
        (Call::Meta, false),
        (Call::Meta, true),
    ] {
        let case = format!("{call:?} {is_first}");
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("a")).expect("made");
        fs::create_dir(path("b")).expect("made");
        fs::write(path("a/app.log"), "there before\nlast of a\n").expect("written");
        let fs = Refusing::default();
        let pattern = format!("{}/*/app.log*", directory.path().display());
        let mut rules = rules(&pattern);
        rules.initial_position = InitialPosition::EndOfFile;
        let mut follower = Follower::new(rules.clone());
        if !is_first {
            assert_eq!(poll(&mut follower, &fs, 0..5).0, ["last of a\n"], "{case}");
        }
        fs.refuse(call, path("a"), io::ErrorKind::PermissionDenied);
        poll(&mut follower, &fs, 5..10);
        assert!(follower.has_started(), "{case}");
        fs::write(path("b/app.log"), "one\ntwo\n").expect("written");
        let lines = poll(&mut follower, &fs, 10..15).0;
        assert_eq!(lines, ["one\n", "two\n"], "{case}");
        fs.refuse_nothing();
        fs::write(path("b/app.log.x"), "three\nfour\n").expect("written");
        let mut lines = poll(&mut follower, &fs, 15..20).0;
        lines.sort();
        // What was there at the very first start, and could not be seen, begins as it would have.
        let expected: &[&str] = if is_first {
            &["four\n", "last of a\n", "three\n"]
        } else {
            &["four\n", "three\n"]
        };
        assert_eq!(lines, expected, "{case}");
        fs::write(path("a/app.log.x"), "new in a\nand more\n").expect("written");
        let lines = poll(&mut follower, &fs, 20..25).0;
        assert_eq!(lines, ["new in a\n", "and more\n"], "{case}");
    }
}

/// A file that came and went under its first name while it could not be seen is told from an old one by
/// when we last saw everything.
#[test]
fn what_was_rotated_while_a_directory_could_not_be_read_is_read_by_the_next_process() {
    use io::ErrorKind::{NotFound, PermissionDenied};
    for (call, refused, kind) in [
        (Call::List, "a", PermissionDenied),
        (Call::Meta, "a", PermissionDenied),
        (Call::Meta, "a/app.log", PermissionDenied),
        (Call::List, "", NotFound),
    ] {
        let case = format!("{call:?} {refused:?} {kind}");
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("a")).expect("made");
        fs::write(path("a/app.log"), "one\n").expect("written");
        let pattern = format!("{}/*/app.log", directory.path().display());
        let fs = Refusing::default();
        let mut follower = Follower::new(rules(&pattern));
        assert_eq!(poll_at(&mut follower, &fs, 0..5, 0).0, ["one\n"], "{case}");
        let refused = match refused {
            "" => directory.path().to_owned(),
            name => path(name),
        };
        fs.refuse(call, refused, kind);
        poll(&mut follower, &fs, 5..10);
        fs::write(path("a/app.log.1"), "came and went\n").expect("written");
        let mut follower = Follower::resume(rules(&pattern), follower.saved());
        fs.refuse_nothing();
        let lines = poll(&mut follower, &fs, 0..10).0;
        assert_eq!(lines, ["came and went\n"], "{case}");
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
