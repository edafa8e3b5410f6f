//! Pipes: open ones, closed ones, long ones.

use std::io::{BufRead, BufReader, Read, Write};

use super::{command, good_aggregate, kagg};

#[test]
fn user_records_come_out_before_the_input_ends() {
    let mut child = command()
        .args(["deaggregate", "--input", "hex"])
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        stdin.write_all(b"6f6e65\n").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains("b25l"), "{line}");
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_shape_is_told_by_the_first_line_of_an_open_pipe() {
    let mut child = command().arg("deaggregate").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"6f6e65\n").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("b25l"), "{line}");
    drop(stdin);
    child.wait().unwrap();
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for args in [
        &["deaggregate", "--input", "hex"][..],
        &["inspect", "--input", "hex"],
        &["inspect", "--json", "--input", "hex"],
    ] {
        let mut child = command().args(args).spawn().unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        let line = hex::encode(good_aggregate()) + "\n";
        // Until it has gone.
        while stdin.write_all(line.repeat(100).as_bytes()).is_ok() {}
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(stderr, "");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn aggregate_ends_quietly_on_a_closed_pipe_too() {
    let mut child = command().arg("aggregate").spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    for key in 0..10_000 {
        let entry = format!("{{\"PartitionKey\":\"{key}\",\"Data\":\"b25l\"}}\n");
        stdin.write_all(entry.as_bytes()).unwrap();
    }
    drop(stdin);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(stderr, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_closed_pipe_leaves_what_was_lost_in_the_status() {
    let mut child = command()
        .args(["deaggregate", "--input", "hex"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let line = hex::encode(super::cut_aggregate()) + "\n";
    while stdin.write_all(line.as_bytes()).is_ok() {}
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// The most memory that the process ever had, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn many_lines_need_little_memory() {
    const LINES: usize = 200_000;
    let mut child = command()
        .args(["deaggregate", "--input", "hex"])
        .spawn()
        .unwrap();
    let id = child.id();
    let mut stdin = child.stdin.take().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let line = hex::encode([b'x'; 40]) + "\n";
    let many = line.repeat(1000);
    let peak = std::thread::scope(|scope| {
        let reader = scope.spawn(move || stdout.lines().count());
        for _ in 0..LINES / 1000 {
            stdin.write_all(many.as_bytes()).unwrap();
        }
        // All but what is on its way has been read.
        let peak = peak_memory(id);
        drop(stdin);
        assert_eq!(reader.join().unwrap(), LINES);
        peak
    });
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // 16 MB went in and 36 MB came out.
    assert!(peak < 24_000, "{peak} KiB");
}

#[test]
fn a_long_line_and_many_short_ones_come_out_in_order() {
    let long = vec![b'y'; 1 << 20];
    let mut input = String::new();
    for number in 0..3000 {
        input.push_str(&hex::encode(number.to_string()));
        input.push('\n');
        if number % 1000 == 0 {
            input.push_str(&hex::encode(&long));
            input.push('\n');
        }
    }
    let run = kagg("deaggregate --output data", input).expect(0);
    let lines: Vec<_> = run.stdout.split(|&byte| byte == b'\n').collect();
    let short: Vec<_> = lines
        .iter()
        .filter(|line| line.len() < 10 && !line.is_empty())
        .collect();
    assert_eq!(short.len(), 3000);
    for (number, line) in short.iter().enumerate() {
        assert_eq!(**line, number.to_string().as_bytes());
    }
    assert_eq!(lines.iter().filter(|line| **line == long).count(), 3);
}
