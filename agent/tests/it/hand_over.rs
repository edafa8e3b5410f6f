//! The Amazon Kinesis Agent's database, taken over and handed back.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use kinesis_aggregation_agent::{
    Config, FileId, FilePattern, FollowRules, Follower, Head, InitialPosition, Mark, PositionStore,
    RealFs, Saved, SavedFile, StoreError, hand_back, open_flow, read_checkpoints, take_over,
};
use rusqlite::Connection;

use crate::following::{self, now, poll, records};
use crate::logged::logged;
use crate::refusing::{Call, Refusing};

/// The agent's table, with one row for a file up to an offset.
fn agents_database(path: &Path, pattern: &str, file: &Path, offset: u64) {
    let meta = fs::metadata(file).expect("is there");
    let connection = Connection::open(path).expect("opens");
    let table =
        "CREATE TABLE FILE_CHECKPOINTS (flow TEXT, path TEXT, fileId TEXT, lastModifiedTime BIGINT,
        size BIGINT, offset BIGINT, lastUpdated DATETIME, PRIMARY KEY (flow, path))";
    connection.execute_batch(table).expect("SQL");
    connection
        .execute(
            "INSERT INTO FILE_CHECKPOINTS VALUES (?, ?, ?, ?, ?, ?, '2026-11-25 10:00:00.000')",
            rusqlite::params![
                format!("kinesis:s:{pattern}"),
                file.to_str(),
                format!("(dev={:x},ino={})", meta.dev(), meta.ino()),
                meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000,
                meta.len().cast_signed(),
                offset.cast_signed(),
            ],
        )
        .expect("SQL");
}

/// The rules of a pattern, with the default initial position.
fn rules(pattern: &str) -> FollowRules {
    FollowRules {
        initial_position: InitialPosition::EndOfFile,
        ..following::rules(pattern)
    }
}

/// Reads for five seconds after a hand-over, and returns the lines sorted.
fn read_all(pattern: &str, saved: Saved, fs: &Refusing) -> Vec<String> {
    let mut follower = Follower::resume(rules(pattern), saved);
    let mut lines = poll(&mut follower, fs, 0..5).0;
    lines.sort();
    lines
}

/// Dates a file a second from now.
fn date_later(path: &Path) {
    let later = SystemTime::now() + Duration::from_secs(1);
    let file = fs::File::options().write(true).open(path);
    file.and_then(|file| file.set_modified(later))
        .expect("dated");
}

#[test]
fn the_agents_position_is_continued_to_the_byte_under_the_files_new_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let pattern = format!("{}/app.log", directory.path().display());
    let (live, old) = (
        directory.path().join("app.log"),
        directory.path().join("app.log.1"),
    );
    let database = directory.path().join("checkpoints");
    fs::write(&live, "sent\n").expect("written");
    agents_database(&database, &pattern, &live, 5);
    // While neither runs: more lines, a rotation, and more.
    fs::write(&live, "sent\nunsent\n").expect("written");
    fs::rename(&live, &old).expect("renamed");
    fs::write(&live, "new\n").expect("written");
    date_later(&live);
    let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
    assert_eq!(checkpoints.len(), 1);
    let (saved, is_found) = take_over(
        &RealFs,
        &FilePattern::new(&pattern).expect("good"),
        &checkpoints,
    )
    .expect("reads");
    assert!(is_found);
    let lines = read_all(&pattern, saved, &Refusing::default());
    assert_eq!(lines, ["new\n", "unsent\n"]);
}

/// The agent keeps milliseconds, so that a file of the same one may be older than its last file.
#[test]
fn a_file_counts_as_sent_until_the_millisecond_of_the_agents_last_one_is_over() {
    for (nanoseconds, expected) in [(5_999_999, &[][..]), (6_000_000, &["other\n"])] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let pattern = path("*.log").display().to_string();
        for (name, text, nanoseconds) in [
            ("app.log", "sent\n", 5_000_700),
            ("other.log", "other\n", nanoseconds),
        ] {
            fs::write(path(name), text).expect("written");
            let file = fs::File::options().write(true).open(path(name));
            let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
            file.and_then(|file| file.set_modified(time))
                .expect("dated");
        }
        agents_database(&path("checkpoints"), &pattern, &path("app.log"), 5);
        let checkpoints = read_checkpoints(&path("checkpoints"), false, "s", &pattern);
        let checkpoints = checkpoints.expect("reads");
        let files = FilePattern::new(&pattern).expect("good");
        let (saved, _) = take_over(&RealFs, &files, &checkpoints).expect("reads");
        let lines = read_all(&pattern, saved, &Refusing::default());
        assert_eq!(lines, expected);
    }
}

