//! Gaps in the other tests: each was found by a mutation of the code that none of them noticed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation_agent::{
    Converted, Converter, FileRecord, FollowRules, Follower, JavaRegex, hand_back, read_checkpoints,
};
use serde_json::json;

use crate::following::{now, poll, records, rules};
use crate::refusing::Refusing;
use crate::run::start;
use crate::stream::Stream;

/// Reads a directory's `*.log*` from the start.
struct Reader {
    follower: Follower<Refusing>,
    fs: Refusing,
    second: u64,
}

fn logs(directory: &Path) -> FollowRules {
    rules(&format!("{}/*.log*", directory.display()))
}

impl Reader {
    fn new(directory: &Path) -> Self {
        Self {
            follower: Follower::new(logs(directory)),
            fs: Refusing::default(),
            second: 0,
        }
    }

    fn restarted(self, directory: &Path) -> Self {
        Self {
            follower: Follower::resume(logs(directory), self.follower.saved()),
            fs: self.fs,
            second: 0,
        }
    }

    /// Reads for a minute, and acknowledges everything.
    fn read(&mut self) -> String {
        let minute = self.second..self.second + 60;
        self.second += 60;
        poll(&mut self.follower, &self.fs, minute).0.concat()
    }

    /// Reads for five seconds, and acknowledges nothing.
    fn records(&mut self) -> Vec<FileRecord> {
        let mut read = Vec::new();
        for _ in 0..5 {
            let now = now(self.second, i128::MAX / 2);
            self.second += 1;
            read.extend(records(&mut self.follower, &self.fs, now));
        }
        read
    }
}

/// Many logs begin alike, as with a line that says what the columns are.
#[test]
fn a_log_that_begins_as_a_short_one_did_that_is_gone_is_read_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let mut reader = Reader::new(directory.path());
    fs::write(path("monday.log"), "time,what\n").expect("written");
    assert_eq!(reader.read(), "time,what\n");
    // While it does not run.
    let mut reader = reader.restarted(directory.path());
    // In this order, so that it does not get the other one's inode.
    fs::write(path("tuesday.log"), "time,what\n1,start\n").expect("written");
    fs::remove_file(path("monday.log")).expect("removed");
    assert_eq!(reader.read(), "time,what\n1,start\n");
}

/// A file that was restored from a copy, under another name, while the agent did not run.
#[test]
fn a_long_beginning_tells_a_copy_under_any_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let mut reader = Reader::new(directory.path());
    let long: String = (0..200).map(|line| format!("line {line}\n")).collect();
    fs::write(path("monday.log"), &long).expect("written");
    assert_eq!(reader.read(), long);
    let mut reader = reader.restarted(directory.path());
    fs::write(path("moved.log"), format!("{long}more\n")).expect("written");
    fs::remove_file(path("monday.log")).expect("removed");
    assert_eq!(reader.read(), "more\n");
}

/// Under unrelated names they are no copies of one another, and neither is what rotation creates in
/// place of a file that it has renamed.
#[test]
fn logs_that_are_alike_are_each_read_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let mut reader = Reader::new(directory.path());
    fs::write(path("a.log"), "started\n").expect("written");
    assert_eq!(reader.read(), "started\n");
    fs::write(path("b.log"), "started\n").expect("written");
    assert_eq!(reader.read(), "started\n");
    fs::rename(path("a.log"), path("a.log.1")).expect("renamed");
    fs::write(path("a.log"), "started\n").expect("written");
    assert_eq!(reader.read(), "started\n");
}

/// Its name is made of the first name of the file, not of the one that this has now.
#[test]
fn a_copy_of_a_rotated_file_under_the_next_number_is_not_read_again() {
    for is_running in [true, false] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let mut reader = Reader::new(directory.path());
        fs::write(path("app.log"), "one\n").expect("written");
        assert_eq!(reader.read(), "one\n");
        fs::rename(path("app.log"), path("app.log.1")).expect("renamed");
        assert_eq!(reader.read(), "");
        if is_running {
            fs::copy(path("app.log.1"), path("app.log.2")).expect("copied");
            assert_eq!(reader.read(), "");
        } else {
            let mut reader = reader.restarted(directory.path());
            fs::write(path("app.log.2"), "one\ntwo\n").expect("copied");
            fs::remove_file(path("app.log.1")).expect("removed");
            assert_eq!(reader.read(), "two\n");
        }
    }
}

/// As when the live file could not be opened at first.
#[test]
fn a_file_that_goes_on_after_its_copy_is_read_from_there() {
    for lines in [1, 200] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let mut reader = Reader::new(directory.path());
        let old: String = (0..lines).map(|line| format!("line {line}\n")).collect();
        fs::write(path("app.log.1"), &old).expect("written");
        assert_eq!(reader.read(), old);
        fs::write(path("app.log"), format!("{old}more\n")).expect("written");
        assert_eq!(reader.read(), "more\n", "after {lines} lines");
    }
}

