//! `java.util.regex` in Rust: the patterns of an agent.json keep their meaning.
//!
//! The pattern is rewritten where the two dialects differ, and compiled by `fancy-regex`, which
//! has look-around, back-references and possessive quantifiers as Java has. A pattern that runs
//! away is stopped after a number of steps.

mod rewrite;

use std::fmt;

use fancy_regex::{Regex, RegexBuilder};

/// A match is given up after so many steps back. Patterns without look-around and
/// back-references need none.
pub const STEP_LIMIT: usize = 100_000;

/// A pattern of Java's dialect.
///
/// ```
/// use kinesis_aggregation_agent::JavaRegex;
///
/// let pattern = JavaRegex::new(r"(\d++) (?<word>\w+)")?;
/// assert!(pattern.is_match("12 words"));
/// assert!(!pattern.is_match("12 words."), "all of the text has to match");
/// assert!(pattern.looking_at("12 words."), "a match at the start is enough");
/// assert!(!pattern.is_match("١٢ words"), "Java's \\d is ASCII");
/// # Ok::<(), kinesis_aggregation_agent::JavaRegexError>(())
/// ```
#[derive(Clone)]
pub struct JavaRegex {
    pattern: String,
    whole: Regex,
    start: Regex,
}

impl JavaRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`JavaRegexError`] if Java would refuse the pattern too, or if it uses what is not
    /// supported here: Unicode blocks, canonical equivalence.
    pub fn new(pattern: &str) -> Result<Self, JavaRegexError> {
        let compile = |anchored: String| {
            RegexBuilder::new(&anchored)
                .backtrack_limit(STEP_LIMIT)
                .build()
                .map_err(|error| JavaRegexError {
                    pattern: pattern.to_owned(),
                    reason: error.to_string(),
                })
        };
        let body = rewrite::rewrite(pattern).map_err(|reason| JavaRegexError {
            pattern: pattern.to_owned(),
            reason: reason.to_owned(),
        })?;
        // `a$` as the whole of a text is `a`: without the look-ahead it matches in linear time.
        let whole = body.strip_suffix(rewrite::DOLLAR).unwrap_or(&body);
        Ok(Self {
            pattern: pattern.to_owned(),
            whole: compile(format!(r"\A(?:{whole})\z"))?,
            start: compile(format!(r"\A(?:{body})"))?,
        })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether all of `text` matches: Java's `matches`. A match that takes more than
    /// [`STEP_LIMIT`] steps counts as no match.
    pub fn is_match(&self, text: &str) -> bool {
        self.whole.is_match(text).unwrap_or(false)
    }

    /// Whether a match starts where `text` starts: Java's `lookingAt`. A match that takes more
    /// than [`STEP_LIMIT`] steps counts as no match.
    pub fn looking_at(&self, text: &str) -> bool {
        self.start.is_match(text).unwrap_or(false)
    }

    /// The number of capturing groups.
    pub fn group_count(&self) -> usize {
        self.whole.captures_len().saturating_sub(1)
    }

    /// The groups, if all of `text` matches: Java's `matches` and `group(n)`, from the first
    /// group on. A match that takes more than [`STEP_LIMIT`] steps counts as no match.
    pub fn groups<'t>(&self, text: &'t str) -> Option<Vec<Option<&'t str>>> {
        let captures = self.whole.captures(text).ok().flatten()?;
        let groups =
            (1..captures.len()).map(|number| captures.get(number).map(|group| group.as_str()));
        Some(groups.collect())
    }

    /// The text split at each match, as Java's `String.split` does: no empty part at the start
    /// after a match of nothing, and no empty parts at the end, unless there is no match.
    pub(crate) fn split<'t>(pattern: &Regex, text: &'t str) -> Vec<&'t str> {
        let mut parts = Vec::new();
        let mut from = 0;
        for found in pattern.find_iter(text) {
            let Ok(found) = found else { break };
            // Java never begins with an empty part because of a match of nothing at the start,
            // and a match of nothing at the end splits off nothing.
            let is_empty = found.start() == found.end();
            if is_empty && (found.end() == 0 || found.start() == text.len()) {
                continue;
            }
            parts.push(text.get(from..found.start()).unwrap_or_default());
            from = found.end();
        }
        if parts.is_empty() {
            return vec![text];
        }
        parts.push(text.get(from..).unwrap_or_default());
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        parts
    }

    /// The pattern where it is searched for, not anchored.
    pub(crate) fn unanchored(pattern: &str) -> Result<Regex, JavaRegexError> {
        let error = |reason: String| JavaRegexError {
            pattern: pattern.to_owned(),
            reason,
        };
        let body = rewrite::rewrite(pattern).map_err(|reason| error(reason.to_owned()))?;
        RegexBuilder::new(&body)
            .backtrack_limit(STEP_LIMIT)
            .build()
            .map_err(|cause| error(cause.to_string()))
    }
}

