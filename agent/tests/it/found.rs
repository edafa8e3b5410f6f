//! Content that is found under another name, or in another file.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use kinesis_aggregation_agent::{FollowRules, Follower};

use crate::directories::{poll, poll_at, rules};
use crate::refusing::Refusing;

fn live(directory: &Path) -> FollowRules {
    rules(&directory.join("app.log").display().to_string())
}

fn pack(path: &Path, text: &str) {
    let packed = fs::File::create(path).expect("made");
    let mut packed = GzEncoder::new(packed, Compression::fast());
    packed.write_all(text.as_bytes()).expect("written");
    packed.finish().expect("written");
}

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
        assert_eq!(poll(&mut follower, &fs, 0..20).0, ["two\n"], "{case}");
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

#[test]
fn a_directory_with_the_name_of_a_log_is_passed_over() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["app.log", "app.log.1"] {
        fs::create_dir(directory.path().join(name)).expect("made");
    }
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll_at(&mut follower, &fs, 0..10, 0), (vec![], vec![]));
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
