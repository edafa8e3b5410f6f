//! How fast a flow and its converters are, to a stream in memory:
//! `cargo bench -p kinesis-aggregation-agent --bench speed`. Linux only.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard, ShardMap};
use kinesis_aggregation_agent::{
    Config, Converter, FirehoseClient, FirehoseError, FlowTask, Host, PositionStore, RealFs, Sink,
    open_flow,
};
use kinesis_aggregation_producer::{
    ClientError, RecordError, Stored, StreamClient, StreamDescription,
};

const LINES: u64 = 2_000_000;

/// A stream that counts what it is given.
#[derive(Clone)]
struct Stream {
    shards: Arc<ShardMap>,
    records: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Stream {
    /// Divides the hash keys evenly among the shards. It takes many of them, because the producer never sends a
    /// shard more than it takes in a second.
    fn new(shards: u32) -> Self {
        let start = |n: u32| u128::MAX / u128::from(shards) * u128::from(n);
        let shards = (0..shards).map(|n| {
            let end = if n + 1 == shards {
                u128::MAX
            } else {
                start(n + 1) - 1
            };
            let range = HashKeyRange::new(HashKey::new(start(n)), HashKey::new(end));
            Shard::open(format!("shardId-{n:012}"), range.expect("in order"))
        });
        Self {
            shards: Arc::new(ShardMap::new(shards).expect("without a gap")),
            records: Arc::default(),
            requests: Arc::default(),
        }
    }

    /// Returns the shard of a record. A record without an explicit hash key travels raw, so any shard will do.
    fn shard(&self, record: &KinesisRecord) -> &Shard {
        let hash_key = record.explicit_hash_key().unwrap_or(HashKey::MIN);
        self.shards.predict(hash_key)
    }
}

impl StreamClient for Stream {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.records
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        let stored = |record| Ok(Stored::new(self.shard(record).id(), "1"));
        Ok(records.iter().map(stored).collect())
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        Ok(self.shards.open_shards().to_vec())
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        Ok(None)
    }
}

impl FirehoseClient for Stream {
    async fn put_record_batch(
        &self,
        _: Vec<Bytes>,
    ) -> Result<Vec<Result<(), FirehoseError>>, FirehoseError> {
        Err(FirehoseError::new("not measured"))
    }
}

/// Processor seconds of this process.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

/// Resident memory now and at most, in MB.
fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let of = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
            / 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// An Apache line of 200 bytes.
fn line(number: u64) -> String {
    let start = format!(
        r#"10.0.{}.{} - user{} [25/Nov/2026:10:00:{:02} +0000] "GET /a/page/{number} HTTP/1.1" 200 {number} "-" ""#,
        number % 256,
        number % 251,
        number % 100,
        number % 60
    );
    format!("{start}{}\"\n", "x".repeat(200 - 2 - start.len()))
}

fn converter() {
    let option = serde_json::json!({"optionName": "LOGTOJSON", "logFormat": "COMBINEDAPACHELOG"});
    let step = Converter::new(&option, &option.to_string()).expect("good");
    let lines: Vec<Bytes> = (0..10_000).map(|number| line(number).into()).collect();
    let used = cpu();
    let mut bytes = 0;
    for _ in 0..50 {
        for line in &lines {
            match step.convert(line.clone(), 0, None) {
                kinesis_aggregation_agent::Converted::Record(data) => bytes += data.len(),
                kinesis_aggregation_agent::Converted::Skipped => panic!("matches"),
            }
        }
    }
    let speed = 500_000.0 / (cpu() - used);
    println!("LOGTOJSON alone: {speed:.0} lines a processor second ({bytes} bytes)");
}

fn flow(directory: &Path, file: &Path, name: &str, keys: &str, shards: u32) {
    let text = format!(
        r#"{{"flows": [{{"filePattern": "{}", "kinesisStream": "s", "initialPosition": "START_OF_FILE",
            "maxBufferAgeMillis": 1000{keys}}}]}}"#,
        file.display()
    );
    let config = Config::parse(&text, &[]).expect("good");
    let store = PositionStore::open(&directory.join(format!("{name}.db"))).expect("opens");
    let flow = config.flows()[0].clone();
    let follower = open_flow(&config, &flow, &store, &RealFs).expect("opens");
    let stream = Stream::new(shards);
    let sink = Sink::<_, Stream>::Kinesis(stream.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let (start, used) = (Instant::now(), cpu());
    runtime.block_on(async {
        let task = FlowTask::start(
            flow,
            RealFs,
            follower,
            sink,
            Arc::new(Mutex::new(store)),
            config.max_memory(),
            Duration::from_secs(86_400),
            Host::new(),
        );
        let task = task.expect("starts");
        while !task.summary().starts_with(&format!("{LINES} records")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (elapsed, used) = (start.elapsed().as_secs_f64(), cpu() - used);
        let lines = LINES as f64;
        println!(
            "{name}: {:.0} lines/s, {:.2} CPU s a million, {} Kinesis records in {} requests, {} MB at most",
            lines / elapsed,
            used / lines * 1e6,
            stream.records.load(Ordering::Relaxed),
            stream.requests.load(Ordering::Relaxed),
            memory().1,
        );
        task.stop(Duration::from_secs(10)).await;
    });
}

fn main() {
    converter();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("app.log");
    let mut to = std::io::BufWriter::new(fs::File::create(&file).expect("made"));
    for number in 0..LINES {
        to.write_all(line(number).as_bytes()).expect("written");
    }
    drop(to);
    let (now, _) = memory();
    println!("{now} MB before the first flow");
    let deterministic = r#", "partitionKeyOption": "DETERMINISTIC""#;
    let aggregate = r#", "kagg.aggregate": true"#;
    // A shard takes a thousand records a second, or 1 MiB.
    for (name, keys, shards) in [
        ("RANDOM, aggregated", aggregate.to_owned(), 100),
        (
            "DETERMINISTIC, aggregated",
            format!("{aggregate}{deterministic}"),
            100,
        ),
        ("RANDOM, plain", String::new(), 1000),
        ("DETERMINISTIC, plain", deterministic.to_owned(), 1000),
    ] {
        flow(directory.path(), &file, name, &keys, shards);
    }
}
