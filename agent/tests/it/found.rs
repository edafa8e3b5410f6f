//! Content that is found under another name, or in another file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kinesis_aggregation_agent::{Follower, InitialPosition, Report};

use crate::following::{live, pack, poll, poll_at, rules};
use crate::refusing::{Call, Refusing};

/// While the agent does not run. A short log is told by its number, its name, or by being packed.
#[test]
fn what_became_of_a_log_is_read_from_where_the_last_process_was() {
    type Move = fn(&Path);
    let moves: [(&str, Move); 5] = [
        ("renamed to any name", |directory| {
            fs::write(directory.join("app.log"), "one\ntwo\n").expect("written");
            fs::rename(directory.join("app.log"), directory.join("x")).expect("renamed");
        }),
        ("copied", |directory| {
            fs::write(directory.join("app.log.1"), "one\ntwo\n").expect("written");
            fs::remove_file(directory.join("app.log")).expect("removed");
        }),
        ("packed", |directory| {
            pack(&directory.join("app.log.1.gz"), "one\ntwo\n");
            fs::remove_file(directory.join("app.log")).expect("removed");
        }),
        ("packed under any name", |directory| {
            pack(&directory.join("x.gz"), "one\ntwo\n");
            fs::remove_file(directory.join("app.log")).expect("removed");
        }),
        ("restored", |directory| {
            fs::write(directory.join("new"), "one\ntwo\n").expect("written");
            fs::rename(directory.join("new"), directory.join("app.log")).expect("renamed");
        }),
    ];
    for (case, moved) in moves {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("app.log"), "one\n").expect("written");
        let fs = Refusing::default();
        let mut follower = Follower::new(live(directory.path()));
        assert_eq!(poll(&mut follower, &fs, 0..5).0, ["one\n"], "{case}");
        let mut follower = Follower::resume(live(directory.path()), follower.saved());
        moved(directory.path());
        let (lines, reports) = poll(&mut follower, &fs, 0..20);
        assert_eq!(lines, ["two\n"], "{case}");
        let is_found = |report: &Report| matches!(report, Report::FoundAgain { position: 4, .. });
        assert!(reports.iter().any(is_found), "{case}: {reports:?}");
    }
}

/// Whatever it begins with, it is not one of the flow's files.
#[test]
fn a_file_with_another_name_is_not_read_in_place_of_a_short_log_that_is_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("app.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll(&mut follower, &fs, 0..5).0, ["one\n"]);
    let mut follower = Follower::resume(live(directory.path()), follower.saved());
    fs::write(path("other"), "one\nnot ours\n").expect("written");
    fs::remove_file(path("app.log")).expect("removed");
    assert_eq!(poll(&mut follower, &fs, 0..20).0, [""; 0]);
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = fs::File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(time))
        .expect("dated");
}

/// Only its content, or its time, tells it from what was read.
#[test]
fn a_log_that_is_written_anew_with_as_many_bytes_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("app.log");
    fs::write(&log, "one\n").expect("written");
    set_modified(&log, UNIX_EPOCH);
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll(&mut follower, &fs, 0..10).0, ["one\n"]);
    fs::write(&log, "two\n").expect("written");
    assert_eq!(poll(&mut follower, &fs, 10..12).0, ["two\n"]);
    // Within one tick of the clock of the file system.
    let modified = fs::metadata(&log).and_then(|meta| meta.modified());
    fs::write(&log, "six\n").expect("written");
    set_modified(&log, modified.expect("a time"));
    assert_eq!(poll(&mut follower, &fs, 12..20).0, ["six\n"]);
}

#[test]
fn from_the_end_of_a_file_means_from_its_last_line() {
    let long = "x".repeat(200_000);
    let long_line = format!("{long}\n");
    for (before, after, expected) in [
        ("", "one\n", "one\n"),
        ("half", " a line\n", "half a line\n"),
        ("one\nhalf", " a line\n", "half a line\n"),
        ("one\ntwo\n", "", "two\n"),
        (&format!("one\n{long}"), "\n", &long_line),
        (&long, "\n", &long_line),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("app.log");
        fs::write(&log, before).expect("written");
        let fs = Refusing::default();
        let mut rules = live(directory.path());
        rules.initial_position = InitialPosition::EndOfFile;
        let mut follower = Follower::new(rules);
        let mut lines = poll(&mut follower, &fs, 0..5).0;
        fs::write(&log, format!("{before}{after}")).expect("written");
        lines.extend(poll(&mut follower, &fs, 5..10).0);
        let (before, after) = (before.len(), after.len());
        assert!(lines == [expected], "{before} bytes, then {after}");
    }
}

