//! The faults of a configuration, and its harmless oddities.

use std::fmt;

/// An oddity of the configuration that does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub(super) place: String,
    pub(super) message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {key} {reason}")]
pub struct ConfigError {
    pub(super) place: String,
    pub(super) key: String,
    pub(super) reason: String,
}

impl ConfigError {
    /// The key at fault; empty if the whole file is.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    pub(super) errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// One by one.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

impl std::error::Error for ConfigErrors {}

/// One line each.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}{error}")?;
        }
        Ok(())
    }
}
