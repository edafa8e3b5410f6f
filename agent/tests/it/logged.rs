//! Captures the log.

use std::io::{Read as _, Seek as _};
use std::sync::Arc;

/// Runs a function, and returns its result and its log.
pub(crate) fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let mut log = tempfile::tempfile().expect("a file");
    let writer = Arc::new(log.try_clone().expect("the same file"));
    let subscriber = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .finish();
    let returned = tracing::subscriber::with_default(subscriber, run);
    let mut text = String::new();
    log.rewind().expect("read again");
    log.read_to_string(&mut text).expect("text");
    (returned, text)
}
