//! `kagg agent`: what it does before and without a stream.

#[cfg(unix)]
mod running;

use std::path::Path;

use kinesis_aggregation_agent::{PositionStore, Saved};

use super::kagg;

/// A directory with an agent.json of one flow, and the file it follows.
fn directory(keys: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    std::fs::write(directory.path().join("app.log"), "one\ntwo\n").unwrap();
    let config = format!(
        r#"{{
            // as it is on many machines
            "kagg.database": "{path}/agent.db", "checkpointFile": "{path}/checkpoints",
            "flows": [{{"filePattern": "{path}/app.log*", "kinesisStream": "logs"{keys}}}]
        }}"#
    );
    std::fs::write(directory.path().join("agent.json"), config).unwrap();
    directory
}

fn run(directory: &Path, args: &str) -> super::Run {
    kagg(
        &format!("agent {args} -c {}/agent.json", directory.display()),
        "",
    )
}

#[test]
fn check_shows_what_is_understood_and_contacts_nobody() {
    let directory = directory(r#", "initialPostion": "START_OF_FILE""#);
    let run = run(directory.path(), "--check").expect(0);
    let text = run.text();
    assert!(text.contains("did you mean initialPosition?"), "{text}");
    assert!(text.contains("Kinesis stream logs"), "{text}");
    assert!(
        text.contains(&format!("follows {}/app.log", directory.path().display())),
        "{text}"
    );
    assert!(!directory.path().join("agent.db").exists());
}

#[test]
fn every_setting_of_ours_has_a_flag_that_goes_before_the_file() {
    let directory = directory(r#", "kagg.compress": "zlib""#);
    let args = "--check --aggregate --csv-quoting --max-memory-bytes 4194304 --rotated-dir /old \
        --multi-line-wait-millis 7 --on-mismatch raw --add-file f --add-host h \
        --partition-key-from /id --compress gzip --database /nowhere/db";
    let run = run(directory.path(), args).expect(0);
    let text = run.text();
    for words in [
        "positions: /nowhere/db",
        "aggregation is on",
        "addFile, addHost",
        "compressed: Gzip",
        "a value of the record",
        "departure: ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("warning"), "{text}");
    for (flag, reason) in [
        (
            "--max-memory-bytes 1",
            "kagg.maxMemoryBytes is \"1\", not a number of 4194304",
        ),
        (
            "--multi-line-wait-millis 900001",
            "kagg.multiLineWaitMillis",
        ),
        ("--rotated-dir old", "kagg.rotatedDir is a relative path"),
        (
            "--partition-key-from id",
            "kagg.partitionKeyFrom is \"id\", not file or a JSON pointer",
        ),
    ] {
        let run = self::run(directory.path(), &format!("--check {flag}")).expect(1);
        assert!(run.stderr.contains(reason), "{}", run.stderr);
    }
    for (flag, choices) in [
        ("--compress lz4", "gzip, zlib, zstd"),
        ("--on-mismatch drop", "skip, raw"),
    ] {
        let run = self::run(directory.path(), &format!("--check {flag}")).expect(2);
        assert!(run.stderr.contains(choices), "{}", run.stderr);
    }
}

#[test]
fn what_the_agent_refuses_is_refused_with_the_accepted_range() {
    let directory = directory(r#", "maxBufferSizeRecords": 501"#);
    for args in ["--check", ""] {
        let run = run(directory.path(), args).expect(1);
        assert!(
            run.stderr
                .contains("maxBufferSizeRecords is 501, not a number of 1 to 500"),
            "{}",
            run.stderr
        );
    }
    kagg("agent -c /nowhere/agent.json", "").expect(2);
}

#[test]
fn a_second_process_on_the_same_database_is_refused() {
    let directory = directory("");
    let _first = PositionStore::open(&directory.path().join("agent.db")).unwrap();
    let run = run(directory.path(), "").expect(1);
    assert!(
        run.stderr.contains("in use by another process"),
        "{}",
        run.stderr
    );
}

#[test]
fn status_reads_while_another_process_runs_and_positions_are_handed_back() {
    let directory = directory("");
    let mut store = PositionStore::open(&directory.path().join("agent.db")).unwrap();
    let flow = format!("kinesis:logs:{}/app.log*", directory.path().display());
    store.save([(flow.as_str(), &Saved::default())]).unwrap();
    let shown = kagg(
        &format!("agent status -c {}/agent.json", directory.path().display()),
        "",
    );
    assert!(shown.expect(0).text().contains(&flow));
    run(directory.path(), "--hand-back").expect(2);
    drop(store);
    run(directory.path(), "--hand-back").expect(0);
    assert!(directory.path().join("checkpoints").exists());
}

#[test]
fn an_agent_d_that_cannot_be_read_is_an_error_and_a_missing_one_is_not() {
    let directory = directory("");
    run(directory.path(), "--check").expect(0);
    let drop_ins = directory.path().join("agent.d");
    // A file in its place cannot be listed, whoever asks: a test may run as root.
    std::fs::write(&drop_ins, "").unwrap();
    let run = run(directory.path(), "--check").expect(2);
    let expected = format!("cannot read {}", drop_ins.display());
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
}

#[test]
fn a_flow_without_positions_is_named_when_positions_are_handed_back() {
    let directory = directory("");
    let run = run(directory.path(), "--hand-back").expect(0);
    let flow = format!("kinesis:logs:{}/app.log*", directory.path().display());
    let expected = format!("{flow}: no positions are saved");
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
}
