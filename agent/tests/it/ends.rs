//! Where records end, and when files do.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation_agent::{Follower, JavaRegex, Report};

use crate::following::{live, now, pack, poll, rules};
use crate::refusing::Refusing;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).expect("opens");
    file.write_all(text.as_bytes()).expect("written");
}

/// Otherwise the next process would start before them.
#[test]
fn lines_that_are_skipped_count_as_sent() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("app.log");
    let fs = Refusing::default();
    let mut rules = live(directory.path());
    rules.records.skip_header_lines = 1;
    rules.records.footer = Some(JavaRegex::new("end").expect("good"));
    let mut follower = Follower::new(rules);
    for (text, lines) in [
        ("header\n", &[][..]),
        ("header\none\nend\n", &["one\n"][..]),
    ] {
        fs::write(&log, text).expect("written");
        assert_eq!(poll(&mut follower, &fs, 0..5).0, lines);
        assert_eq!(follower.saved().files[0].position, text.len() as u64);
    }
}

#[test]
fn a_record_of_many_lines_is_given_out_once_no_more_come() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("app.log");
    fs::write(&log, "1 one\n more\n2 two\n").expect("written");
    let fs = Refusing::default();
    let mut rules = live(directory.path());
    rules.multi_line_wait = Duration::from_secs(4);
    rules.records.multi_line_start = Some(JavaRegex::new("[0-9]").expect("good"));
    let mut follower = Follower::new(rules);
    assert_eq!(poll(&mut follower, &fs, 0..3).0, ["1 one\n more\n"]);
    append(&log, " more\n");
    assert_eq!(poll(&mut follower, &fs, 3..7).0, [""; 0]);
    assert_eq!(poll(&mut follower, &fs, 7..9).0, ["2 two\n more\n"]);
}

#[test]
fn only_a_record_beyond_the_largest_is_cut_and_that_is_said() {
    for multi_line_start in [None, Some(JavaRegex::new("x").expect("good"))] {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("app.log");
        fs::write(&log, "x2345678\nx2345678\nx23456789\nx234567890\nx\n").expect("written");
        let fs = Refusing::default();
        let mut rules = live(directory.path());
        rules.records.max_record = 9;
        rules.records.terminator = Bytes::from_static(b"!");
        rules.records.multi_line_start = multi_line_start;
        let mut follower = Follower::new(rules);
        let (lines, reports) = poll(&mut follower, &fs, 0..10);
        let cut = "x2345678!";
        assert_eq!(lines, ["x2345678\n", "x2345678\n", cut, cut, "x\n"]);
        let cut = reports.iter().map(|report| match report {
            Report::Cut { records, .. } => *records,
            _ => 0,
        });
        assert_eq!(cut.sum::<u64>(), 2, "{reports:?}");
    }
}

/// More is read at once only if there may be more.
#[test]
fn a_poll_says_whether_there_may_be_more_to_read() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("app.log"), "line\n".repeat(1500)).expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    let more: Vec<bool> = (0..4)
        .map(|second| follower.poll(&fs, now(second, 0), 5000))
        .collect();
    // The first poll only opens the file.
    assert_eq!(more, [false, true, false, false]);
}

/// The writer has it open still.
#[test]
fn a_line_that_is_written_in_parts_to_a_rotated_file_is_one_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("app.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    assert_eq!(poll(&mut follower, &fs, 0..10).0, ["one\n"]);
    fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
    append(&path("app.log.1"), "tw");
    assert_eq!(poll(&mut follower, &fs, 10..14).0, [""; 0]);
    append(&path("app.log.1"), "o");
    assert_eq!(poll(&mut follower, &fs, 14..18).0, [""; 0]);
    append(&path("app.log.1"), "\n");
    assert_eq!(poll(&mut follower, &fs, 18..20).0, ["two\n"]);
}

/// The line of a live file may still be finished.
#[test]
fn after_a_restart_half_a_line_is_read_only_if_rotation_has_put_its_file_aside() {
    for (is_rotated, read) in [(false, &[][..]), (true, &["half"][..])] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let rules = rules(&path("app.log*").display().to_string());
        fs::write(path("app.log"), "one\nhalf").expect("written");
        let fs = Refusing::default();
        let mut follower = Follower::new(rules.clone());
        assert_eq!(poll(&mut follower, &fs, 0..2).0, ["one\n"]);
        if is_rotated {
            fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
        }
        assert_eq!(poll(&mut follower, &fs, 2..4).0, [""; 0]);
        let mut follower = Follower::resume(rules, follower.saved());
        let lines = poll(&mut follower, &fs, 0..20).0;
        assert_eq!(lines, read, "rotated: {is_rotated}");
    }
}