#[test]
fn a_log_that_is_written_anew_as_it_was_is_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("app.log");
    fs::write(&log, "one\n").expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll(&mut follower, &fs, 0..5).0, ["one\n"]);
    fs::write(&log, "").expect("cut off");
    assert_eq!(poll(&mut follower, &fs, 5..6).0, [""; 0]);
    fs::write(&log, "one\ntwo\n").expect("written");
    assert_eq!(poll(&mut follower, &fs, 6..20).0, ["one\n", "two\n"]);
}

/// A writer that was not told of the rotation may have gone on between our last look and the packing.
#[test]
fn what_only_the_packed_file_has_of_a_finished_one_is_read() {
    for (packed, expected) in [("one\n", &[][..]), ("one\nlate\n", &["late\n"])] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("app.log"), "one\n").expect("written");
        let fs = Refusing::default();
        let mut follower = Follower::new(live(directory.path()));
        poll_at(&mut follower, &fs, 0..5, 0);
        fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
        poll_at(&mut follower, &fs, 5..20, 0);
        pack(&path("app.log.1.gz"), packed);
        fs::remove_file(path("app.log.1")).expect("removed");
        let (lines, reports) = poll_at(&mut follower, &fs, 20..40, 0);
        assert_eq!(lines, expected, "{packed}");
        assert_eq!(
            reports.is_empty(),
            expected.is_empty(),
            "{packed}: {reports:?}"
        );
    }
}

/// Between two listings, as with a log that is rotated fast.
#[test]
fn a_log_that_came_and_went_to_the_directory_of_rotated_ones_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("old")).expect("made");
    fs::write(path("app.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut rules = live(directory.path());
    rules.rotated_directory = Some(path("old"));
    let mut follower = Follower::new(rules);
    assert_eq!(poll_at(&mut follower, &fs, 0..5, 0).0, ["one\n"]);
    fs::write(path("old/app.log"), "came and went\n").expect("written");
    fs::write(path("old/other.log"), "not ours\n").expect("written");
    let lines = poll_at(&mut follower, &fs, 5..20, 0).0;
    assert_eq!(lines, ["came and went\n"]);
}

/// It is a copy only of a log of its own name.
#[test]
fn a_rotated_log_that_is_like_another_log_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("old")).expect("made");
    fs::write(path("a.log"), "started\n").expect("written");
    fs::write(path("b.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut rules = rules(&path("?.log").display().to_string());
    rules.rotated_directory = Some(path("old"));
    let mut follower = Follower::new(rules);
    poll_at(&mut follower, &fs, 0..5, 0);
    fs::write(path("old/b.log"), "started\n").expect("written");
    assert_eq!(poll_at(&mut follower, &fs, 5..20, 0).0, ["started\n"]);
}

/// Under another name it is no copy, though it begins alike, nor is what is written under the live name.
#[test]
fn a_log_that_is_like_a_finished_one_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a.log"), "started\n").expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(rules(&path("?.log").display().to_string()));
    assert_eq!(poll_at(&mut follower, &fs, 0..5, 0).0, ["started\n"]);
    fs::rename(path("a.log"), path("a.log.1")).expect("renamed");
    poll_at(&mut follower, &fs, 5..200, 0);
    let [ref file] = follower.saved().files[..] else {
        panic!()
    };
    assert!(file.is_finished);
    for (name, seconds) in [("a.log", 200..210), ("b.log", 210..220)] {
        fs::write(path(name), "started\n").expect("written");
        let lines = poll_at(&mut follower, &fs, seconds, 0).0;
        assert_eq!(lines, ["started\n"], "{name}");
    }
}

