//! Flows on real files, to a stream in memory.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use kinesis_aggregation::{Deaggregator, HashKey};
use kinesis_aggregation_agent::{
    Config, FileSystem, FlowMetrics, FlowTask, Host, Meta, PositionStore, RealFile, RealFs, Sink,
    open_flow,
};

use crate::stream::Stream;

pub(crate) struct Agent {
    task: FlowTask,
    /// The task's: it has the database to itself.
    store: Weak<Mutex<PositionStore>>,
}

/// Starts the one flow of a configuration.
pub(crate) fn start(
    directory: &Path,
    pattern: &str,
    keys: &str,
    stream: &Stream,
    to_firehose: bool,
) -> Agent {
    start_on(RealFs, directory, pattern, keys, stream, to_firehose)
}

fn start_on<S>(
    fs: S,
    directory: &Path,
    pattern: &str,
    keys: &str,
    stream: &Stream,
    to_firehose: bool,
) -> Agent
where
    S: FileSystem + Send + 'static,
    S::File: Send + Sync,
{
    let destination = if to_firehose {
        "deliveryStream"
    } else {
        "kinesisStream"
    };
    let text = format!(
        r#"{{"flows": [{{"filePattern": "{}/{pattern}", "{destination}": "s", "maxBufferAgeMillis": 1000,
            "retryInitialBackoffMillis": 1, "minTimeBetweenFilePollsMillis": 5{keys}}}]}}"#,
        directory.display()
    );
    let config = Config::parse(&text, &[]).expect("good");
    let store = PositionStore::open(&directory.join("db/agent.db")).expect("opens");
    let flow = config.flows()[0].clone();
    let follower = open_flow(&config, &flow, &store, &fs).expect("reads");
    let sink = if to_firehose {
        Sink::Firehose(stream.clone())
    } else {
        Sink::Kinesis(stream.clone())
    };
    let store = Arc::new(Mutex::new(store));
    let weak = Arc::downgrade(&store);
    let memory = 8 * 1024 * 1024;
    let ttl = Duration::from_secs(86_400);
    let task = FlowTask::start(
        flow,
        fs,
        follower,
        sink,
        store,
        memory,
        ttl,
        Host::new().with_name("h"),
    );
    Agent {
        task: task.expect("starts"),
        store: weak,
    }
}

impl Agent {
    /// The flow's metrics.
    pub(crate) fn metrics(&self) -> FlowMetrics {
        self.task.metrics()
    }

    /// Waits until the flow has ended by itself.
    async fn ended(&self) {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.task.ended());
        ended.await.expect("the flow goes on");
    }

    /// Waits until the flow has ended by itself, with something not delivered.
    async fn ended_undelivered(self) {
        self.ended().await;
        let stopped = self.task.stop(Duration::from_secs(60)).await;
        assert!(!stopped.is_delivered());
    }

    pub(crate) async fn stop(self) {
        let stopped = self.task.stop(Duration::from_secs(30)).await;
        assert!(stopped.is_delivered(), "not all was delivered");
        assert!(!stopped.has_losses());
    }
}

struct Writer {
    next: usize,
}

impl Writer {
    fn write(&mut self, path: &Path, lines: usize) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("opens");
        let mut text = String::new();
        for _ in 0..lines {
            text.push_str(&format!("line {} of the log\n", self.next));
            self.next += 1;
        }
        file.write_all(text.as_bytes()).expect("writes");
    }
}

fn assert_each_once(stream: &Stream, lines: usize) {
    let counts = stream.lines();
    for number in 0..lines {
        let line = format!("line {number} of the log\n");
        assert_eq!(counts.get(line.as_bytes()), Some(&1), "{line}");
    }
    assert_eq!(counts.len(), lines);
}

