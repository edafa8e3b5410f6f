//! Debian's logrotate on a file that is being written, while the agent runs, stops and starts again on
//! a stream that fails. `cargo test -p kinesis-aggregation-agent --test it -- --ignored logrotate`

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::run::start;
use crate::stream::Stream;

const ROTATIONS: usize = 6;

/// Writes 5000 lines a second, to the file that has the name at each moment.
fn write(path: &Path, stop: &AtomicBool, written: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        let from = written.load(Ordering::Relaxed);
        let text: String = (from..from + 50).map(line).collect();
        let file = OpenOptions::new().create(true).append(true).open(path);
        if file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .is_ok()
        {
            written.store(from + 50, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn line(number: usize) -> String {
    format!("line {number} of the log\n")
}

fn rotate(directory: &Path, options: &str) {
    let rules = format!(
        "{}/app.log {{\nsize 1\nrotate 50\nmissingok\n{options}\n}}\n",
        directory.display()
    );
    let config = directory.join("db/logrotate.conf");
    fs::write(&config, rules).expect("written");
    let output = Command::new("logrotate")
        .arg("-f")
        .arg("-s")
        .arg(directory.join("db/logrotate.state"))
        .arg(config)
        .output()
        .expect("logrotate is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Every line that is in a file now.
fn held(directories: &[PathBuf]) -> HashSet<String> {
    let mut lines = HashSet::new();
    for entry in directories
        .iter()
        .flat_map(|directory| fs::read_dir(directory).expect("is there"))
    {
        let path = entry.expect("is there").path();
        let Ok(bytes) = fs::read(&path) else {
            continue;
        };
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if path.extension().is_some_and(|extension| extension == "gz") {
            text.clear();
            let unpacked = flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text);
            unpacked.expect("whole");
        }
        lines.extend(text.split_inclusive('\n').map(str::to_owned));
    }
    lines
}

async fn nothing_held_is_missing(options: &str, pattern: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_owned();
    let old = path.join("old");
    fs::create_dir_all(path.join("db")).expect("made");
    fs::create_dir_all(&old).expect("made");
    let options = options.replace("OLD", &old.display().to_string());
    let keys = format!(
        r#", "initialPosition": "START_OF_FILE", "kagg.aggregate": true, "kagg.rotatedDir": "{}""#,
        old.display()
    );
    let stream = Stream::default();
    stream.fail();
    let mut agent = start(&path, pattern, &keys, &stream, false);
    let (stop, written) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let writer = {
        let (live, stop, written) = (
            path.join("app.log"),
            Arc::clone(&stop),
            Arc::clone(&written),
        );
        std::thread::spawn(move || write(&live, &stop, &written))
    };
    // Its finest date is the second, and it does not rotate to a name that is there.
    let gap = if options.contains("dateext") {
        1100
    } else {
        300
    };
    for rotation in 0..ROTATIONS {
        tokio::time::sleep(Duration::from_millis(gap)).await;
        // Every third rotation finds the agent stopped.
        if rotation % 3 == 1 {
            agent.stop().await;
            rotate(&path, &options);
            agent = start(&path, pattern, &keys, &stream, false);
        } else {
            rotate(&path, &options);
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("writes");
    let written = written.load(Ordering::Relaxed);
    let held = held(&[path.clone(), old]);
    let wanted = || (0..written).map(line).filter(|line| held.contains(line));
    stream.wait_for_lines(wanted()).await;
    agent.stop().await;
    let came = stream.lines();
    let twice = came.values().filter(|&&count| count > 1).count();
    assert_eq!(twice, 0, "{options}, {pattern}");
    // What is nowhere was cut off between logrotate's copy and its truncation.
    let nowhere = (0..written)
        .filter(|&number| !came.contains_key(line(number).as_bytes()))
        .count();
    println!("{options:?}, {pattern}: {written} lines, {nowhere} cut off by logrotate itself");
    assert!(
        nowhere == 0 || options.contains("copytruncate"),
        "{nowhere} lines are missing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs logrotate, and 90 seconds"]
async fn logrotate_takes_no_line_away() {
    for options in [
        "create",
        "nocreate",
        "create\ncompress",
        "create\ndateext\ndateformat -%Y%m%d-%s",
        "create\nolddir OLD",
        "copytruncate",
        "copytruncate\ncompress",
        "copytruncate\nolddir OLD",
        "copytruncate\nolddir OLD\ncompress",
    ] {
        for pattern in ["app.log", "app.log*"] {
            nothing_held_is_missing(options, pattern).await;
        }
    }
}
