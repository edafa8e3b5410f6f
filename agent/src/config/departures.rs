//! Where a flow does something else than the Amazon Kinesis Agent, in words for people.

use super::flow::{Flow, PartitionKeyOption};

impl Flow {
    /// Each departure that this flow meets. docs/AGENT.md has the reasons.
    pub(super) fn departures(&self) -> Vec<&'static str> {
        let rules = self.rules();
        let records = &rules.records;
        let has = |name: &str| self.converters().iter().any(|step| step.name() == name);
        let all = [
            (
                true,
                "every file that matches is followed at once; the agent follows one",
            ),
            (
                true,
                "a position is the lowest byte that is not acknowledged; the agent's may be beyond it",
            ),
            (
                true,
                "an unterminated last line is sent when its file is finished; the agent throws it away",
            ),
            (
                true,
                "a record over the limit is cut at the edge of a character",
            ),
            (
                rules.pattern.has_directory_globs(),
                "globs in directories are followed; the agent finds nothing there",
            ),
            (
                self.partition_key() == PartitionKeyOption::Deterministic,
                "DETERMINISTIC is the MD5 of each record; the agent's is that of its read buffer",
            ),
            (
                records.multi_line_start.is_some(),
                "the last multi-line record waits for its next line; the agent cuts it in two",
            ),
            (
                records.footer.is_some(),
                "fileFooterPattern skips the footer only; the agent also throws away what it has read after it",
            ),
            (
                has("LOGTOJSON"),
                "LOGTOJSON strips a CR at the end of a line; the agent drops such lines",
            ),
            (
                has("ADDBRACKETS"),
                "ADDBRACKETS sends no record again at a start; the agent sends the last one",
            ),
            (
                has("ADDEC2METADATA"),
                "ADDEC2METADATA takes the tags from the instance's metadata, if it offers them; the agent asks EC2",
            ),
        ];
        let met = all.into_iter().filter(|(is_met, _)| *is_met);
        met.map(|(_, words)| words).collect()
    }
}