/// `kagg.addFile` and the partition key are taken from it.
#[test]
fn only_the_agents_last_file_takes_its_first_path_from_the_agent() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let pattern = format!("{}/*.log*", directory.path().display());
    fs::write(path("other.log"), "sent\n").expect("written");
    fs::write(path("app.log"), "sent\n").expect("written");
    let database = path("checkpoints");
    agents_database(&database, &pattern, &path("app.log"), 5);
    fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
    let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
    let pattern = FilePattern::new(&pattern).expect("good");
    let (saved, _) = take_over(&RealFs, &pattern, &checkpoints).expect("reads");
    let mut paths: Vec<_> = saved
        .files
        .into_iter()
        .map(|file| file.first_path)
        .collect();
    paths.sort();
    assert_eq!(paths, [path("app.log"), path("other.log")]);
}

#[test]
fn a_position_whose_file_is_gone_is_not_taken_for_another_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let pattern = format!("{}/app.log", directory.path().display());
    let live = directory.path().join("app.log");
    let database = directory.path().join("checkpoints");
    fs::write(&live, "a longer line than the one after it\n").expect("written");
    agents_database(&database, &pattern, &live, 36);
    fs::write(&live, "short\n").expect("written");
    date_later(&live);
    let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
    let (saved, is_found) = take_over(
        &RealFs,
        &FilePattern::new(&pattern).expect("good"),
        &checkpoints,
    )
    .expect("reads");
    assert!(!is_found);
    let lines = read_all(&pattern, saved, &Refusing::default());
    assert_eq!(lines, ["short\n"]);
}

#[test]
fn what_cannot_be_read_ends_the_hand_over_lest_lines_be_skipped_or_come_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let pattern_text = format!("{}/app.log", directory.path().display());
    let pattern = FilePattern::new(&pattern_text).expect("good");
    let live = directory.path().join("app.log");
    let database = directory.path().join("checkpoints");
    fs::write(&live, "sent\n").expect("written");
    agents_database(&database, &pattern_text, &live, 5);
    let checkpoints = read_checkpoints(&database, false, "s", &pattern_text).expect("reads");
    for (call, path) in [
        (Call::List, directory.path()),
        (Call::Meta, &live),
        (Call::Open, &live),
    ] {
        let fs = Refusing::default();
        fs.refuse(call, path.to_owned(), io::ErrorKind::PermissionDenied);
        let error = take_over(&fs, &pattern, &checkpoints).expect_err("refused");
        let named = matches!(&error, StoreError::HandOver { path: named, .. } if named == path);
        assert!(named, "{call:?}: {error}");
        // A file that is gone is no obstacle.
        let fs = Refusing::default();
        fs.refuse(call, path.to_owned(), io::ErrorKind::NotFound);
        let (saved, is_found) = take_over(&fs, &pattern, &checkpoints).expect("reads");
        assert!(!is_found && saved.files.is_empty(), "{call:?}");
    }
}

