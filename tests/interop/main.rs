//! Runs this library side by side with the real peers: see README.md beside this file, and `run`.

mod binding;
mod compare;
mod facts;
mod faults;
mod generate;
mod keys;
mod ours;
mod page;
mod page_writing;
mod peer;
mod ranges;
mod report;
mod rules;
mod run;
mod runs;
mod shrink;
mod sweep;
mod wire;
mod writers;
mod writing;

use std::process::ExitCode;

use run::{PEERS, Tally, kind};

const USAGE: &str = "usage: run [--cases N] [--seed S] [--peer NAME]... | --page [--check]";

struct Options {
    cases: u64,
    seed: u64,
    peers: Vec<String>,
    page: bool,
    check: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        cases: 20_000,
        seed: fastrand::u64(..1 << 48),
        peers: Vec::new(),
        page: false,
        check: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--cases" => options.cases = number(&value()?)?,
            "--seed" => options.seed = number(&value()?)?,
            "--peer" => options.peers.push(value()?),
            "--page" => options.page = true,
            "--check" => options.check = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    if options.peers.is_empty() {
        options.peers = PEERS.map(|(name, _)| name.to_owned()).to_vec();
    }
    Ok(options)
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "")
        .parse()
        .map_err(|_| format!("not a number: {text}"))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) => return unable(&why),
    };
    if options.page {
        return match page::page(options.check) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => unable(&why),
        };
    }
    println!(
        "kinesis-aggregation {}, seed {}",
        env!("CARGO_PKG_VERSION"),
        options.seed
    );
    let mut total = Tally::default();
    for name in &options.peers {
        let Some(kind) = kind(name) else {
            return unable(&format!("no such peer: {name}"));
        };
        let started = std::time::Instant::now();
        let tally = match run::run(name, kind, options.cases, options.seed) {
            Ok(tally) => tally,
            Err(why) => return unable(&format!("{name}: {why}")),
        };
        let differences = tally.explained.values().sum::<u64>() + tally.unexplained;
        println!(
            "{name}: {} cases, {differences} differences, {} unexplained, {:.1} s",
            tally.cases,
            tally.unexplained,
            started.elapsed().as_secs_f64()
        );
        println!("  {}", tally.outcomes());
        for (rule, count) in &tally.explained {
            println!("  {count:>9}  {rule}");
            *total.explained.entry(rule).or_default() += count;
        }
        total.cases += tally.cases;
        total.unexplained += tally.unexplained;
    }
    let explained: u64 = total.explained.values().sum();
    println!(
        "{} cases, {} differences ({explained} explained), {} unexplained",
        total.cases,
        explained + total.unexplained,
        total.unexplained
    );
    ExitCode::from(u8::from(total.unexplained > 0))
}

fn unable(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}