/// By a process that was not told of the rotation.
#[test]
fn what_is_written_to_a_finished_file_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("app.log"), "one\n").expect("written");
    let fs = Refusing::default();
    let mut follower = Follower::new(live(directory.path()));
    poll(&mut follower, &fs, 0..5);
    fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
    let finished = |reports: &[Report]| {
        let is_finished = |report: &&Report| matches!(report, Report::Finished { .. });
        reports.iter().filter(is_finished).count()
    };
    assert_eq!(finished(&poll(&mut follower, &fs, 5..20).1), 1);
    // As a backup does.
    let file = OpenOptions::new().append(true).open(path("app.log.1"));
    let dated = file.and_then(|file| file.set_modified(std::time::UNIX_EPOCH));
    dated.expect("dated");
    assert_eq!(poll(&mut follower, &fs, 20..30), (vec![], vec![]));
    append(&path("app.log.1"), "late\n");
    let (lines, reports) = poll(&mut follower, &fs, 30..50);
    assert_eq!((lines, finished(&reports)), (vec!["late\n".to_owned()], 1));
}

/// Until its records are acknowledged there is no room to read it on.
#[test]
fn a_packed_file_that_is_read_slowly_is_read_to_its_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let text: String = (0..2000).map(|line| format!("line {line}\n")).collect();
    fs::write(path("app.log"), &text[..7]).expect("written");
    let fs = Refusing::default();
    let rules = live(directory.path());
    let mut follower = Follower::new(rules.clone());
    assert_eq!(poll(&mut follower, &fs, 0..5).0, ["line 0\n"]);
    let mut follower = Follower::resume(rules, follower.saved());
    pack(&path("app.log.1.gz"), &text);
    fs::remove_file(path("app.log")).expect("removed");
    let mut given = Vec::new();
    for second in 0..60 {
        // There is room only at first, and in the end.
        let room = if (10..40).contains(&second) { 0 } else { 4096 };
        follower.poll(&fs, now(second, 0), room);
        given.extend(follower.take_records());
    }
    let lines: Vec<_> = given.iter().map(|record| record.data.clone()).collect();
    assert_eq!(lines.concat(), &text.as_bytes()[7..]);
}

#[test]
fn files_of_which_nothing_is_read_are_closed_once_they_are_deleted_and_quiet() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let fs = Refusing::default();
    let mut follower = Follower::new(rules(&format!("{}/*.log*", directory.path().display())));
    fs::write(path("app.log"), "one\n").expect("written");
    for name in ["empty.log", "idle.log"] {
        fs::write(path(name), "").expect("written");
    }
    poll(&mut follower, &fs, 0..5);
    fs::copy(path("app.log"), path("app.log.1")).expect("copied");
    poll(&mut follower, &fs, 5..20);
    assert_eq!(fs.open_files(), 4, "they are there");
    let mut empty = OpenOptions::new().append(true).open(path("empty.log"));
    let empty = empty.as_mut().expect("opens");
    for name in ["app.log.1", "empty.log", "idle.log"] {
        fs::remove_file(path(name)).expect("removed");
    }
    poll(&mut follower, &fs, 20..23);
    assert_eq!(fs.open_files(), 4, "they may be written still");
    empty.write_all(b"last words\n").expect("written");
    assert_eq!(poll(&mut follower, &fs, 23..24).0, [""; 0]);
    assert_eq!(poll(&mut follower, &fs, 24..40).0, ["last words\n"]);
    assert_eq!(fs.open_files(), 1, "only the live one is there");
}

#[test]
fn half_a_line_counts_against_the_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let half = "x".repeat(100_000);
    fs::write(directory.path().join("app.log"), &half).expect("written");
    let mut follower = Follower::new(live(directory.path()));
    poll(&mut follower, &Refusing::default(), 0..5);
    // It is kept as it was read, and as what was split of it.
    assert!(follower.held() >= 2 * half.len());
}
