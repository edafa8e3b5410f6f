//! Profiles and endpoints, as the AWS CLI has them.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kinesis_aggregation_embedded::Kinesis;
use tokio::process::Command;

use crate::command::{Ran, ended, kagg};

const STREAM: &str = "orders";

/// AWS's files, of this test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("kagg-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let files = Self(directory);
        let credentials = "[known]\naws_access_key_id = known\naws_secret_access_key = x\n";
        std::fs::write(files.path("credentials"), credentials).unwrap();
        std::fs::write(
            files.path("config"),
            "[profile empty]\nregion = us-east-1\n",
        )
        .unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn kagg(&self, kinesis: &Kinesis, arguments: &[&str]) -> Command {
        let mut command = kagg(
            kinesis,
            &[&["tail", STREAM, "--from=1h"], arguments].concat(),
        );
        command
            .env("AWS_CONFIG_FILE", self.path("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path("credentials"));
        command
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn kinesis() -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    kinesis
}

async fn run(command: &mut Command) -> Ran {
    ended(command.output().await.unwrap())
}

/// The environment has credentials, which would read another account's stream.
#[tokio::test]
async fn a_profile_that_is_named_must_exist() {
    let kinesis = kinesis().await;
    let files = Files::new("profiles");
    let ran = run(&mut files.kagg(&kinesis, &["--profile", "known"])).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    let ran = run(&mut files.kagg(&kinesis, &["--profile", "unknown"])).await;
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("there is no profile unknown"),
        "{ran:?}"
    );
    let ran = run(&mut files.kagg(&kinesis, &["--profile", "empty"])).await;
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr
            .contains("--profile empty: it has no credentials"),
        "{ran:?}"
    );
    let ran = run(files.kagg(&kinesis, &[]).env("AWS_PROFILE", "unknown")).await;
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("there is no profile unknown"),
        "{ran:?}"
    );
    // As in the AWS CLI, the environment's credentials come before those of AWS_PROFILE.
    let ran = run(files.kagg(&kinesis, &[]).env("AWS_PROFILE", "empty")).await;
    assert_eq!(ran.status, 0, "{ran:?}");
}

/// Without `--endpoint-url`: the service's own variable comes before the general one, and either
/// may be told to be ignored.
#[tokio::test]
async fn endpoints_come_from_the_environment_in_the_order_of_the_cli() {
    let kinesis = kinesis().await;
    let bare = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kagg"));
        command
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .args(["tail", STREAM, "--from=1h"]);
        command
    };
    let url = kinesis.url();
    let ran = run(bare().env("AWS_ENDPOINT_URL", &url)).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    let ran = run(bare()
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_KINESIS", &url))
    .await;
    assert_eq!(ran.status, 0, "{ran:?}");
    let ran = run(bare().args(["--endpoint-url", "localhost:4566"])).await;
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("must start with http:// or https://"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_told_within_five_seconds() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let kinesis = kinesis().await;
    for subcommand in [
        &["tail", STREAM, "--from=1h"][..],
        &["doctor", STREAM],
        &["put", STREAM],
    ] {
        let url = format!("http://{address}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kagg"));
        command
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .args(subcommand)
            .args(["--region", "us-east-1", "--endpoint-url", &url]);
        let start = Instant::now();
        let ran = run(&mut command).await;
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(
            ran.stderr.contains(&url) && ran.stderr.contains("refused"),
            "{ran:?}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
    drop(kinesis);
}
