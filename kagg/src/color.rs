//! Colours, where the terminal has them.

use std::io::{self, BufWriter, Write};

use anstream::{AutoStream, ColorChoice};
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
    /// Colours
    ///
    /// `auto` uses them on a terminal.
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
    pub(crate) fn stdout(&self, json: bool) -> BufWriter<Box<dyn Write>> {
        let stdout = io::stdout();
        let choice = match self.color {
            _ if json => ColorChoice::AlwaysAnsi,
            Color::Auto => AutoStream::choice(&stdout),
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
        };
        let stdout = stdout.lock();
        let out: Box<dyn Write> = match choice {
            ColorChoice::Never => Box::new(Uncoloured {
                out: stdout,
                in_style: false,
            }),
            choice => Box::new(AutoStream::new(stdout, choice)),
        };
        BufWriter::with_capacity(1 << 16, out)
    }
}

/// Takes styles away: `\x1b[1mdata\x1b[0m` goes on as `data`. There are no other escape sequences in
/// what is written, so this looks for no others, which would take longer than to write it.
struct Uncoloured<W> {
    out: W,
    /// Whether a style was begun, and not ended.
    in_style: bool,
}

impl<W: Write> Write for Uncoloured<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        const ESCAPE: u8 = b'\x1b';
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        loop {
            let end = memchr::memchr(if self.in_style { b'm' } else { ESCAPE }, rest);
            let (part, after) = match end {
                Some(end) => (rest.get(..end), rest.get(end + 1..)),
                None => (Some(rest), None),
            };
            if !self.in_style {
                plain.extend_from_slice(part.unwrap_or_default());
            }
            let Some(after) = after else { break };
            self.in_style = !self.in_style;
            rest = after;
        }
        self.out.write_all(&plain)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of any length.
    #[test]
    fn styles_are_taken_away_and_nothing_else() {
        let text = format!("{BOLD}record{BOLD:#} m: {BAD}wrong{BAD:#}\n{DIM}{DIM:#}[1m");
        for len in 1..=text.len() {
            let mut uncoloured = Uncoloured {
                out: Vec::new(),
                in_style: false,
            };
            for piece in text.as_bytes().chunks(len) {
                uncoloured.write_all(piece).unwrap();
            }
            let plain = String::from_utf8(uncoloured.out).unwrap();
            assert_eq!(plain, "record m: wrong\n[1m");
        }
    }
}
