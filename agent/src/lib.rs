//! stub

mod fs;
mod java_regex;
mod record;
mod follow { pub(crate) mod mark; mod ledger; }

pub use java_regex::{JavaRegex, JavaRegexError, STEP_LIMIT};
