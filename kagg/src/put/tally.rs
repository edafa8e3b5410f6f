//! How far the putting is, on standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use kinesis_aggregation_producer::Delivered;

use crate::output::complain;
use crate::terminal::{cut, message_width};

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

/// Lines one after another that failed for the same reason.
#[derive(Debug, PartialEq, Eq)]
struct Failed {
    first: u64,
    last: u64,
    why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, why } = self;
        if first == last {
            write!(f, "line {first}: {why}")
        } else {
            write!(f, "lines {first} to {last}: {why}")
        }
    }
}

/// Counts, and shows on a terminal how far they are.
pub(super) struct Tally {
    counts: Counts,
    started: Instant,
    shown: Option<Instant>,
    on_terminal: bool,
    /// Not told yet: the next line may belong to it.
    failed: Option<Failed>,
    /// All lines up to this one have been put and delivered, or named as failed.
    safe: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            counts: Counts::default(),
            started: Instant::now(),
            shown: None,
            on_terminal: io::stderr().is_terminal(),
            failed: None,
            safe: 0,
        }
    }

    pub(super) fn deliver(&mut self, line: u64, delivered: &Delivered) {
        self.counts.delivered += 1;
        self.counts.kinesis_records += u64::from(delivered.sub_sequence_number() == 0);
        let retries = delivered.tries().saturating_sub(1);
        self.counts.retries += u64::try_from(retries).unwrap_or(u64::MAX);
        if self
            .failed
            .as_ref()
            .is_some_and(|failed| failed.last < line)
        {
            self.tell_failed();
        }
        self.show();
    }

    pub(super) fn accept(&mut self) {
        self.counts.accepted += 1;
        self.show();
    }

    /// How many are delivered, and how many are not known to be.
    pub(super) fn progress(&self) -> (u64, u64) {
        let done = self.counts.delivered + self.counts.failed;
        (
            self.counts.delivered,
            self.counts.accepted.saturating_sub(done),
        )
    }

    /// The fate of every line up to `line` is known.
    pub(super) fn settle(&mut self, line: u64) {
        self.safe = self.safe.max(line);
    }

    /// Counts a user record that was refused or not delivered, and says why.
    pub(super) fn fail(&mut self, line: u64, why: String) {
        self.counts.failed += 1;
        match &mut self.failed {
            Some(failed) if failed.why == why && failed.last + 1 == line => failed.last = line,
            _ => {
                self.tell_failed();
                self.failed = Some(Failed {
                    first: line,
                    last: line,
                    why,
                });
            }
        }
    }

    fn tell_failed(&mut self) {
        if let Some(failed) = self.failed.take() {
            self.complain(format_args!("{failed}"));
        }
    }

    /// Whether anything was refused, or is not known to be delivered.
    pub(super) fn is_short(&self) -> bool {
        self.counts.failed > 0 || self.counts.delivered < self.counts.accepted
    }

    /// Writes a line of complaint, above the one that shows how far it is.
    pub(super) fn complain(&mut self, line: fmt::Arguments<'_>) {
        self.tell_failed();
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
        let line = format!("{}, {rate:.0}/s", self.counts);
        // One that goes over the edge could not be written over.
        let width = message_width().unwrap_or(usize::MAX);
        let line = format!("\r{}\x1b[K", cut(&line, width.saturating_sub(1)));
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    /// Says what became of all: to a terminal, and to anyone where something went wrong.
    pub(super) fn finish(&mut self, stopped: bool) {
        self.tell_failed();
        self.clear();
        if self.on_terminal || stopped || self.is_short() {
            let seconds = self.started.elapsed().as_secs_f64();
            complain(format_args!("{} in {seconds:.1} s", self.counts));
        }
        if stopped || self.is_short() {
            self.tell_safe();
        }
    }

    /// From where to put again.
    fn tell_safe(&self) {
        let but = match self.counts.failed {
            0 => "",
            _ => ", but for those named above",
        };
        match self.safe {
            0 => complain("no line is known to be delivered"),
            1 => complain(format_args!(
                "line 1 is delivered{but}: to go on, start with line 2"
            )),
            safe => complain(format_args!(
                "lines 1 to {safe} are delivered{but}: to go on, start with line {}",
                safe + 1
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_fail_together_are_told_together() {
        let mut tally = Tally::new();
        for line in 7..=12 {
            tally.fail(line, "refused: x".to_owned());
        }
        assert_eq!(
            tally.failed.as_ref().unwrap().to_string(),
            "lines 7 to 12: refused: x"
        );
        tally.fail(13, "refused: y".to_owned());
        assert_eq!(
            tally.failed.as_ref().unwrap().to_string(),
            "line 13: refused: y"
        );
        tally.fail(15, "refused: y".to_owned());
        assert_eq!(
            tally.failed.as_ref().unwrap().to_string(),
            "line 15: refused: y"
        );
        assert_eq!(tally.counts.failed, 8);
    }
}
