//! Running `kagg`.

use std::process::Stdio;

use kinesis_aggregation_embedded::Kinesis;
use tokio::process::Command;

/// What it printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `kagg` with these arguments, talking to `kinesis`, with nothing of this machine's settings.
pub(crate) fn kagg(kinesis: &Kinesis, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kagg"));
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "none")
        .args(arguments)
        .args(["--endpoint-url", &kinesis.url(), "--region", "us-east-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) async fn run(kinesis: &Kinesis, arguments: &[&str]) -> Ran {
    ended(kagg(kinesis, arguments).output().await.unwrap())
}

pub(crate) fn ended(output: std::process::Output) -> Ran {
    Ran {
        status: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