/// The Amazon Kinesis Agent keeps one position, and takes what was written later for new.
#[test]
fn the_oldest_file_with_something_left_is_handed_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut reader = Reader::new(directory.path());
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    for (age, name) in ["a.log", "b.log", "c.log", "d.log"].into_iter().enumerate() {
        let path = directory.path().join(name);
        fs::write(&path, format!("{name} one\n{name} two\n")).expect("written");
        let modified = epoch + Duration::from_secs(1_000_000 + age as u64);
        let file = fs::File::options().write(true).open(&path);
        file.and_then(|file| file.set_modified(modified))
            .expect("dated");
    }
    let records = reader.records();
    assert_eq!(records.len(), 8);
    for record in &records {
        if record.data != "b.log two\n" && record.data != "c.log two\n" {
            reader.follower.acknowledge(record.file, record.serial);
        }
    }
    let database = directory.path().join("database");
    let saved = reader.follower.saved();
    hand_back(&database, false, "s", "pattern", &saved).expect("writes");
    let checkpoints = read_checkpoints(&database, false, "s", "pattern").expect("reads");
    assert_eq!(checkpoints.len(), 1);
    let first = &checkpoints[0];
    assert_eq!(
        (first.path.file_name(), first.offset),
        (Some("b.log".as_ref()), 10)
    );
}

/// Else the first start would send everything that was ever rotated.
#[test]
fn what_was_rotated_before_the_first_start_is_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, old) = (directory.path().join("live"), directory.path().join("old"));
    for directory in [&live, &old] {
        fs::create_dir(directory).expect("made");
    }
    fs::write(old.join("app.log"), "rotated one\nrotated two\n").expect("written");
    fs::write(live.join("app.log"), "one\ntwo\n").expect("written");
    let mut reader = Reader::new(&live);
    let rules = FollowRules {
        rotated_directory: Some(old),
        ..logs(&live)
    };
    reader.follower = Follower::new(rules);
    assert_eq!(reader.read(), "one\ntwo\n");
}

#[test]
fn lines_that_wait_for_their_delivery_count_against_the_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut reader = Reader::new(directory.path());
    let line = format!("{}\n", "x".repeat(999));
    fs::write(directory.path().join("app.log"), line.repeat(100)).expect("written");
    let records = reader.records();
    assert_eq!(records.len(), 100);
    assert!(reader.follower.held() >= 100_000);
    for record in &records {
        reader.follower.acknowledge(record.file, record.serial);
    }
    assert!(reader.follower.held() < 1000);
}

#[test]
fn a_line_that_does_not_match_its_format_is_kept_where_that_is_asked_for() {
    let option = |on_mismatch: &str| json!({"optionName": "LOGTOJSON", "logFormat": "COMMONAPACHELOG", "kagg.onMismatch": on_mismatch});
    let convert = |option: serde_json::Value| {
        let converter = Converter::new(&option, &option.to_string()).expect("good");
        converter.convert(Bytes::from_static(b"no such line\n"), 0, None)
    };
    assert!(matches!(convert(option("skip")), Converted::Skipped));
    let Converted::Record(kept) = convert(option("raw")) else {
        panic!("it is lost");
    };
    assert_eq!(kept, "no such line\n");
}

/// Pattern, what it matches, and what it does not, in Java.
#[test]
fn character_classes_hold_what_they_hold_in_java() {
    for (pattern, matches, others) in [
        (r"[]a]", "]a", "b["),
        (r"[^]a]", "b[", "]a"),
        (r"\p{Blank}", " \t", "\nb\u{a0}\u{2003}"),
        (r"\p{Space}", " \t\n\u{b}\u{c}\r", "b\u{a0}"),
        (r"\p{Cntrl}", "\0\u{1f}\u{7f}", " a"),
        (r"\p{XDigit}", "09afAF", "gG"),
        (r"\p{Punct}", "!/:@[`{~", "a0 ¿"),
        (r"\p{Graph}", "!~a", " \té"),
        (r"\p{Print}", " ~a", "\té"),
        (r"\p{Alnum}", "azAZ09", "_é٣"),
        (r"\p{Alpha}", "azAZ", "0é"),
        (r"\p{ASCII}", "\0\u{7f}", "\u{80}"),
    ] {
        let regex = JavaRegex::new(pattern).expect(pattern);
        assert_eq!(regex.as_str(), pattern);
        let is_match = |char: char| regex.is_match(char.encode_utf8(&mut [0; 4]));
        assert!(matches.chars().all(is_match), "{pattern}");
        assert!(!others.chars().any(is_match), "{pattern}");
    }
}

/// Nobody knows which records it took: all of them go again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_firehose_for_fewer_records_than_were_put_loses_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let stream = Stream::default();
    stream.forget();
    let lines: String = (0..10).map(|line| format!("line {line}\n")).collect();
    fs::write(directory.path().join("app.log"), lines).expect("written");
    let keys = r#", "initialPosition": "START_OF_FILE""#;
    let agent = start(directory.path(), "app.log*", keys, &stream, true);
    stream.wait_for(10).await;
    agent.stop().await;
}

/// Firehose refuses a larger request as a whole, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_firehose_is_filled_up_to_its_limits_and_no_further() {
    for (limit, expected) in [
        (r#""maxBufferSizeRecords": 7"#, (7, 7 * 20)),
        (r#""maxBufferSizeBytes": 200"#, (10, 10 * 20)),
        (r#""maxBufferSizeBytes": 219"#, (10, 10 * 20)),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let stream = Stream::default();
        let lines: String = (0..100).map(|line| format!("{line:019}\n")).collect();
        fs::write(directory.path().join("app.log"), lines).expect("written");
        let keys = format!(r#", "initialPosition": "START_OF_FILE", {limit}"#);
        let agent = start(directory.path(), "app.log*", &keys, &stream, true);
        stream.wait_for(100).await;
        agent.stop().await;
        assert_eq!(stream.largest(), expected, "{limit}");
    }
}
