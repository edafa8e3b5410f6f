//! How soon `kagg agent` is ready, and what it holds when it is idle, with a hundred files:
//! `cargo bench -p kagg --bench agent`. Linux only.
//!
//! It is the command as users run it, with metrics, against a server on this machine that speaks HTTP, without TLS.
//! With `KAGG=path`, it is that build of the command: `KAGG=target/dist/kagg` after `cargo build --profile dist -p kagg`.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{self, OpenOptions};
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};

    const FILES: u64 = 100;
    const STARTS: usize = 11;
    /// If anything takes this long, it hangs.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// How long the idle agent's processor time is measured.
    const IDLE: Duration = Duration::from_secs(10);

    pub(super) fn main() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let lines = Arc::new(AtomicU64::new(0));
        let url = serve(Arc::clone(&lines));
        configure(directory, &url);
        let line = format!("{}\n", "x".repeat(199));
        for number in 0..FILES {
            fs::write(log(directory, number), line.repeat(1000)).unwrap();
        }
        // The very first start sends the last line of each file.
        let (agent, _) = start(directory);
        wait_for(&lines, FILES);
        stop(agent);
        let (mut times, mut used) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let (agent, time) = start(directory);
            times.push(time);
            used.push(processor_of_start(&agent));
            stop(agent);
        }
        times.sort();
        used.sort();
        println!(
            "ready {:.1} ms after the start, at most {:.1} ms; on a processor for {:.1} ms of them (medians of {STARTS})",
            millis(times[STARTS / 2]),
            millis(times[STARTS - 1]),
            millis(used[STARTS / 2]),
        );
        let (agent, _) = start(directory);
        for number in 0..FILES {
            let mut log = OpenOptions::new()
                .append(true)
                .open(log(directory, number))
                .unwrap();
            log.write_all(line.as_bytes()).unwrap();
        }
        wait_for(&lines, 2 * FILES);
        // Metrics go once a second, and then there is nothing more to do.
        std::thread::sleep(Duration::from_secs(3));
        let used = processor(&agent);
        std::thread::sleep(IDLE);
        let used = processor(&agent) - used;
        println!(
            "idle: {} MB resident, of which {} MB are its own and not the program's file; {:.1} % of a processor",
            memory(&agent, "VmRSS:"),
            memory(&agent, "RssAnon:"),
            used / IDLE.as_secs_f64() * 100.0,
        );
        stop(agent);
    }

    fn log(directory: &Path, number: u64) -> std::path::PathBuf {
        directory.join(format!("{number:03}.log"))
    }

    fn configure(directory: &Path, url: &str) {
        let config = json!({
            "kinesis.endpoint": url,
            "kinesis.region": "us-east-1",
            "awsAccessKeyId": "test",
            "awsSecretAccessKey": "test",
            "cloudwatch.endpoint": url,
            "cloudwatch.metricsBufferTimeMillis": 1000,
            "checkpointFile": directory.join("none"),
            "kagg.database": directory.join("agent.db"),
            "flows": [{
                "filePattern": directory.join("*.log"),
                "kinesisStream": "logs",
                "maxBufferAgeMillis": 1000,
            }],
        });
        fs::write(directory.join("agent.json"), config.to_string()).unwrap();
    }

    /// Starts the agent, and waits until it says that it is ready, as it says to systemd.
    fn start(directory: &Path) -> (Child, Duration) {
        let path = directory.join("notify");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let started = Instant::now();
        let kagg = std::env::var_os("KAGG").unwrap_or(env!("CARGO_BIN_EXE_kagg").into());
        let agent = Command::new(kagg)
            .env_clear()
            .env("NOTIFY_SOCKET", &path)
            .args(["agent", "-c"])
            .arg(directory.join("agent.json"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut message = [0; 64];
        let len = socket.recv(&mut message).expect("ready in time");
        assert_eq!(message[..len].trim_ascii(), b"READY=1");
        (agent, started.elapsed())
    }

    fn stop(mut agent: Child) {
        let id = agent.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
        assert!(agent.wait().unwrap().success());
    }

    fn wait_for(lines: &AtomicU64, count: u64) {
        let started = Instant::now();
        while lines.load(Ordering::Relaxed) < count {
            assert!(started.elapsed() < PATIENCE, "{lines:?} of {count} lines");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn millis(time: Duration) -> f64 {
        time.as_secs_f64() * 1000.0
    }

    /// Returns a line of the agent's memory status, in MB of a million bytes.
    fn memory(agent: &Child, key: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap();
        let kib: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        (kib * 1024.0 / 1e5).round() / 10.0
    }

    /// Returns the processor time of the first thread, which starts everything.
    fn processor_of_start(agent: &Child) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", agent.id())).unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
    }

    /// Returns the processor time of all threads so far, in seconds.
    fn processor(agent: &Child) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", agent.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2);
        ticks
            .map(|ticks| ticks.parse::<f64>().unwrap())
            .sum::<f64>()
            / 100.0
    }

    /// Serves a Kinesis of one shard, which counts the records that it takes, and a CloudWatch. Returns the URL.
    fn serve(lines: Arc<AtomicU64>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let lines = Arc::clone(&lines);
                // The agent may end in the middle of a request.
                std::thread::spawn(move || answer_all(&connection?, &lines));
            }
        });
        url
    }

    fn answer_all(connection: &TcpStream, lines: &AtomicU64) -> std::io::Result<()> {
        let mut reader = BufReader::new(connection);
        let mut writer = connection;
        loop {
            let (mut target, mut len) = (String::new(), 0);
            loop {
                let mut header = String::new();
                if reader.read_line(&mut header)? == 0 {
                    return Ok(());
                }
                let header = header.trim_end();
                if header.is_empty() {
                    break;
                }
                let (name, value) = header.split_once(": ").unwrap_or_default();
                match &*name.to_ascii_lowercase() {
                    "x-amz-target" => target = value.to_owned(),
                    "content-length" => len = value.parse().unwrap(),
                    _ => {}
                }
            }
            let mut body = vec![0; len];
            reader.read_exact(&mut body)?;
            let (headers, body) = match target.rsplit_once('.') {
                Some((_, call)) => ("", kinesis(call, &body, lines).to_string().into_bytes()),
                // CloudWatch's: an empty map, in CBOR.
                None => ("smithy-protocol: rpc-v2-cbor\r\n", vec![0xa0]),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n",
                body.len()
            );
            writer.write_all(&[head.as_bytes(), &body].concat())?;
        }
    }

    fn kinesis(call: &str, body: &[u8], lines: &AtomicU64) -> Value {
        match call {
            "PutRecords" => {
                let request: Value = serde_json::from_slice(body).unwrap();
                let count = request["Records"].as_array().unwrap().len();
                lines.fetch_add(count as u64, Ordering::Relaxed);
                let stored = json!({"SequenceNumber": "1", "ShardId": "shardId-000000000000"});
                json!({"FailedRecordCount": 0, "Records": vec![stored; count]})
            }
            "ListShards" => {
                let end = u128::MAX.to_string();
                json!({"Shards": [{
                    "ShardId": "shardId-000000000000",
                    "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": end},
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                }]})
            }
            "DescribeStreamSummary" => json!({"StreamDescriptionSummary": {
                "StreamName": "logs",
                "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/logs",
                "StreamStatus": "ACTIVE",
                "RetentionPeriodHours": 24,
                "StreamCreationTimestamp": 1,
                "EnhancedMonitoring": [],
                "OpenShardCount": 1,
            }}),
            call => panic!("{call} is not answered"),
        }
    }
}
