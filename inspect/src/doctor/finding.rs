//! What is found, how bad it is, and what to do.

use serde::Serialize;

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name, for scripts: lower case, with hyphens.
    pub name: &'static str,
    /// What is wrong, in a sentence.
    pub title: String,
    /// What shows it: numbers, and an example.
    pub evidence: String,
    /// What to do.
    pub advice: &'static str,
}

/// How bad a finding is. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// User records are lost, or come out as something else.
    Loss,
    /// User records are late, repeated, badly spread or hard to handle.
    Warning,
    /// Worth knowing.
    Note,
}
