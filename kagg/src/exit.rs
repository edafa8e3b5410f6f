//! How the command ends.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::complaint::complain;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why the command stops early.
pub(crate) enum Failure {
    /// Wrong usage, unreadable input, or an I/O error: status 2, and this on standard error.
    Message(String),
    /// The reader of standard output is gone: nobody is there to be told.
    ClosedPipe,
}

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self::Message(message.to_string())
    }

    /// `verb` could not be done to the file at `path`.
    pub(crate) fn of_file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::Message(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// Standard output could not be written.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Message(format!("cannot write the output: {error}"))
        }
    }
}

/// What happened so far, as the exit status will tell.
#[derive(Default)]
pub(crate) struct Status {
    lost: Cell<bool>,
}

impl Status {
    /// Something is lost, refused or undeliverable.
    pub(crate) fn lose(&self) {
        self.lost.set(true);
    }

    pub(crate) fn exit_code(&self, result: Result<()>) -> ExitCode {
        match result {
            Ok(()) | Err(Failure::ClosedPipe) => ExitCode::from(u8::from(self.lost.get())),
            Err(Failure::Message(message)) => {
                complain(format_args!("kagg: {message}"));
                ExitCode::from(2)
            }
        }
    }
}