/// A file that is renamed while its directory is read may be under neither name: the time up to which
/// all is known stays.
#[test]
fn a_directory_that_changes_while_it_is_read_is_not_known() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("app.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    poll_at(&mut follower, &fs, 0..5, 0);
    poll_at(&mut follower, &fs, 5..6, 1000);
    assert_eq!(follower.saved().listed_at, 1000);
    let made = fs::File::open(directory.path()).and_then(|made| made.set_modified(UNIX_EPOCH));
    made.expect("dated");
    fs.rename_before(Call::Meta, path("app.log"), path("app.log.1"));
    poll_at(&mut follower, &fs, 6..7, 2000);
    assert_eq!(follower.saved().listed_at, 1000);
    poll_at(&mut follower, &fs, 7..8, 3000);
    assert_eq!(follower.saved().listed_at, 3000);
}

/// Short logs often are: a copy under the same name can only be where rotated files go.
#[test]
fn logs_of_the_same_name_that_are_alike_are_each_read_in_their_directories() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    for name in ["a", "b", "c", "old"] {
        fs::create_dir(path(name)).expect("made");
    }
    for name in ["a/app.log", "b/app.log"] {
        fs::write(path(name), "started\n").expect("written");
    }
    let fs = Refusing::default();
    let mut rules = rules(&path("?/app.log").display().to_string());
    rules.rotated_directory = Some(path("old"));
    let mut follower = Follower::new(rules);
    let lines = poll_at(&mut follower, &fs, 0..5, 0).0;
    assert_eq!(lines, ["started\n", "started\n"]);
    fs::write(path("c/app.log"), "started\n").expect("written");
    assert_eq!(poll_at(&mut follower, &fs, 5..20, 0).0, ["started\n"]);
    fs::copy(path("c/app.log"), path("old/app.log")).expect("copied");
    assert_eq!(poll_at(&mut follower, &fs, 20..40, 0).0, [""; 0]);
}

#[test]
fn a_directory_with_the_name_of_a_log_is_passed_over() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["app.log", "app.log.1"] {
        fs::create_dir(directory.path().join(name)).expect("made");
    }
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll_at(&mut follower, &fs, 0..10, 0), (vec![], vec![]));
    assert_eq!(fs.open_files(), 0);
}

/// As beside the directories of the pattern, or while it is renamed.
#[test]
fn a_file_in_place_of_a_directory_and_one_that_is_gone_again_are_no_news() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("a")).expect("made");
    for name in ["read-me", "a/app.log", "a/app.log.1"] {
        fs::write(path(name), "one\n").expect("written");
    }
    let fs = Refusing::default();
    fs.refuse(Call::Meta, path("a/app.log.1"), ErrorKind::NotFound);
    let pattern = path("*/app.log").display().to_string();
    let mut follower = Follower::new(rules(&pattern));
    let (lines, reports) = poll_at(&mut follower, &fs, 0..10, 0);
    assert_eq!(lines, ["one\n"]);
    assert!(matches!(reports[..], [Report::Found { .. }]), "{reports:?}");
}

/// Less than a line says nothing about what it is.
#[test]
fn a_half_line_and_its_copy_that_is_made_slowly_are_one_line() {
    for pattern in ["app.log", "app.log*"] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let fs = Refusing::default();
        let pattern = path(pattern).display().to_string();
        let mut follower = Follower::new(rules(&pattern));
        assert_eq!(poll_at(&mut follower, &fs, 0..5, 0).0, [""; 0], "{pattern}");
        fs::write(path("app.log"), "half a li").expect("written");
        fs::write(path("app.log.1"), "half").expect("written");
        assert_eq!(
            poll_at(&mut follower, &fs, 5..30, 0).0,
            [""; 0],
            "{pattern}"
        );
        fs::write(path("app.log"), "half a line\n").expect("written");
        let mut lines = poll_at(&mut follower, &fs, 30..33, 0).0;
        fs::write(path("app.log.1"), "half a line\n").expect("written");
        lines.extend(poll_at(&mut follower, &fs, 33..60, 0).0);
        assert_eq!(lines, ["half a line\n"], "{pattern}");
    }
}

/// Both are new, and the live file may be a copy that is still being made only if it begins alike.
#[test]
fn half_a_line_of_a_rotated_file_is_read_though_the_live_file_has_half_a_line_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll_at(&mut follower, &fs, 0..5, 0).0, [""; 0]);
    fs::write(path("app.log.1"), "the end").expect("written");
    fs::write(path("app.log"), "a start").expect("written");
    assert_eq!(poll_at(&mut follower, &fs, 5..30, 0).0, ["the end"]);
}
