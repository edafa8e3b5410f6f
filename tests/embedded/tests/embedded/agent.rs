//! `kagg agent`, the command, over HTTP: rotations, stops, kills and reshards in one go.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinesis_aggregation_embedded::{Fault, Kinesis, read_all, stored};
use tokio::process::Child;

const STREAM: &str = "logs";

/// How a test treats the agent between two rotations.
#[derive(Clone, Copy, PartialEq)]
enum Treatment {
    /// It is told to stop, and started again after a rotation.
    Stop,
    /// It is killed, and started again after a rotation.
    Kill,
}

struct Agent {
    kinesis: Kinesis,
    directory: tempfile::TempDir,
}

impl Agent {
    async fn new() -> Self {
        let kinesis = Kinesis::start().await;
        kinesis.create_stream(STREAM, 2).await;
        Self {
            kinesis,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// With the endpoint that metrics go to, if they are wanted.
    fn configure(&self, pattern: &str, metrics: Option<&str>) {
        fs::create_dir_all(self.path("logs/old")).unwrap();
        let config = serde_json::json!({
            "kinesis.endpoint": self.kinesis.url(),
            "kinesis.region": "us-east-1",
            "cloudwatch.emitMetrics": metrics.is_some(),
            "cloudwatch.endpoint": metrics,
            "cloudwatch.metricsBufferTimeMillis": 1000,
            "cloudwatch.tagInstance": true,
            "checkpointFile": self.path("none"),
            "kagg.database": self.path("agent.db"),
            "flows": [{
                "filePattern": self.path("logs").join(pattern),
                "kinesisStream": STREAM,
                "initialPosition": "START_OF_FILE",
                "maxBufferAgeMillis": 1000,
                "minTimeBetweenFilePollsMillis": 20,
                "kagg.rotatedDir": self.path("logs/old"),
            }],
        });
        fs::write(self.path("agent.json"), config.to_string()).unwrap();
    }

    fn start(&self) -> Child {
        self.command().spawn().unwrap()
    }

    fn command(&self) -> tokio::process::Command {
        let config = self.path("agent.json");
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_kagg"));
        command
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .args(["agent", "--aggregate", "-c"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(fs::File::create(self.path("log")).unwrap())
            .kill_on_drop(true);
        command
    }

    /// How often each line came, as a KCL reads the stream.
    async fn lines(&self) -> HashMap<String, usize> {
        let reading = read_all(&self.kinesis.client(), STREAM).await;
        assert_eq!(reading.losses, [""; 0], "a KCL would lose lines");
        let mut lines = HashMap::new();
        for record in reading.user_records {
            let line = String::from_utf8(record.data.to_vec()).unwrap();
            *lines.entry(line).or_default() += 1;
        }
        lines
    }

    /// For `tests/interop/agent`: how many lines were written, and what each shard holds, a Kinesis
    /// record a line.
    async fn save(&self, file: &OsStr, written: usize) {
        let mut text = format!("{written}\n");
        for (shard, records) in stored(&self.kinesis.client(), STREAM).await {
            let range = shard.hash_key_range();
            for record in records {
                let line = serde_json::json!({
                    "shard": shard.id(),
                    "range": [range.start().to_string(), range.end().to_string()],
                    "partitionKey": record.partition_key,
                    "data": hex::encode(record.data),
                });
                text.push_str(&format!("{line}\n"));
            }
        }
        fs::write(file, text).unwrap();
    }

    /// Splits the first open shard, or merges the first two that are beside each other.
    async fn reshard(&self, splits: bool) {
        let client = self.kinesis.client();
        let shards = kinesis_aggregation::sdk::list_shards(&client, STREAM).await;
        let shards = shards.unwrap();
        let mut open: Vec<_> = shards
            .iter()
            .map(|shard| kinesis_aggregation::Shard::try_from(shard).unwrap())
            .filter(|shard| !shard.is_closed())
            .collect();
        open.sort_by_key(|shard| shard.hash_key_range().start());
        if splits {
            let range = open[0].hash_key_range();
            let middle = u128::from(range.start()) / 2 + u128::from(range.end()) / 2 + 1;
            let split = client
                .split_shard()
                .stream_name(STREAM)
                .shard_to_split(open[0].id())
                .new_starting_hash_key(middle.to_string());
            split.send().await.unwrap();
        } else {
            let merge = client
                .merge_shards()
                .stream_name(STREAM)
                .shard_to_merge(open[0].id())
                .adjacent_shard_to_merge(open[1].id());
            merge.send().await.unwrap();
        }
    }
}

fn line(number: usize) -> String {
    format!("line {number} of the log\n")
}

/// Writes 2500 lines a second, to the file that has the name at each moment.
fn write(path: &Path, ends: &AtomicBool, written: &AtomicUsize) {
    while !ends.load(Ordering::Relaxed) {
        let from = written.load(Ordering::Relaxed);
        let text: String = (from..from + 50).map(line).collect();
        let file = OpenOptions::new().create(true).append(true).open(path);
        if file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .is_ok()
        {
            written.store(from + 50, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Tells the agent to stop, and waits for its end: with 0, or with 1 where a part of a file may have been
/// cut off before it was read.
async fn stop(mut child: Child, cuts: bool) {
    let id = child.id().unwrap().to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(status.success());
    let code = child.wait().await.unwrap().code();
    assert!(code == Some(0) || (cuts && code == Some(1)), "{code:?}");
}

/// Every line that is in a plain or gzipped file now.
fn held(directories: &[PathBuf]) -> HashSet<String> {
    let mut lines = HashSet::new();
    for directory in directories {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let Ok(bytes) = fs::read(&path) else {
                continue;
            };
            let is_packed = path.extension().is_some_and(|extension| extension == "gz");
            let bytes = match is_packed {
                true => kinesis_aggregation::decompress::decompress(&bytes, None).unwrap(),
                false => bytes,
            };
            let text = String::from_utf8(bytes).unwrap();
            lines.extend(text.split_inclusive('\n').map(str::to_owned));
        }
    }
    lines
}

/// Writes, rotates, reshards and treats the agent; then every line that a file still holds has come, and
/// none twice unless there was a kill. If the rotation `cuts` nothing off, every line that was written has.
async fn nothing_is_missing(
    pattern: &str,
    treatment: Treatment,
    cuts: bool,
    rotate: impl Fn(&Agent, usize),
) {
    let agent = Agent::new().await;
    agent.configure(pattern, None);
    let mut requests = 0_u32;
    agent.kinesis.inject(move |request| {
        if request.operation != "PutRecords" {
            return Fault::None;
        }
        requests += 1;
        match requests % 5 {
            3 => Fault::Refuse(vec![0], "ProvisionedThroughputExceededException"),
            _ => Fault::None,
        }
    });
    let (ends, written) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let writer = {
        let (live, ends, written) = (agent.path("logs/app.log"), ends.clone(), written.clone());
        std::thread::spawn(move || write(&live, &ends, &written))
    };
    let mut child = agent.start();
    for rotation in 0..6 {
        tokio::time::sleep(Duration::from_millis(600)).await;
        agent.reshard(rotation % 2 == 0).await;
        if rotation % 3 == 1 {
            match treatment {
                Treatment::Stop => stop(child, cuts).await,
                Treatment::Kill => child.kill().await.unwrap(),
            }
            rotate(&agent, rotation);
            child = agent.start();
        } else {
            rotate(&agent, rotation);
        }
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    ends.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let held = held(&[agent.path("logs"), agent.path("logs/old")]);
    let written = written.load(Ordering::Relaxed);
    let wanted: Vec<String> = (0..written)
        .map(line)
        .filter(|line| held.contains(line))
        .collect();
    let mut missing = wanted.len();
    for _ in 0..120 {
        let came = agent.lines().await;
        missing = wanted
            .iter()
            .filter(|line| !came.contains_key(*line))
            .count();
        if missing == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stop(child, cuts).await;
    assert_eq!(missing, 0, "of {} lines that are still there", wanted.len());
    let came = agent.lines().await;
    let twice = came.values().filter(|count| **count > 1).count();
    let nowhere = (0..written)
        .filter(|number| !came.contains_key(&line(*number)))
        .count();
    println!("{pattern}: {written} lines, {twice} twice, {nowhere} cut off before they were read");
    assert!(cuts || nowhere == 0, "{nowhere} nowhere");
    assert!(twice == 0 || treatment == Treatment::Kill, "{twice} twice");
    if let Some(file) = std::env::var_os("AGENT_RECORDS") {
        agent.save(&file, written).await;
    }
}

fn rename(agent: &Agent, rotation: usize) {
    let _ = fs::rename(
        agent.path("logs/app.log"),
        agent.path(&format!("logs/app.log.{rotation}")),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_comes_once_while_files_are_rotated_and_shards_split_and_merge() {
    nothing_is_missing("app.log*", Treatment::Stop, false, rename).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_by_a_kill() {
    nothing_is_missing("app.log", Treatment::Kill, false, rename).await;
}

/// A CloudWatch and an instance metadata service that answer with this status: where they are, and the
/// metrics that come.
async fn cloudwatch(status: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&bodies);
    let answer = move |uri: axum::http::Uri, body: axum::body::Bytes| {
        let is_metadata = uri.path().starts_with("/latest/");
        if !is_metadata {
            let text = String::from_utf8_lossy(&body).into_owned();
            noted.lock().unwrap().push(text);
        }
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        let headers = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
        // As token and as the instance's id.
        let text = if is_metadata { "i-0123" } else { "" };
        std::future::ready((status, headers, text))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, axum::Router::new().fallback(answer));
    tokio::spawn(server.into_future());
    (url, bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_go_to_cloudwatch_and_without_the_permission_every_line_still_comes() {
    for (status, complaints) in [(200, 0), (403, 1)] {
        let agent = Agent::new().await;
        let (url, bodies) = cloudwatch(status).await;
        agent.configure("app.log", Some(&url));
        let mut command = agent.command();
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url);
        let child = command.spawn().unwrap();
        for round in 0..3 {
            let text: String = (round * 10..round * 10 + 10).map(line).collect();
            let mut log = OpenOptions::new();
            let log = log
                .create(true)
                .append(true)
                .open(agent.path("logs/app.log"));
            log.unwrap().write_all(text.as_bytes()).unwrap();
            let uploaded = async {
                while bodies.lock().unwrap().len() <= round {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let uploaded = tokio::time::timeout(Duration::from_secs(60), uploaded).await;
            uploaded.expect("an upload for each of the three rounds");
        }
        stop(child, false).await;
        let came = agent.lines().await;
        assert_eq!(
            (came.len(), came.values().max()),
            (30, Some(&1)),
            "{status}"
        );
        for text in [
            "AWSKinesisAgent",
            "RecordsSent",
            "Destination",
            "KinesisStream:logs",
        ] {
            assert!(bodies.lock().unwrap()[0].contains(text), "{text}");
        }
        let has_instance = bodies.lock().unwrap()[0].contains("i-0123");
        assert_eq!(has_instance, status == 200);
        let log = fs::read_to_string(agent.path("log")).unwrap();
        let said = log.matches("put_metric_data failed").count();
        assert_eq!(said, complaints, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs logrotate, and three minutes"]
async fn logrotate_takes_no_line_away() {
    for treatment in [Treatment::Stop, Treatment::Kill] {
        for options in [
            "create",
            "nocreate",
            "create\ncompress",
            "create\ndateext\ndateformat -%Y%m%d-%s",
            "create\nolddir OLD",
            "copytruncate",
            "copytruncate\ncompress",
            "copytruncate\nolddir OLD",
        ] {
            for pattern in ["app.log", "app.log*"] {
                let rotate = |agent: &Agent, _| logrotate(agent, options);
                // What is written while a file is copied or packed exists nowhere.
                let cuts = options.contains("copytruncate") || options.contains("compress");
                nothing_is_missing(pattern, treatment, cuts, rotate).await;
                println!("{options:?}");
            }
        }
    }
}

fn logrotate(agent: &Agent, options: &str) {
    if options.contains("dateext") {
        // Its finest date is the second, and it does not rotate to a name that is there.
        std::thread::sleep(Duration::from_millis(600));
    }
    let old = agent.path("logs/old").display().to_string();
    let rules = format!(
        "{} {{\nsize 1\nrotate 50\nmissingok\n{}\n}}\n",
        agent.path("logs/app.log").display(),
        options.replace("OLD", &old)
    );
    let config = agent.path("logrotate.conf");
    fs::write(&config, rules).unwrap();
    let status = Command::new("logrotate")
        .arg("-f")
        .arg("-s")
        .arg(agent.path("logrotate.state"))
        .arg(config)
        .status()
        .expect("logrotate is installed");
    assert!(status.success());
}
