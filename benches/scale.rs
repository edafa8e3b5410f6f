//! Does the time for a user record stay the same, however many there are? And the memory?
//!
//! `cargo bench --bench scale -- [--quick]` prints a line for each size, draws docs/scale.svg and
//! writes the table into benches/README.md (if quick, neither: target/scale.svg), and fails if
//! reading is not linear.
#![allow(missing_docs, reason = "a bench")]

mod shared;

use std::hint::black_box;
use std::path::Path;

use allocation_counter::measure;
use kinesis_aggregation::{Deaggregator, KinesisRecord};
use shared::plot::{Curve, plot};
use shared::rounds::{Times, contestant};
use shared::{Traffic, aggregate_of};

/// The time for a user record at the largest size, over the least of the smaller ones from 100
/// user records on: above this it is no longer flat. It is about 1; the rest is for a machine that
/// is busy with other work.
const FLAT: f64 = 2.0;

/// The most bytes of working memory for a user record, at the largest size. Large aggregates take
/// 16 and as much again while the list grows; the small ones of the batches, 20 user records with
/// 10 keys, share what a Kinesis record and its keys take (84 bytes a key).
const MEMORY: f64 = 200.0;

fn main() {
    let quick = shared::quick();
    let machine = shared::report::machine();
    let small = Traffic {
        data_len: 50,
        ..Traffic::USUAL
    };
    let sizes = [1, 10, 100, 1000, 10_000, 100_000];
    let by_aggregate = sizes.map(|size| (size, vec![aggregate_of(size, small)]));
    let by_aggregate = series("user records in an aggregate", &by_aggregate, quick);

    let one = aggregate_of(20, Traffic::USUAL);
    let batches = [1, 10, 100, 1000, 10_000];
    let by_batch = batches.map(|batch| (batch, vec![one.clone(); batch]));
    let by_batch = series("Kinesis records in a batch", &by_batch, quick);

    let svg = plot(&[by_aggregate.clone(), by_batch.clone()]);
    let place = if quick {
        "target/scale.svg"
    } else {
        "docs/scale.svg"
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    std::fs::write(&path, svg).expect("it can be written");
    println!("drawn: {place}");
    if !quick {
        let table = table(&machine, [&by_aggregate, &by_batch]);
        shared::report::put("benches/README.md", "the bench scale", &table);
    }
    for curve in [by_aggregate, by_batch] {
        check(&curve);
    }
}

fn series(name: &str, pages: &[(usize, Vec<KinesisRecord>)], quick: bool) -> Curve {
    let mut curve = Curve {
        name: name.to_owned(),
        points: Vec::new(),
    };
    for (size, page) in pages {
        let batch = Deaggregator::new().deaggregate_batch(page);
        let user_records = batch.user_records().len();
        drop(batch);
        // Small ones many times, so that the clock can see them.
        let repeat = (20_000 / user_records).max(1);
        let rounds = if quick { 5 } else { 31 };
        let times = Times::of(
            rounds,
            &mut [contestant(|| (0..repeat).for_each(|_| read(page)))],
        );
        let nanoseconds = times.median(0) * 1e9 / (repeat * user_records) as f64;
        let memory = measure(|| read(page)).bytes_max as f64 / user_records as f64;
        println!(
            "scale {size:>6} {name}: {nanoseconds:8.1} ns and {memory:6.1} bytes of memory a user record"
        );
        curve.points.push((*size as f64, nanoseconds, memory));
    }
    curve
}

fn read(page: &[KinesisRecord]) {
    for (_, user_record) in &Deaggregator::new().deaggregate_batch(page) {
        black_box(user_record.expect("nothing is lost").data());
    }
}

fn table(machine: &str, curves: [&Curve; 2]) -> String {
    let mut text = "| | | nanoseconds a user record | bytes of working memory |\n".to_owned();
    text += "|---:|---|---:|---:|\n";
    for curve in curves {
        for (size, nanoseconds, memory) in &curve.points {
            let name = &curve.name;
            text += &format!("| {size} | {name} | {nanoseconds:.1} | {memory:.1} |\n");
        }
    }
    text + &format!("\n`cargo bench --bench scale`, {machine}.\n")
}

fn check(curve: &Curve) {
    let (size, time, memory) = *curve.points.last().expect("points");
    let large = curve.points.iter().filter(|point| point.0 >= 100.0);
    let least = large.map(|point| point.1).fold(f64::INFINITY, f64::min);
    assert!(time < FLAT * least, "{}: not flat at {size}", curve.name);
    assert!(memory < MEMORY, "{}: {memory} bytes at {size}", curve.name);
}
