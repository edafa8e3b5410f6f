//! Failures in `tracing`: one line for each kind, with a count, instead of one for each request.

use std::collections::BTreeMap;
use std::time::Duration;

use super::outcome::Time;

/// A kind of failure is told at once, and then no more often than this.
const INTERVAL: Duration = Duration::from_secs(30);
/// Codes that are told apart for one call; a transport that makes up ever new ones must not fill the
/// memory.
const MAX_CODES: usize = 100;

/// By what failed and the code with which it did.
#[derive(Default)]
pub(super) struct Failures(BTreeMap<&'static str, BTreeMap<String, Kind>>);

#[derive(Default)]
struct Kind {
    /// Since it was last told.
    count: u64,
    told: Option<Time>,
    reason: Option<String>,
}

/// A line to be logged.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    what: &'static str,
    code: String,
    count: u64,
    reason: Option<String>,
}

impl Failures {
    /// Notes that a call, or a record, failed with this code. Returns what is to be told now, with
    /// the reason.
    pub(super) fn note(
        &mut self,
        now: Time,
        what: &'static str,
        code: &str,
        reason: impl FnOnce() -> Option<String>,
    ) -> Option<Line> {
        let codes = self.0.entry(what).or_default();
        let known = codes.contains_key(code) || codes.len() < MAX_CODES;
        let code = if known { code } else { "Other" };
        let kind = codes.entry(code.to_owned()).or_default();
        kind.count = kind.count.saturating_add(1);
        if kind.is_due(now) {
            kind.reason = reason();
            return kind.tell(now, what, code);
        }
        None
    }

    /// Returns what was not told yet and is due, or all of it.
    pub(super) fn due(&mut self, now: Time, all: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        for (what, codes) in &mut self.0 {
            for (code, kind) in codes {
                if all || kind.is_due(now) {
                    lines.extend(kind.tell(now, what, code));
                }
            }
        }
        lines
    }
}

impl Kind {
    fn is_due(&self, now: Time) -> bool {
        self.told
            .is_none_or(|told| now.saturating_sub(told) >= INTERVAL)
    }

    fn tell(&mut self, now: Time, what: &'static str, code: &str) -> Option<Line> {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return None;
        }
        self.told = Some(now);
        Some(Line {
            what,
            code: code.to_owned(),
            count,
            reason: self.reason.clone(),
        })
    }
}

impl Line {
    pub(super) fn tell(&self) {
        tracing::warn!(
            what = self.what,
            code = self.code.as_str(),
            count = self.count,
            reason = self.reason.as_deref(),
            "failed"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "put_records";

    fn at(seconds: u64) -> Time {
        Time::from_secs(seconds)
    }

    #[test]
    fn a_kind_is_told_at_once_and_then_with_a_count() {
        let mut failures = Failures::default();
        let mut note = |seconds, code| {
            let line = failures.note(at(seconds), CALL, code, || Some(format!("at {seconds}")));
            line.map(|line| (line.count, line.reason.unwrap_or_default()))
        };
        assert_eq!(note(0, "Timeout"), Some((1, "at 0".to_owned())));
        for second in 1..30 {
            assert_eq!(note(second, "Timeout"), None);
        }
        assert_eq!(
            note(29, "Panic").map(|told| told.0),
            Some(1),
            "another kind"
        );
        assert_eq!(note(30, "Timeout"), Some((30, "at 30".to_owned())));
        assert_eq!(note(31, "Timeout"), None);
        assert_eq!(failures.due(at(59), false), []);
        let due = failures.due(at(60), false);
        assert_eq!(due.iter().map(|line| line.count).collect::<Vec<_>>(), [1]);
        assert_eq!(failures.due(at(99), true), [], "all is told");
    }

    #[test]
    fn ever_new_codes_do_not_fill_the_memory() {
        let mut failures = Failures::default();
        let mut told = 0;
        for number in 0..1000 {
            let code = format!("Code{number}");
            told += failures
                .note(at(0), CALL, &code, || None)
                .map_or(0, |line| line.count);
        }
        assert_eq!(failures.0[CALL].len(), MAX_CODES + 1);
        let left: u64 = failures
            .due(at(0), true)
            .iter()
            .map(|line| line.count)
            .sum();
        assert_eq!(told + left, 1000);
    }
}
