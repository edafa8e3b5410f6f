//! How much input the command reads in a second of CPU time (user and system, its output to /dev/null),
//! and the most memory that it takes: the best of five runs. The same of `jq`, if it is installed. By
//! hand, on Linux:
//!
//! ```text
//! cargo bench -p kagg --no-default-features --bench speed
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use kinesis_aggregation::{Aggregator, HashKeyRange, KinesisRecord, UserRecord};

const RUNS: usize = 5;
const INPUT: u64 = 500_000_000;
const DOCUMENT: usize = 10_000_000;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let input = directory.path().join("input.json");
    let bytes = write_input(&input).expect("room for the input");
    println!("{bytes} bytes of get-records JSON");
    let kagg = env!("CARGO_BIN_EXE_kagg");
    for command in [
        &[kagg, "deaggregate"][..],
        &[kagg, "deaggregate", "--output", "data"],
        &[kagg, "inspect"],
        &[kagg, "doctor"],
        &["jq", "-r", ".Records[].Data"],
    ] {
        let name = command.join(" ").replace(kagg, "kagg");
        let runs: io::Result<Vec<_>> = (0..RUNS).map(|_| measure(command, &input)).collect();
        match runs.map(|runs| runs.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))) {
            Ok(Some((seconds, memory))) => {
                let rate = bytes as f64 / 1e9 / seconds;
                println!("{name:<30} {seconds:6.2} s  {rate:5.2} GB/s  {memory:>10}");
            }
            Ok(None) => {}
            Err(error) => println!("{name:<30} {error}"),
        }
    }
}

/// Documents of 10 MB with aggregates of 50 KB, whose user records have 150 bytes.
fn write_input(path: &Path) -> io::Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut aggregator = Aggregator::builder()
        .hash_key_range(HashKeyRange::FULL)
        .build()
        .expect("valid settings");
    let (mut document, mut bytes) = (String::new(), 0);
    for number in 0_u64.. {
        // Keys and data that do not repeat.
        let key = format!("customer-{}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let data = format!(
            r#"{{"order":{number:>12},"customer":"{key:<30}","status":"paid","note":"{:<60}"}}"#,
            number.wrapping_mul(0xD6E8_FEB8_6659_FD93)
        );
        let pushed = aggregator.push(UserRecord::new(key, data));
        let Some(record) = pushed.expect("a good user record") else {
            continue;
        };
        put(&mut document, &record, number);
        if document.len() >= DOCUMENT {
            let text = format!(r#"{{"Records":[{document}],"MillisBehindLatest":0}}"#);
            writeln!(file, "{text}")?;
            bytes += text.len() as u64 + 1;
            document.clear();
            if bytes >= INPUT {
                break;
            }
        }
    }
    file.flush()?;
    Ok(bytes)
}

fn put(document: &mut String, record: &KinesisRecord, number: u64) {
    if !document.is_empty() {
        document.push(',');
    }
    document.push_str(&format!(
        r#"{{"SequenceNumber":"{number:056}","ApproximateArrivalTimestamp":1764115200.123,"Data":"{}","PartitionKey":"a"}}"#,
        base64_simd::STANDARD.encode_to_string(record.data())
    ));
}

/// Runs the command. Returns its CPU seconds, and the most memory that it was seen to have.
fn measure(command: &[&str], input: &Path) -> io::Result<(f64, String)> {
    let before = seconds_of_children()?;
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .arg(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut memory = String::new();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = most_memory(&child).unwrap_or(memory);
        sleep(Duration::from_millis(10));
    };
    if !status.success() {
        return Err(io::Error::other(format!("{command:?}: {status}")));
    }
    Ok((seconds_of_children()? - before, memory))
}

/// Of the children that have ended.
fn seconds_of_children() -> io::Result<f64> {
    /// `USER_HZ` of Linux.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // After the name in brackets, which may have blanks: cutime and cstime, of proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2);
    Ok(ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS)
}

fn most_memory(child: &Child) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
