//! `kagg put`.

use std::collections::BTreeSet;
use std::process::Stdio;

use kinesis_aggregation_embedded::{Fault, Kinesis, Reading, read_all};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::command::{Ran, ended, kagg, run};

const STREAM: &str = "orders";

async fn kinesis() -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 2).await;
    kinesis
}

async fn put(kinesis: &Kinesis, arguments: &[&str], input: &str) -> Ran {
    let mut command = kagg(kinesis, &[&["put", STREAM], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read all.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    ended(child.wait_with_output().await.unwrap())
}

async fn read(kinesis: &Kinesis) -> Reading {
    let reading = read_all(&kinesis.client(), STREAM).await;
    assert_eq!(reading.losses, [""; 0]);
    reading
}

fn data(reading: &Reading) -> BTreeSet<&[u8]> {
    let data: BTreeSet<_> = reading
        .user_records
        .iter()
        .map(|read| &read.data[..])
        .collect();
    assert_eq!(data.len(), reading.user_records.len(), "nothing twice");
    data
}

#[tokio::test]
async fn lines_are_put_and_aggregated() {
    let kinesis = kinesis().await;
    let lines: Vec<_> = (0..5000).map(|number| format!("line {number}\r")).collect();
    let ran = put(&kinesis, &[], &lines.join("\n")).await;
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );
    let reading = read(&kinesis).await;
    assert_eq!(
        data(&reading),
        lines.iter().map(|line| line.as_bytes()).collect()
    );
    let kinesis_records: usize = reading.kinesis_records.values().sum();
    assert!(kinesis_records < 100, "{kinesis_records}");
}

#[tokio::test]
async fn nothing_is_put_where_there_is_nothing() {
    let kinesis = kinesis().await;
    let ran = put(&kinesis, &[], "").await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(read(&kinesis).await.user_records.is_empty());
}

#[tokio::test]
async fn keys_come_from_the_command_line_or_the_line() {
    let kinesis = kinesis().await;
    let ran = put(&kinesis, &["--partition-key", "mine"], "a\nb\n").await;
    assert_eq!(ran.status, 0, "{ran:?}");
    let lines = "{\"id\":1}\n{\"id\":\"two\"}\n{\"no\":0}\n";
    let ran = put(&kinesis, &["--partition-key-from", "/id"], lines).await;
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr
            .starts_with("line 3: refused: nothing is at /id\n"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("2 user records delivered"), "{ran:?}");
    let reading = read(&kinesis).await;
    let keys = reading
        .user_records
        .iter()
        .map(|read| read.partition_key.as_deref().unwrap());
    let keys: BTreeSet<_> = keys.collect();
    assert_eq!(keys, BTreeSet::from(["mine", "1", "two"]));
    assert_eq!(reading.user_records.len(), 4);
}

#[tokio::test]
async fn what_is_compressed_keeps_its_keys_and_is_the_line_again() {
    for format in ["gzip", "zlib", "zstd"] {
        let kinesis = kinesis().await;
        let lines = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
        let arguments = ["--compress", format, "--partition-key-from", "/id"];
        let ran = put(&kinesis, &arguments, lines).await;
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
        let entry = r#"{"partitionKey":"c","explicitHashKey":"7","data":"YyE="}"#;
        let ran = put(&kinesis, &["--compress", format, "--jsonl"], entry).await;
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
        let mut opened = Vec::new();
        for record in read(&kinesis).await.user_records {
            let data = kinesis_aggregation::decompress::decompress(&record.data, None);
            let text = String::from_utf8(data.unwrap()).unwrap();
            opened.push((record.partition_key.unwrap(), text));
        }
        opened.sort();
        let expected = [
            ("a", "{\"id\":\"a\"}"),
            ("b", "{\"id\":\"b\"}"),
            ("c", "c!"),
        ];
        assert_eq!(
            opened,
            expected.map(|(key, text)| (key.into(), text.to_owned()))
        );
    }
}

#[tokio::test]
async fn what_tail_prints_can_be_put() {
    let (from, to) = (kinesis().await, kinesis().await);
    let lines: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(
        put(&from, &["--partition-key", "k"], &lines.join("\n"))
            .await
            .status,
        0
    );
    let tail = run(&from, &["tail", STREAM, "--from=1h"]).await;
    let ran = put(&to, &["--jsonl"], &tail.stdout).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let (old, new) = (read(&from).await, read(&to).await);
    assert_eq!(data(&new), data(&old));
    assert!(
        new.user_records
            .iter()
            .all(|read| read.partition_key.as_deref() == Some("k"))
    );
}

#[tokio::test]
async fn a_stream_that_refuses_everything_ends_it() {
    let kinesis = kinesis().await;
    kinesis.inject(|request| match request.operation.as_str() {
        "PutRecords" => Fault::Error(400, "AccessDeniedException", "no"),
        _ => Fault::None,
    });
    // A pipe that stays open: it must not wait for more.
    let mut command = kagg(&kinesis, &["put", STREAM]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").await.unwrap();
    let ran = ended(child.wait_with_output().await.unwrap());
    drop(stdin);
    assert_eq!(ran.status, 1);
    let expected = "line 1: the user record was not delivered: the request failed: AccessDeniedException: no\n";
    assert!(ran.stderr.starts_with(expected), "{ran:?}");
    assert!(ran.stderr.contains("lines after 1 were not put"), "{ran:?}");
}

#[tokio::test]
async fn a_signal_delivers_what_was_read() {
    for signal in ["INT", "TERM", "HUP"] {
        delivers_what_was_read(signal).await;
    }
}

async fn delivers_what_was_read(signal: &str) {
    let kinesis = kinesis().await;
    let (sender, mut puts) = mpsc::unbounded_channel();
    kinesis.inject(move |request| {
        if request.operation == "PutRecords" {
            let _ = sender.send(());
        }
        Fault::None
    });
    let mut command = kagg(&kinesis, &["put", STREAM]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\nthree").await.unwrap();
    puts.recv().await.unwrap();
    let kill = format!("kill -{signal} {}", child.id().unwrap());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .await
            .unwrap()
            .success()
    );
    let ran = ended(child.wait_with_output().await.unwrap());
    drop(stdin);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("interrupted"), "{ran:?}");
    assert!(ran.stderr.contains("2 user records delivered"), "{ran:?}");
    assert!(ran.stderr.contains("lines after 2 were not put"), "{ran:?}");
    assert!(
        ran.stderr
            .contains("lines 1 to 2 are delivered: to go on, start with line 3"),
        "{ran:?}"
    );
    assert_eq!(
        data(&read(&kinesis).await),
        BTreeSet::from([&b"one"[..], b"two"])
    );
}

/// One key's records arrive in the order of their lines, though requests fail on the way.
#[tokio::test]
async fn the_order_of_a_key_is_kept() {
    let kinesis = kinesis().await;
    let mut puts = 0;
    kinesis.inject(move |request| {
        puts += usize::from(request.operation == "PutRecords");
        match request.operation.as_str() {
            "PutRecords" if puts % 3 == 1 => Fault::Refuse(vec![0], "InternalFailure"),
            _ => Fault::None,
        }
    });
    let lines: Vec<_> = (0..3000).map(|number| format!("{number:0100}")).collect();
    let ran = put(&kinesis, &["--partition-key", "k"], &lines.join("\n")).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let reading = read(&kinesis).await;
    let read: Vec<_> = reading
        .user_records
        .iter()
        .map(|read| &read.data[..])
        .collect();
    assert_eq!(
        read,
        lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn an_entry_without_a_key_is_refused_unless_told_otherwise() {
    let kinesis = kinesis().await;
    let lines = "{\"data\":\"MQ==\"}\n{\"data\":\"Mg==\",\"partitionkey\":\"k\"}\n{\"Data\":\"Mw==\",\"PartitionKey\":\"k\"}\n";
    let ran = put(&kinesis, &["--jsonl"], lines).await;
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(
        ran.stderr
            .contains("line 1: refused: it has no partition key"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("line 2: refused: it has a key that is probably"),
        "{ran:?}"
    );
    assert_eq!(data(&read(&kinesis).await), BTreeSet::from([&b"3"[..]]));
    let ran = put(
        &kinesis,
        &["--jsonl", "--random-keys"],
        "{\"data\":\"MQ==\"}",
    )
    .await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(read(&kinesis).await.user_records.len(), 2);
}

#[tokio::test]
async fn faults_on_the_way_cost_nothing() {
    let kinesis = kinesis().await;
    let mut puts = 0;
    kinesis.inject(move |request| {
        puts += usize::from(request.operation == "PutRecords");
        match (request.operation.as_str(), puts) {
            ("PutRecords", 1) => Fault::Error(400, "ThrottlingException", "slowly"),
            ("PutRecords", 2) => Fault::Refuse(vec![0], "InternalFailure"),
            _ => Fault::None,
        }
    });
    let ran = put(&kinesis, &["--partition-key", "k"], "one\ntwo\n").await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(data(&read(&kinesis).await).len(), 2);
}

#[tokio::test]
async fn wrong_use_is_told() {
    let kinesis = kinesis().await;
    for (arguments, message) in [
        (
            &["put", "nobody"][..],
            "cannot describe the stream: ResourceNotFoundException",
        ),
        (&["put", STREAM, "no/such/file"], "cannot open no/such/file"),
        (
            &["put", STREAM, "--partition-key-from", "id"],
            "not a JSON pointer",
        ),
        (
            &["put", STREAM, "--jsonl", "--partition-key", "k"],
            "cannot be used with",
        ),
    ] {
        let ran = run(&kinesis, arguments).await;
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(message), "{ran:?}");
    }
}
