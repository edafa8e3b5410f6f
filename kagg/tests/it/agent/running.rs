//! A running agent whose services take connections and never answer.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// If anything takes longer, it hangs.
const BOUND: Duration = Duration::from_secs(60);

/// A service that takes connections and never answers.
struct Silent {
    url: String,
    connections: Receiver<TcpStream>,
}

impl Silent {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, connections) = channel();
        std::thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept()
                && sender.send(connection).is_ok()
            {}
        });
        Self { url, connections }
    }

    /// Waits for a connection.
    fn wait(&self) -> TcpStream {
        self.connections.recv_timeout(BOUND).expect("it is asked")
    }
}

struct Agent {
    _directory: tempfile::TempDir,
    child: Child,
    /// Told when the agent is ready.
    ready: UnixDatagram,
    cloudwatch: Silent,
    metadata: Silent,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Agent {
    /// Follows a file whose only line is left out: that is a metric, and nothing goes to a stream.
    fn start(tags_instance: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let (cloudwatch, metadata) = (Silent::new(), Silent::new());
        let config = serde_json::json!({
            "kinesis.region": "us-east-1",
            "cloudwatch.endpoint": cloudwatch.url,
            "cloudwatch.tagInstance": tags_instance,
            "checkpointFile": path.join("none"),
            "kagg.database": path.join("agent.db"),
            "flows": [{
                "filePattern": path.join("app.log"),
                "kinesisStream": "logs",
                "initialPosition": "START_OF_FILE",
                "dataProcessingOptions": [
                    {"optionName": "LOGTOJSON", "logFormat": "COMMONAPACHELOG"},
                ],
            }],
        });
        fs::write(path.join("agent.json"), config.to_string()).unwrap();
        fs::write(path.join("app.log"), "no request\n").unwrap();
        let ready = UnixDatagram::bind(path.join("notify")).unwrap();
        ready.set_read_timeout(Some(BOUND)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_kagg"))
            .args(["agent", "-c"])
            .arg(path.join("agent.json"))
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url)
            .env("NOTIFY_SOCKET", path.join("notify"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            _directory: directory,
            child,
            ready,
            cloudwatch,
            metadata,
        }
    }

    fn wait_until_ready(&self) {
        let mut message = [0; 64];
        let len = self.ready.recv(&mut message).expect("it is ready");
        assert_eq!(str::from_utf8(&message[..len]).unwrap().trim(), "READY=1");
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
    }
}

/// A stop waits up to five seconds for the last upload of metrics. A second signal loses the metrics, but no line.
#[test]
fn a_second_signal_while_the_last_metrics_are_uploaded_is_no_loss() {
    let mut agent = Agent::start(false);
    let mut log = BufReader::new(agent.child.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("is skipped") {
        assert_ne!(log.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    agent.wait_until_ready();
    agent.terminate();
    let _upload = agent.cloudwatch.wait();
    agent.terminate();
    let status = agent.child.wait().unwrap();
    log.read_to_string(&mut seen).unwrap();
    assert_eq!(status.code(), Some(0), "{seen}");
}

/// Outside EC2 it may take seconds to give up on the metadata service.
#[test]
fn an_agent_is_ready_before_it_knows_the_instance_that_it_tags_metrics_with() {
    let mut agent = Agent::start(true);
    let _question = agent.metadata.wait();
    agent.wait_until_ready();
    agent.child.kill().unwrap();
    let mut log = String::new();
    let mut stderr = agent.child.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert!(!log.contains("instance's id"), "it has given up: {log}");
}
