//! This library and its peers in one run, on the same files: see `run`, which starts this.
#![allow(missing_docs, reason = "a bench")]

#[path = "../shared/mod.rs"]
mod shared;

mod contestant;
mod input;
mod table;

use std::path::Path;

use contestant::{Contestant, Ours, Peer, Task, What};
use table::Row;

/// How much slower than ours the KCL should be: the median of the rounds, and each of them. With
/// small aggregates, then with large ones: five of them leave most lanes empty, which costs most
/// where a step takes longer in vectors than in scalars (8.2 on Zen 3, 5.0 on Zen 5).
const KCL: [(f64, f64); 2] = [(12.0, 9.0), (4.5, 4.0)];

/// How many times faster than AWS's library of its language each of our packages should read, with
/// small aggregates.
const PACKAGES: [(&str, &str, f64); 3] = [
    ("ours-python", "python", 10.0),
    ("ours-pairs", "python", 20.0),
    ("ours-arrow", "python", 40.0),
];

/// A turn takes about so many seconds of processor time: Java's clock counts hundredths.
const TURN: f64 = 0.6;

fn main() {
    shared::settle();
    let quick = shared::quick();
    let rounds = shared::option("--rounds").map_or(if quick { 3 } else { 12 }, |rounds| {
        rounds.parse().expect("a number of rounds")
    });
    let (turn, warm) = if quick { (0.2, 1.0) } else { (TURN, 6.0) };
    let machine = shared::report::machine();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/peers");
    input::write(&folder);

    let missing = values("--missing");
    for why in &missing {
        println!("MISSING {why}");
    }
    let mut peers: Vec<Peer> = values("--peer")
        .iter()
        .map(|name| Peer::start(&root.join("benches/peers/driver"), name, &folder))
        .collect();
    let mut ours = Ours::new(&folder);

    let mut rows = Vec::new();
    for task in Task::ALL {
        rows.extend(measure(task, &mut ours, &mut peers, rounds, turn, warm));
    }
    let hellos: Vec<_> = peers.iter().map(|peer| peer.hello().to_owned()).collect();
    let table = table::markdown(&machine, &hellos, &missing, rounds, &rows);
    println!("\n{table}");
    if !quick {
        shared::report::put("README.md", "benches/peers/run", &table);
    }
    let misses = rows.iter().filter(|row| !is_met(row));
    let misses = misses.inspect(|row| println!("MISSED {row}")).count();
    let slow = PACKAGES
        .iter()
        .filter(|(ours, theirs, least)| !is_faster(&rows, ours, theirs, *least))
        .count();
    std::process::exit(i32::from(misses + slow > 0 || !missing.is_empty()));
}

/// Whether our package reads so many times faster than theirs; also if one of the two is missing,
/// which is told elsewhere.
fn is_faster(rows: &[Row], ours: &str, theirs: &str, least: f64) -> bool {
    let median = |name: &str| {
        let mut reading = rows
            .iter()
            .filter(|row| row.task.what() == What::Read && !row.task.is_large());
        reading.find(|row| row.peer == name).map(Row::median)
    };
    let (Some(ours_median), Some(theirs_median)) = (median(ours), median(theirs)) else {
        return true;
    };
    let times = theirs_median / ours_median;
    println!("{ours} reads {times:.1} times as fast as {theirs}; the goal is {least}");
    times >= least
}

/// Every peer is behind in every round; the KCL far behind.
fn is_met(row: &Row) -> bool {
    let (median, each) = match (row.peer.starts_with("kcl"), row.task.is_large()) {
        (true, large) => KCL[usize::from(large)],
        _ => (1.0, 1.0),
    };
    row.median() >= median && row.least() >= each
}

/// Every argument after `name`.
fn values(name: &str) -> Vec<String> {
    let mut args = std::env::args();
    let mut values = Vec::new();
    while let Some(arg) = args.next() {
        if arg == name {
            values.extend(args.next());
        }
    }
    values
}

/// Rounds in which everybody takes a turn, after each has run itself warm.
fn measure(
    task: Task,
    ours: &mut Ours,
    peers: &mut [Peer],
    rounds: usize,
    turn: f64,
    warm: f64,
) -> Vec<Row> {
    let mut all: Vec<&mut dyn Contestant> = vec![ours];
    let able = peers.iter_mut().filter(|peer| peer.can(task));
    all.extend(able.map(|peer| peer as &mut dyn Contestant));
    let mut repeats = Vec::new();
    let mut counts = Vec::new();
    for contestant in &mut all {
        let (mut spent, mut last) = (0.0, 0.0);
        while spent < warm {
            let (seconds, count) = contestant.turn(task, 1);
            // A clock of hundredths may not have moved.
            last = f64::max(seconds, 0.001);
            spent += last;
            counts.push(count);
            let many = (turn / last / 4.0).max(1.0) as usize;
            let (seconds, _) = contestant.turn(task, many);
            last = f64::max(seconds, 0.001) / many as f64;
            spent += last * many as f64;
        }
        repeats.push((turn / last).max(1.0) as usize);
    }
    if task.what() == What::Read {
        assert!(
            counts.iter().all(|count| *count == counts[0]),
            "everybody reads the same user records: {counts:?}"
        );
    }
    let mut rows: Vec<Row> = all[1..]
        .iter()
        .map(|peer| Row::new(peer.name(), task))
        .collect();
    for round in 1..=rounds {
        let seconds: Vec<f64> = all
            .iter_mut()
            .zip(&repeats)
            .map(|(contestant, &repeats)| contestant.turn(task, repeats).0 / repeats as f64)
            .collect();
        for (row, peer) in rows.iter_mut().zip(&seconds[1..]) {
            row.add(seconds[0], *peer);
            println!(
                "round {round:2} {} {task}: {:.2}",
                row.peer,
                peer / seconds[0]
            );
        }
    }
    rows
}
