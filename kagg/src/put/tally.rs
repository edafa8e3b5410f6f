//! How far the putting is, on standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use kinesis_aggregation_producer::Delivered;

use crate::output::complain;

const INTERVAL: Duration = Duration::from_millis(250);

/// What has become of the user records.
#[derive(Debug, Default)]
struct Counts {
    accepted: u64,
    delivered: u64,
    failed: u64,
    kinesis_records: u64,
    retries: u64,
}

impl Counts {
    fn per_kinesis_record(&self) -> f64 {
        self.delivered as f64 / self.kinesis_records.max(1) as f64
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            delivered, retries, ..
        } = self;
        let ratio = self.per_kinesis_record();
        write!(
            f,
            "{delivered} user records delivered, {ratio:.1} in a Kinesis record, {retries} retries"
        )?;
        match self.failed {
            0 => Ok(()),
            failed => write!(f, ", {failed} not delivered"),
        }
    }
}

/// Counts, and shows on a terminal how far they are.
pub(super) struct Tally {
    counts: Counts,
    started: Instant,
    shown: Option<Instant>,
    on_terminal: bool,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            counts: Counts::default(),
            started: Instant::now(),
            shown: None,
            on_terminal: io::stderr().is_terminal(),
        }
    }

    pub(super) fn deliver(&mut self, delivered: &Delivered) {
        self.counts.delivered += 1;
        self.counts.kinesis_records += u64::from(delivered.sub_sequence_number() == 0);
        let retries = delivered.attempts().skip(1).count();
        self.counts.retries += u64::try_from(retries).unwrap_or(u64::MAX);
        self.show();
    }

    pub(super) fn accept(&mut self) {
        self.counts.accepted += 1;
        self.show();
    }

    /// Counts a user record that was refused or not delivered, and says why.
    pub(super) fn fail(&mut self, why: fmt::Arguments<'_>) {
        self.counts.failed += 1;
        self.complain(why);
    }

    /// Whether anything was refused, or is not known to be delivered.
    pub(super) fn is_short(&self) -> bool {
        self.counts.failed > 0 || self.counts.delivered < self.counts.accepted
    }

    /// Writes a line of complaint, above the one that shows how far it is.
    pub(super) fn complain(&mut self, line: fmt::Arguments<'_>) {
        self.clear();
        complain(line);
    }

    /// Shows how far it is, at intervals.
    fn show(&mut self) {
        if !self.on_terminal || self.shown.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = self.counts.delivered as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let line = format!("\r{}, {rate:.0}/s\x1b[K", self.counts);
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    /// Says what became of all: to a terminal, and to anyone where something went wrong.
    pub(super) fn finish(&mut self, interrupted: bool) {
        self.clear();
        if self.on_terminal || interrupted || self.counts.failed > 0 {
            let seconds = self.started.elapsed().as_secs_f64();
            complain(format_args!("{} in {seconds:.1} s", self.counts));
        }
    }
}