/// Rotations and stops in between, on a stream that fails.
async fn every_line_comes_once(keys: &str, to_firehose: bool) {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, one, two) = (
        directory.path().join("app.log"),
        directory.path().join("app.log.1"),
        directory.path().join("app.log.2"),
    );
    let mut writer = Writer { next: 0 };
    let stream = Stream::default();
    writer.write(&live, 100);
    let keys = format!(r#"{keys}, "initialPosition": "START_OF_FILE""#);
    let agent = start(directory.path(), "app.log*", &keys, &stream, to_firehose);
    stream.wait_for(100).await;
    stream.fail();
    // Renamed while it runs.
    writer.write(&live, 500);
    fs::rename(&live, &one).expect("renamed");
    writer.write(&live, 500);
    stream.wait_for(1100).await;
    agent.stop().await;
    // Renamed, and copied and cut off, while it does not run.
    writer.write(&live, 100);
    fs::rename(&one, &two).expect("renamed");
    fs::copy(&live, &one).expect("copied");
    fs::write(&live, "").expect("cut off");
    writer.write(&live, 100);
    let agent = start(directory.path(), "app.log*", &keys, &stream, to_firehose);
    stream.wait_for(1300).await;
    agent.stop().await;
    assert_each_once(&stream, writer.next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_comes_once_with_random_keys() {
    every_line_comes_once("", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_comes_once_with_aggregation() {
    every_line_comes_once(r#", "kagg.aggregate": true"#, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_comes_once_with_keys_from_the_lines() {
    every_line_comes_once(
        r#", "kagg.aggregate": true, "partitionKeyOption": "DETERMINISTIC""#,
        false,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_comes_once_through_firehose() {
    every_line_comes_once("", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_random_or_the_md5_of_the_line() {
    for (option, aggregate) in [
        ("RANDOM", false),
        ("RANDOM", true),
        ("DETERMINISTIC", false),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let stream = Stream::default();
        let mut writer = Writer { next: 0 };
        writer.write(&directory.path().join("app.log"), 50);
        let keys = format!(
            r#", "partitionKeyOption": "{option}", "kagg.aggregate": {aggregate}, "initialPosition": "START_OF_FILE""#
        );
        let agent = start(directory.path(), "app.log*", &keys, &stream, false);
        stream.wait_for(50).await;
        agent.stop().await;
        let records = stream.records();
        let mut keys: Vec<_> = records
            .iter()
            .map(|record| record.partition_key().map(str::to_owned))
            .collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), if aggregate { 1 } else { 50 }, "{option}");
        assert_eq!(records.len(), keys.len());
        let digests = records.iter().filter(|record| {
            let line = std::str::from_utf8(record.data()).unwrap_or_default();
            let digest = u128::from(HashKey::of_partition_key(line));
            record.partition_key() == Some(&*format!("{digest:032x}"))
        });
        let is_deterministic = option == "DETERMINISTIC";
        assert_eq!(digests.count(), if is_deterministic { 50 } else { 0 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_do_not_match_count_as_done() {
    let directory = tempfile::tempdir().expect("a directory");
    let stream = Stream::default();
    let live = directory.path().join("app.log");
    fs::write(&live, "Mar 12 12:27:00 host app[1]: hello\nno syslog\nMar 12 12:27:00 host app: bye\r\nno syslog\n").expect("written");
    let keys = r#", "initialPosition": "START_OF_FILE",
        "dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG"}]"#;
    let agent = start(directory.path(), "app.log*", keys, &stream, false);
    stream.wait_for(2).await;
    agent.stop().await;
    let store = PositionStore::open(&directory.path().join("db/agent.db")).expect("opens");
    let flow = store.flows().expect("reads").remove(0);
    let saved = store.load(&flow).expect("reads").expect("is there");
    assert_eq!(
        saved.files[0].position,
        fs::metadata(&live).expect("is there").len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_whose_delivery_panics_ends_and_has_not_delivered() {
    let directory = tempfile::tempdir().expect("a directory");
    let stream = Stream::default();
    stream.panic();
    fs::write(directory.path().join("app.log"), "a line\n").expect("written");
    let keys = r#", "initialPosition": "START_OF_FILE""#;
    let agent = start(directory.path(), "app.log*", keys, &stream, true);
    agent.ended_undelivered().await;
}

/// Files that cannot be looked at without a panic.
struct Panicking;

impl FileSystem for Panicking {
    type File = RealFile;

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        panic!("a panic that the test asked for");
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        RealFs.meta(path)
    }

    fn open(&self, path: &Path) -> io::Result<RealFile> {
        RealFs.open(path)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_whose_reader_panics_ends_and_has_not_delivered() {
    for to_firehose in [false, true] {
        let directory = tempfile::tempdir().expect("a directory");
        let stream = Stream::default();
        let (path, keys) = (directory.path(), "");
        let agent = start_on(Panicking, path, "app.log*", keys, &stream, to_firehose);
        agent.ended_undelivered().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_while_every_put_is_throttled_sends_each_line_once() {
    for aggregate in [false, true] {
        let directory = tempfile::tempdir().expect("a directory");
        let stream = Stream::default();
        stream.throttle(true);
        let mut writer = Writer { next: 0 };
        writer.write(&directory.path().join("app.log"), 50);
        let keys =
            format!(r#", "kagg.aggregate": {aggregate}, "initialPosition": "START_OF_FILE""#);
        let agent = start(directory.path(), "app.log*", &keys, &stream, false);
        stream.wait_for_request().await;
        assert!(!agent.task.stop(Duration::ZERO).await.is_delivered());
        // The old producer may have something to send only as long as it has a client.
        stream.wait_until_unused().await;
        stream.throttle(false);
        let agent = start(directory.path(), "app.log*", &keys, &stream, false);
        stream.wait_for(50).await;
        agent.stop().await;
        assert_each_once(&stream, 50);
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

/// The partition key and data of what a flow with these keys makes of some JSON lines.
async fn delivered(keys: &str) -> Vec<(String, Vec<u8>)> {
    let directory = tempfile::tempdir().expect("a directory");
    let live = directory.path().join("app.log");
    write(
        &live,
        "{\"id\": 7}\n{\"id\": \"b\"}\n{\"id\": \"\"}\nno JSON\n",
    );
    let stream = Stream::default();
    let keys = format!(r#", "initialPosition": "START_OF_FILE"{keys}"#);
    let agent = start(directory.path(), "app.log", &keys, &stream, false);
    stream.wait_for(4).await;
    agent.stop().await;
    let path = directory.path().display().to_string();
    let mut delivered = Vec::new();
    for record in stream.records() {
        let opened = Deaggregator::new().deaggregate(&record);
        for user_record in opened.user_records() {
            let user_record = user_record.expect("whole");
            let key = user_record.partition_key().unwrap_or_default();
            delivered.push((key.replace(&path, "DIR"), user_record.data().to_vec()));
        }
    }
    delivered.sort_by(|one, other| one.1.cmp(&other.1));
    delivered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_key_comes_from_the_file_or_from_the_record() {
    for aggregate in ["", r#", "kagg.aggregate": true"#] {
        let by_file = delivered(&format!(r#", "kagg.partitionKeyFrom": "file"{aggregate}"#)).await;
        assert!(
            by_file.iter().all(|(key, _)| key == "DIR/app.log"),
            "{by_file:?}"
        );
        let by_value = delivered(&format!(r#", "kagg.partitionKeyFrom": "/id"{aggregate}"#)).await;
        let keys: Vec<&str> = by_value.iter().map(|(key, _)| key.as_str()).collect();
        let [no_json, empty, b, seven] = keys[..] else {
            panic!("{keys:?}");
        };
        assert_eq!((b, seven), ("b", "7"));
        assert!(!no_json.is_empty() && !empty.is_empty(), "{keys:?}");
    }
}

/// A partition key has at most 256 characters; a record with a longer one would be left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_file_with_a_long_path_is_the_digest_of_its_path() {
    let directory = tempfile::tempdir().expect("a directory");
    let deep = ["d".repeat(150), "e".repeat(150)];
    let deep = directory.path().join(deep.join("/"));
    fs::create_dir_all(&deep).expect("made");
    write(&deep.join("app.log"), "one\ntwo\n");
    let stream = Stream::default();
    let keys = r#", "initialPosition": "START_OF_FILE", "kagg.partitionKeyFrom": "file""#;
    let agent = start(&deep, "app.log", keys, &stream, false);
    stream.wait_for(2).await;
    agent.stop().await;
    let records = stream.records();
    let keys: Vec<&str> = records
        .iter()
        .filter_map(|one| one.partition_key())
        .collect();
    assert!(keys[0].len() == 32 && keys == [keys[0]; 2], "{keys:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_and_host_are_added_to_json_lines_and_what_is_sent_is_compressed() {
    let keys =
        r#", "kagg.addFile": "file", "kagg.addHost": "host", "kagg.partitionKeyFrom": "/file""#;
    let plain = delivered(keys).await;
    let (key, data) = &plain[2];
    let text = String::from_utf8_lossy(data);
    assert_eq!(key, "DIR/app.log");
    assert!(text.starts_with("{\"id\":\"b\",\"file\":\"/"), "{text}");
    assert!(text.ends_with("/app.log\",\"host\":\"h\"}\n"), "{text}");
    assert_eq!(plain[0].1, b"no JSON\n");
    let keys = format!(r#"{keys}, "kagg.compress": "gzip", "kagg.aggregate": true"#);
    let packed = delivered(&keys).await;
    assert_eq!(
        packed
            .iter()
            .filter(|(key, _)| key == "DIR/app.log")
            .count(),
        3
    );
    for (_, data) in &packed {
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(&data[..]);
        decoder.read_to_string(&mut text).expect("gzip");
        assert!(text.ends_with('\n'));
    }
}

/// After a kill, what was sent in the meantime would be sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_saved_while_the_flow_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    write(&directory.path().join("app.log"), "one\ntwo\n");
    let stream = Stream::default();
    let keys = r#", "initialPosition": "START_OF_FILE""#;
    let agent = start(directory.path(), "app.log", keys, &stream, true);
    let saved = async {
        let is_saved = || {
            let store = agent.store.upgrade().expect("it runs");
            let store = store.lock().expect("not poisoned");
            let flow = store.flows().expect("reads").pop()?;
            let saved = store.load(&flow).expect("reads")?;
            Some(saved.files.first()?.position == 8)
        };
        while is_saved() != Some(true) {
            tokio::task::yield_now().await;
        }
    };
    let saved = tokio::time::timeout(Duration::from_secs(60), saved).await;
    saved.expect("positions are saved");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rotated_before_the_first_start_is_not_sent_by_the_second() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = directory.path().join("app.log.1");
    write(&old, "old\n");
    let file = OpenOptions::new().append(true).open(&old).expect("opens");
    let day_ago = std::time::SystemTime::now() - Duration::from_secs(86_400);
    file.set_modified(day_ago).expect("dated");
    let stream = Stream::default();
    let keys = r#", "initialPosition": "START_OF_FILE""#;
    for line in ["one\n", "two\n"] {
        let mut live = OpenOptions::new();
        let live = live.create(true).append(true);
        let live = live.open(directory.path().join("app.log"));
        live.and_then(|mut live| live.write_all(line.as_bytes()))
            .expect("written");
        let sent = stream.lines().len();
        let agent = start(directory.path(), "app.log", keys, &stream, true);
        stream.wait_for(sent + 1).await;
        agent.stop().await;
    }
    let mut lines: Vec<_> = stream.lines().into_keys().collect();
    lines.sort();
    assert_eq!(lines, ["one\n", "two\n"]);
}
