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
    /// Standard output, buffered.
    pub(crate) fn stdout(&self) -> Box<dyn Write> {
        const CAPACITY: usize = 1 << 16;
        let stdout = io::stdout();
        let choice = match self.color {
            Color::Auto => AutoStream::choice(&stdout),
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
        };
        let stdout = stdout.lock();
        match choice {
            ColorChoice::Never => {
                Box::new(Uncoloured::new(BufWriter::with_capacity(CAPACITY, stdout)))
            }
            choice => Box::new(BufWriter::with_capacity(
                CAPACITY,
                AutoStream::new(stdout, choice),
            )),
        }
    }
}

/// Takes styles away: `\x1b[1mdata\x1b[0m` goes on as `data`. There are no other escape sequences in
/// what is written, so this looks for no others, which would take longer than to write it. JSON has
/// no escape characters at all, and goes through as it is.
struct Uncoloured<W> {
    out: W,
    /// Whether a style was begun, and not ended.
    in_style: bool,
}

impl<W> Uncoloured<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            in_style: false,
        }
    }
}

impl<W: Write> Write for Uncoloured<W> {
    /// Takes no more than the text before the next style, or that style. So on an error nothing of `text`
    /// was written, as [`Write`] promises, and to try again writes nothing twice.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.in_style {
            let end = memchr::memchr(b'm', text);
            self.in_style = end.is_none();
            return Ok(end.map_or(text.len(), |end| end + 1));
        }
        match memchr::memchr(b'\x1b', text) {
            Some(0) => {
                self.in_style = true;
                Ok(1)
            }
            Some(style) => self.out.write(text.get(..style).unwrap_or_default()),
            None => self.out.write(text),
        }
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
            let mut uncoloured = Uncoloured::new(Vec::new());
            for piece in text.as_bytes().chunks(len) {
                uncoloured.write_all(piece).unwrap();
            }
            let plain = String::from_utf8(uncoloured.out).unwrap();
            assert_eq!(plain, "record m: wrong\n[1m");
        }
    }

    /// Takes so many bytes, fails once, and then takes all.
    struct FailsOnce {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for FailsOnce {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                self.room = usize::MAX;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = text.len().min(self.room);
            self.room -= len;
            self.taken.extend_from_slice(&text[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// As a buffer tries it again.
    #[test]
    fn what_is_tried_again_after_a_failure_is_not_written_twice() {
        let text = format!("{BOLD}record{BOLD:#} m: {BAD}wrong{BAD:#}\n");
        let plain = "record m: wrong\n";
        for room in 0..plain.len() {
            let taken = Vec::new();
            let mut uncoloured = Uncoloured::new(FailsOnce { taken, room });
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let written = uncoloured.write(rest).unwrap_or(0);
                rest = &rest[written..];
            }
            let taken = String::from_utf8(uncoloured.out.taken).unwrap();
            assert_eq!(taken, plain, "after {room} bytes");
        }
    }
}
