//! LOGTOJSON: the parts of a log line become the fields of an object.

use std::sync::Arc;

use bytes::Bytes;

use super::converted::Converted;
use super::json_text::{Layout, write_object};
use crate::java_regex::JavaRegex;

#[derive(Clone, Debug)]
pub(super) struct LogToJson {
    pub(super) pattern: Arc<JavaRegex>,
    pub(super) names: Vec<String>,
    /// Whether a lone `-` is no value: in the Apache formats.
    pub(super) dash_is_null: bool,
    pub(super) layout: Layout,
    /// What becomes of a line that does not match: `kagg.onMismatch`.
    pub(super) keeps_mismatches: bool,
}

/// A format that the agent knows.
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) pattern: &'static str,
    pub(super) fields: &'static [&'static str],
    pub(super) is_apache: bool,
}

/// Written from the formats' own definitions (Apache's `LogFormat` and `ErrorLogFormat`, RFC 3164,
/// RFC 5424's timestamps), and held to the agent's answers by the vectors.
pub(super) const FORMATS: [Format; 5] = [
    Format {
        name: "COMMONAPACHELOG",
        pattern: r#"(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}|-) (\d+|-)(?: .*)?"#,
        fields: &[
            "host", "ident", "authuser", "datetime", "request", "response", "bytes",
        ],
        is_apache: true,
    },
    Format {
        name: "COMBINEDAPACHELOG",
        pattern: r#"(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}|-) (\d+|-) "([^"]+)" "([^"]+)"(?: .*)?"#,
        fields: &[
            "host", "ident", "authuser", "datetime", "request", "response", "bytes", "referer",
            "agent",
        ],
        is_apache: true,
    },
    Format {
        name: "APACHEERRORLOG",
        pattern: r"\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] \[(?:([^\]:]*):)?([^\]:]+)\] \[pid (\d+)(?::tid (\d+))?\] \[client ([^\]]+)\] (.*)",
        fields: &[
            "timestamp",
            "module",
            "severity",
            "processid",
            "threadid",
            "client",
            "message",
        ],
        is_apache: true,
    },
    Format {
        name: "SYSLOG",
        pattern: r"(\w{3} [ \d]\d \d\d:\d\d:\d\d) (?:<\d+\.\d+> )?(\S+) ([^\s:\[]+)(?:\[(\d+)\])?: (.*)",
        fields: &["timestamp", "hostname", "program", "processid", "message"],
        is_apache: false,
    },
    Format {
        name: "RFC3339SYSLOG",
        pattern: r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?:<\d+\.\d+> )?(\S+) ([^\s:\[]+)(?:\[(\d+)\])?: (.*)",
        fields: &["timestamp", "hostname", "program", "processid", "message"],
        is_apache: false,
    },
];

impl LogToJson {
    pub(super) fn convert(&self, record: Bytes) -> Converted {
        let text = String::from_utf8_lossy(&record);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        // The agent drops every line that ends in CRLF.
        let line = line.strip_suffix('\r').unwrap_or(line);
        let groups = self.pattern.groups(line);
        match groups.filter(|groups| groups.len() == self.names.len()) {
            Some(groups) => {
                let is_value = |value: &&str| !(self.dash_is_null && *value == "-");
                let values = groups.into_iter().map(|value| value.filter(is_value));
                Converted::Record(write_object(&self.names, values, self.layout).into())
            }
            None if self.keeps_mismatches => Converted::Record(record),
            None => Converted::Skipped,
        }
    }
}
