//! `kagg put` and `kagg tail` on a terminal: what they say while they work.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use kinesis_aggregation_embedded::Kinesis;

use crate::command::kagg;
use crate::pty;

const STREAM: &str = "orders";
const COLUMNS: u16 = 40;

async fn kinesis() -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    kinesis
}

/// One that is wider than the terminal goes on in the next row, and stays there when it is
/// written over.
#[tokio::test]
async fn progress_does_not_smear() {
    let kinesis = kinesis().await;
    let (mut seen, terminal) = pty::open(COLUMNS);
    let mut command = kagg(&kinesis, &["put", STREAM, "--partition-key", "k"]);
    command.stdin(Stdio::piped()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    drop(command);
    let stdin = child.stdin.take().unwrap().into_owned_fd().unwrap();
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let writer = tokio::task::spawn_blocking(move || {
        File::from(stdin).write_all(lines.as_bytes()).unwrap();
    });
    let reader = tokio::task::spawn_blocking(move || {
        let mut text = Vec::new();
        // When the last one who writes is gone, reading fails.
        let _ = seen.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    });
    assert!(child.wait().await.unwrap().success());
    writer.await.unwrap();
    let text = reader.await.unwrap();
    let progress: Vec<_> = text
        .split('\r')
        .filter_map(|part| part.strip_suffix("\u{1b}[K"))
        .collect();
    assert!(!progress.is_empty(), "{text:?}");
    for line in progress {
        assert!(line.chars().count() < usize::from(COLUMNS), "{line:?}");
    }
    // Nothing is left of it before the last line.
    let (_, last) = text.trim_end().rsplit_once("\u{1b}[K").unwrap();
    assert!(last.starts_with("1000 user records delivered"), "{text:?}");
}

#[tokio::test]
async fn tail_says_what_it_follows() {
    let kinesis = kinesis().await;
    let (mut seen, terminal) = pty::open(COLUMNS);
    let mut command = kagg(&kinesis, &["tail", STREAM]);
    command.stderr(terminal);
    let mut child = command.spawn().unwrap();
    drop(command);
    let reader = tokio::task::spawn_blocking(move || {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            seen.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        String::from_utf8(line).unwrap()
    });
    let line = reader.await.unwrap();
    let expected = "orders, shards being read: 1: what comes from now on; Ctrl-C ends\r\n";
    assert_eq!(line, expected);
    child.kill().await.unwrap();
}
