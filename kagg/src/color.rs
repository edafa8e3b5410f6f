//! Colours, where the terminal has them.

use std::io::{self, BufWriter, Stdout};

use anstream::AutoStream;
use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Whether to use colours: for every subcommand that writes for a person.
#[derive(clap::Args)]
pub(crate) struct ColorArgs {
    /// Whether to use colours; `auto` does on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl ColorArgs {
    /// Standard output. JSON goes out as it is: what takes colours away takes U+007F too, which a
    /// key may hold.
    pub(crate) fn stdout(&self, json: bool) -> BufWriter<AutoStream<Stdout>> {
        let stdout = io::stdout();
        BufWriter::new(match self.color {
            _ if json => AutoStream::always_ansi(stdout),
            Color::Auto => AutoStream::auto(stdout),
            Color::Always => AutoStream::always_ansi(stdout),
            Color::Never => AutoStream::never(stdout),
        })
    }
}