#[test]
fn what_cannot_be_read_is_no_obstacle_if_the_agents_last_file_is_found_or_cannot_be_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    for name in ["a", "b"] {
        fs::create_dir(path(name)).expect("made");
    }
    let live = path("a/app.log");
    for name in ["a/app.log", "a/app.log.1", "a/other"] {
        fs::write(path(name), "sent\n").expect("written");
    }
    let text = format!("{}/*/app.log", directory.path().display());
    let pattern = FilePattern::new(&text).expect("good");
    let database = path("checkpoints");
    agents_database(&database, &text, &live, 5);
    let checkpoints = read_checkpoints(&database, false, "s", &text).expect("reads");
    let take_over = |call, name: &str| {
        let fs = Refusing::default();
        fs.refuse(call, path(name), io::ErrorKind::PermissionDenied);
        take_over(&fs, &pattern, &checkpoints)
    };
    let elsewhere = [
        (Call::Meta, "a/app.log.1"),
        (Call::Meta, "a/other"),
        (Call::Meta, "b"),
        (Call::List, "b"),
    ];
    for (call, name) in elsewhere {
        let (saved, is_found) = take_over(call, name).expect(name);
        let positions: Vec<u64> = saved.files.iter().map(|file| file.position).collect();
        assert!(is_found && positions == [5], "{call:?} {name}");
    }
    fs::remove_file(&live).expect("removed");
    for (call, name, is_refused) in [
        (Call::Meta, "a/app.log.1", true),
        (Call::Meta, "a", true),
        (Call::List, "a", true),
        (Call::Meta, "a/other", false),
        (Call::Meta, "b", false),
        (Call::List, "b", false),
    ] {
        let taken = take_over(call, name);
        assert_eq!(taken.is_err(), is_refused, "{call:?} {name}");
        let is_named = match taken {
            Ok((_, is_found)) => !is_found,
            Err(StoreError::HandOver { path: named, .. }) => named == path(name),
            Err(_) => false,
        };
        assert!(is_named, "{call:?} {name}");
    }
}

/// Rotation renames it after the directory was listed, so only the next listing has its new name.
#[test]
fn the_agents_last_file_is_found_though_it_is_renamed_while_it_is_looked_for() {
    for call in [Call::Meta, Call::Open] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let pattern = path("app.log").display().to_string();
        fs::write(path("app.log"), "sent\nunsent\n").expect("written");
        let database = path("checkpoints");
        agents_database(&database, &pattern, &path("app.log"), 5);
        let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
        let fs = Refusing::default();
        fs.rename_before(call, path("app.log"), path("app.log.1"));
        let taken = take_over(
            &fs,
            &FilePattern::new(&pattern).expect("good"),
            &checkpoints,
        );
        let (saved, is_found) = taken.expect("reads");
        assert!(is_found, "{call:?}");
        assert_eq!(read_all(&pattern, saved, &fs), ["unsent\n"], "{call:?}");
    }
}

/// Nobody knows how much of it the agent has sent.
#[test]
fn a_file_that_cannot_be_opened_at_the_hand_over_is_said_and_sent_once_it_can_be() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let pattern = path("*.log").display().to_string();
    for name in ["secret.log", "open.log", "app.log"] {
        fs::write(path(name), format!("{name}\n")).expect("written");
    }
    let database = path("checkpoints");
    agents_database(&database, &pattern, &path("app.log"), 8);
    let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
    let fs = Refusing::default();
    fs.refuse(
        Call::Open,
        path("secret.log"),
        io::ErrorKind::PermissionDenied,
    );
    let pattern_read = FilePattern::new(&pattern).expect("good");
    let (taken, log) = logged(|| take_over(&fs, &pattern_read, &checkpoints));
    let (saved, is_found) = taken.expect("the last file can be read");
    assert!(is_found);
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("secret.log: permission denied"), "{log}");
    assert_eq!(read_all(&pattern, saved.clone(), &fs), [""; 0]);
    fs.refuse_nothing();
    assert_eq!(read_all(&pattern, saved, &fs), ["secret.log\n"]);
}

#[test]
fn file_ids_are_the_agents_texts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let pattern = path("app.log").display().to_string();
    let database = path("checkpoints");
    let id = FileId {
        device: 0xfd00,
        inode: 1_048_587,
    };
    let file = SavedFile {
        key: 1,
        path: path("app.log"),
        first_path: path("app.log"),
        id: Some(id),
        head: Head::of(b"sent\n"),
        position: 5,
        before: Mark::of(b"sent\n"),
        len: 5,
        modified: 0,
        is_finished: false,
    };
    let saved = Saved {
        files: vec![file],
        listed_at: 0,
    };
    hand_back(&database, false, "s", &pattern, &saved).expect("writes");
    let connection = Connection::open(&database).expect("opens");
    let text = "SELECT fileId FROM FILE_CHECKPOINTS";
    let text: String = connection
        .query_row(text, [], |row| row.get(0))
        .expect("one row");
    assert_eq!(text, "(dev=fd00,ino=1048587)");

    fs::write(path("app.log"), "sent\n").expect("written");
    let meta = fs::metadata(path("app.log")).expect("is there");
    let good = format!("(dev={:x},ino={})", meta.dev(), meta.ino());
    for (text, is_the_file) in [
        (&*good, true),
        ("(dev=zz,ino=1)", false),
        (&meta.ino().to_string(), false),
    ] {
        let changed = connection.execute("UPDATE FILE_CHECKPOINTS SET fileId = ?", [text]);
        assert_eq!(changed, Ok(1));
        let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
        let pattern = FilePattern::new(&pattern).expect("good");
        let (_, is_found) = take_over(&RealFs, &pattern, &checkpoints).expect("reads");
        assert_eq!(is_found, is_the_file, "{text}");
    }
}

