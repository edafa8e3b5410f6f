//! What the rounds come to, as text.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;
use std::process::Command;

use kinesis_aggregation::md5::Level;

use crate::contestant::{Task, What};

const BEGIN: &str = "<!-- benches/peers/run writes from here -->";
const END: &str = "<!-- to here -->";

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

/// The processor, and how busy it was.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let of = |key: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(": "));
        value.map_or("?", |(_, value)| value).to_owned()
    };
    let busy = read("/proc/loadavg");
    format!(
        "{} (family {}, model {}), one core, {}, load average before {}",
        of("model name"),
        of("cpu family"),
        of("model\t"),
        Level::best(),
        busy.split(' ').next().unwrap_or("?"),
    )
}

fn output(command: &str, arg: &str) -> String {
    let output = Command::new(command).arg(arg).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
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
            "python" => "AWS's Python library",
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
    let date = output("date", "-uI");
    let rustc = output("rustc", "--version");
    put(&format!(
        "`benches/peers/run`, {date}, {rounds} rounds; {machine}; {rustc};"
    ));
    put(&format!("{}.", hellos.join("; ")));
    text
}

/// Replaces what stands between the two marks.
pub(crate) fn put_into(path: &Path, table: &str) {
    let text = fs::read_to_string(path).expect("README.md");
    let (before, rest) = text.split_once(BEGIN).expect("the mark where it begins");
    let (_, after) = rest.split_once(END).expect("the mark where it ends");
    let text = format!("{before}{BEGIN}\n{table}{END}{after}");
    fs::write(path, text).expect("README.md is writable");
}
