//! Reads the keys of one JSON object, with the agent's leniencies.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::{ConfigError, Warning};

/// One object of the configuration: what of it was read, and what was not as it should be.
pub(super) struct Reader<'v> {
    object: &'v Map<String, Value>,
    /// Where it is, for messages: `flow 2 (/logs/app.log)`.
    place: String,
    asked: BTreeSet<&'static str>,
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<Warning>,
}

impl<'v> Reader<'v> {
    pub(super) fn new(object: &'v Map<String, Value>, place: impl Into<String>) -> Self {
        Self {
            object,
            place: place.into(),
            asked: BTreeSet::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn place(&mut self, place: impl Into<String>) {
        self.place = place.into();
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<&'v Value> {
        self.asked.insert(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn refuse(&mut self, key: &'static str, reason: impl fmt::Display) {
        self.errors.push(ConfigError {
            place: self.place.clone(),
            key: key.to_owned(),
            reason: reason.to_string(),
        });
    }

    pub(super) fn warn(&mut self, message: impl fmt::Display) {
        self.warnings.push(Warning {
            place: self.place.clone(),
            message: message.to_string(),
        });
    }

    /// A text; an empty one counts as missing.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'v str> {
        match self.value(key)? {
            Value::String(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            _ => {
                self.refuse(key, "is not a text");
                None
            }
        }
    }

    /// A number, which may be in quotes.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        let Some(value) = self.value(key) else {
            return default;
        };
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let (low, high) = (range.start(), range.end());
                let value = value.to_string();
                if *high == u64::MAX {
                    self.refuse(
                        key,
                        format_args!("is {value}, not a number of {low} or more"),
                    );
                } else {
                    self.refuse(
                        key,
                        format_args!("is {value}, not a number of {low} to {high}"),
                    );
                }
                default
            }
        }
    }

    pub(super) fn millis(
        &mut self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_millis(self.number(key, default, range))
    }

    /// True or false, in one of the agent's words.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.value(key) else {
            return default;
        };
        let flag = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_u64() {
                Some(1) => Some(true),
                Some(0) => Some(false),
                _ => None,
            },
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "t" | "y" | "1" => Some(true),
                "false" | "no" | "f" | "n" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        flag.unwrap_or_else(|| {
            self.refuse(
                key,
                format_args!("is {value}, not one of true, yes, t, y, 1, false, no, f, n, 0"),
            );
            default
        })
    }

    /// One of several words, in this case.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: T,
        choices: &[(&'static str, T)],
    ) -> T {
        let Some(value) = self.value(key) else {
            return default;
        };
        let chosen = choices
            .iter()
            .find(|choice| value.as_str() == Some(choice.0));
        if let Some(chosen) = chosen {
            return chosen.1;
        }
        let words: Vec<_> = choices.iter().map(|choice| choice.0).collect();
        self.refuse(
            key,
            format_args!("is {value}, not one of {}", words.join(", ")),
        );
        default
    }

    /// Warns of the keys that nothing asked for. `known` are keys that mean something elsewhere,
    /// or to the agent alone.
    pub(super) fn unknown_keys(&mut self, known: &[&'static str]) {
        let names: Vec<&str> = self
            .asked
            .iter()
            .copied()
            .chain(known.iter().copied())
            .collect();
        let unknown = self
            .object
            .keys()
            .filter(|key| !names.contains(&key.as_str()));
        let messages: Vec<String> = unknown
            .map(|key| match nearest(key, &names) {
                Some(name) => {
                    format!("the key {key} is not known and is ignored; did you mean {name}?")
                }
                None => format!("the key {key} is not known and is ignored"),
            })
            .collect();
        for message in messages {
            self.warn(message);
        }
    }
}

/// The name that differs by the fewest letters, if they are few.
fn nearest<'n>(key: &str, names: &[&'n str]) -> Option<&'n str> {
    let distance = |name: &str| distance(&key.to_ascii_lowercase(), &name.to_ascii_lowercase());
    let nearest = names.iter().min_by_key(|name| distance(name))?;
    (distance(nearest) <= 1 + key.len() / 4).then_some(*nearest)
}

/// Levenshtein's distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, char) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (above, &other) in row.iter_mut().skip(1).zip(&other) {
            let changed = diagonal + usize::from(char != other);
            diagonal = *above;
            left = changed.min(left + 1).min(diagonal + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named() {
        let names = ["initialPosition", "filePattern", "kinesisStream"];
        assert_eq!(nearest("initialPostion", &names), Some("initialPosition"));
        assert_eq!(nearest("filepattern", &names), Some("filePattern"));
        assert_eq!(nearest("somethingElse", &names), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
