//! What the rounds come to, as text.

use std::fmt::{self, Write};

use crate::contestant::{Task, What};

/// One peer at one task.
pub(crate) struct Row {
    pub(crate) peer: String,
    pub(crate) task: Task,
    ratios: Vec<f64>,
    ours: Vec<f64>,
}

impl Row {
    pub(crate) fn new(peer: &str, task: Task) -> Self {
        Self {
            peer: peer.to_owned(),
            task,
            ratios: Vec::new(),
            ours: Vec::new(),
        }
    }

    /// The seconds of a round.
    pub(crate) fn add(&mut self, ours: f64, peer: f64) {
        self.ratios.push(peer / ours);
        self.ours.push(ours);
    }

    pub(crate) fn median(&self) -> f64 {
        median(&self.ratios)
    }

    pub(crate) fn least(&self) -> f64 {
        self.ratios.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, least) = (self.median(), self.least());
        write!(
            f,
            "{} {}: median {median:.1}, least {least:.1}",
            self.peer, self.task
        )
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[half - 1] + values[half]) / 2.0
    } else {
        values[half]
    }
}

/// The table.
pub(crate) fn markdown(
    machine: &str,
    hellos: &[String],
    missing: &[String],
    rounds: usize,
    rows: &[Row],
) -> String {
    let mut text = String::new();
    let mut put = |line: &str| writeln!(text, "{line}").expect("a string takes all");
    put(
        "How many times slower than `deaggregate_batch` and `aggregate_batch`, on user records of 200",
    );
    put("bytes with 10 partition keys: 100 aggregates of 50 KB, and five of 1 MiB.");
    put("");
    put("| | aggregates | median | least |");
    put("|---|---|---|---|");
    for row in rows {
        let what = match row.task.what() {
            What::Read => "reading",
            What::Write => "writing",
        };
        let size = if row.task.is_large() {
            "1 MiB"
        } else {
            "50 KB"
        };
        let (median, least) = (row.median(), row.least());
        let name = match row.peer.as_str() {
            "node" => "AWS's Node library",
            "ours-node" => "this library from Node.js",
            "python" => "AWS's Python library",
            "ours-python" => "this library from Python",
            "ours-pairs" => "this library from Python (pairs)",
            "ours-arrow" => "this library from Python (Arrow)",
            _ => "the KCL",
        };
        put(&format!(
            "| {name}, {what} | {size} | {median:.1} | {least:.1} |"
        ));
    }
    for why in missing {
        put(&format!("| {why} | | | |"));
    }
    put("");
    put(&format!("`benches/peers/run`, {rounds} rounds; {machine};"));
    // Who says all that another one says, and more, speaks for both.
    let mut said: Vec<&str> = hellos.iter().map(String::as_str).collect();
    said.sort_unstable();
    said.dedup();
    let all = said.clone();
    said.retain(|hello| {
        !all.iter()
            .any(|more| more != hello && more.starts_with(hello))
    });
    put(&format!("{}.", said.join("; ")));
    text
}