impl fmt::Debug for JavaRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JavaRegex").field(&self.pattern).finish()
    }
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} cannot be used: {reason}")]
pub struct JavaRegexError {
    pattern: String,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pattern, text, and whether Java's `matches` says yes.
    const CASES: &[(&str, &str, bool)] = &[
        (r"\d+", "12", true),
        (r"\d", "٣", false),
        (r"\w", "é", false),
        (r"\s", "\u{a0}", false),
        (r"\S", "\u{a0}", true),
        (r"[^\d]", "٣", true),
        (r"[\W]", "é", true),
        (r".", "\u{85}", false),
        (r".", "\u{2028}", false),
        (r".", "\r", false),
        (r"(?s).", "\n", true),
        (r"(?s:.).", "\nx", true),
        (r"(?s:.).", "x\n", false),
        (r"(?i)ABC", "abc", true),
        (r"a++a", "aaa", false),
        (r"a*+b", "aab", true),
        (r"(\w)\1", "aa", true),
        (r"(?<n>a)\k<n>", "aa", true),
        (r"(?=a)\w(?<!b)", "a", true),
        (r"(?>a+)b", "aab", true),
        (r"\Qa.b\E+", "a.bb", true),
        (r"\Qa.b\E", "axb", false),
        (r"[\w&&[^a]]", "A", true),
        (r"[\w&&[^a]]", "a", false),
        (r"[a-c[x-z]]", "y", true),
        (r"\u0041\x42\0103", "ABC", true),
        (r"\p{Lu}\p{Alpha}\p{IsLatin}", "ÄaÉ", true),
        (r"\p{Alpha}", "é", false),
        (r"\P{Digit}", "٣", true),
        (r"^a$", "a", true),
        (r"a$", "a\n", false),
        (r"a$\n", "a\n", true),
        (r"(?m)a$\n^b", "a\nb", true),
        (r"a\z", "a", true),
        (r"\h\R", "\t\r\n", true),
        (r"[<>\]\-\[]+", "<>]-[", true),
        (r#"\"\/\<\>"#, "\"/<>", true),
        (r"a{2,3}?", "aaa", true),
        (r"\t\e\a\f", "\t\u{1b}\u{7}\u{c}", true),
        (r"[.]", "x", false),
        (r"[a-z&&[def]]", "e", true),
        (r"(?x)a b # no more", "ab", true),
    ];

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        for &(pattern, text, expected) in CASES {
            let compiled = JavaRegex::new(pattern).expect(pattern);
            assert_eq!(compiled.is_match(text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn what_java_refuses_is_refused() {
        for pattern in ["(", "[a", "a{2", r"\y", "*a", r"\p{InGreek}", r"\"] {
            assert!(JavaRegex::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_dollar_looks_at_the_last_line_terminator() {
        let pattern = JavaRegex::new("a$").expect("good");
        assert!(pattern.looking_at("a\n"));
        assert!(pattern.looking_at("a\r\n"));
        assert!(!pattern.looking_at("a\n\n"));
    }

    #[test]
    fn a_pattern_that_runs_away_is_stopped() {
        let pattern = JavaRegex::new(r"(?=(a+)+$)\1*b|(a|aa)+\2$").expect("good");
        let text = "a".repeat(5000) + "c";
        assert!(!pattern.is_match(&text));
    }

    #[test]
    fn texts_are_split_as_java_splits_them() {
        let split = |pattern: &str, text: &'static str| {
            JavaRegex::split(&JavaRegex::unanchored(pattern).expect("good"), text)
        };
        assert_eq!(split(",", "1,,3,,"), ["1", "", "3"]);
        assert_eq!(split(",", ",1"), ["", "1"]);
        assert_eq!(split(",", ""), [""]);
        assert!(split(",", ",,").is_empty());
        assert_eq!(split("", "abc"), ["a", "b", "c"]);
        assert_eq!(split("|", "1|2"), ["1", "|", "2"]);
        assert!(split(".", "a,b").is_empty());
    }
}