#[test]
fn a_row_of_the_agents_that_cannot_be_read_is_no_obstacle_if_another_can() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("log");
    fs::write(&log, "a line\n").expect("written");
    let database = directory.path().join("checkpoints");
    agents_database(&database, "/logs/app.log", &log, 7);
    let connection = Connection::open(&database).expect("opens");
    let bad = "INSERT INTO FILE_CHECKPOINTS SELECT flow, 'other', fileId, 'no time', size, offset,
        '2026-11-25 11:00:00.000' FROM FILE_CHECKPOINTS";
    connection.execute_batch(bad).expect("SQL");
    let checkpoints = read_checkpoints(&database, false, "s", "/logs/app.log").expect("reads");
    let offsets: Vec<u64> = checkpoints.iter().map(|row| row.offset).collect();
    assert_eq!(offsets, [7]);
}

#[test]
fn what_is_handed_back_is_what_the_agent_reads() {
    let directory = tempfile::tempdir().expect("a directory");
    let pattern = format!("{}/app.log", directory.path().display());
    let live = directory.path().join("app.log");
    let database = directory.path().join("checkpoints");
    fs::write(&live, "one\ntwo\nthree\n").expect("written");
    let mut follower = Follower::resume(rules(&pattern), Saved::default());
    let fs = Refusing::default();
    // The first poll only opens the file.
    records(&mut follower, &fs, now(0, 0));
    let records = records(&mut follower, &fs, now(1, 0));
    assert_eq!(records.len(), 3);
    // The second is not acknowledged: the position is where it begins.
    for record in [&records[0], &records[2]] {
        follower.acknowledge(record.file, record.serial);
    }
    hand_back(&database, false, "s", &pattern, &follower.saved()).expect("writes");
    let checkpoints = read_checkpoints(&database, false, "s", &pattern).expect("reads");
    let meta = fs::metadata(&live).expect("is there");
    assert_eq!(checkpoints.len(), 1);
    assert_eq!(checkpoints[0].offset, 4);
    assert_eq!(checkpoints[0].path, live);
    assert_eq!(checkpoints[0].id.map(|id| id.inode), Some(meta.ino()));
    assert!(
        read_checkpoints(&database, true, "s", &pattern)
            .expect("reads")
            .is_empty()
    );
}

/// Starts a flow with the Amazon Kinesis Agent's database at this path, and returns the error.
fn start_error(database: &Path) -> Option<StoreError> {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!(
        r#"{{"checkpointFile": "{}", "flows": [{{"filePattern": "/logs/app.log", "kinesisStream": "s"}}]}}"#,
        database.display()
    );
    let config = Config::parse(&text, &[]).expect("good");
    let store = PositionStore::open(&directory.path().join("agent.db")).expect("opens");
    open_flow(&config, &config.flows()[0], &store, &RealFs).err()
}

#[test]
fn an_agents_database_that_cannot_be_read_is_an_error_and_a_missing_one_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    assert!(start_error(&path("missing")).is_none());
    fs::write(path("empty"), "").expect("written");
    assert!(start_error(&path("empty")).is_none(), "no table");

    fs::write(
        path("damaged"),
        "no database at all, but long enough".repeat(99),
    )
    .expect("written");
    fs::create_dir(path("directory")).expect("made");
    fs::write(path("log"), "a line\n").expect("written");
    agents_database(&path("bad-row"), "/logs/app.log", &path("log"), 7);
    let connection = Connection::open(path("bad-row")).expect("opens");
    let bad = "UPDATE FILE_CHECKPOINTS SET offset = -1";
    connection.execute_batch(bad).expect("SQL");
    for name in ["damaged", "directory", "bad-row"] {
        let error = start_error(&path(name)).expect(name).to_string();
        assert!(error.contains(&path(name).display().to_string()), "{error}");
    }
}
