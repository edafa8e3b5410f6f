//! `kagg completions` and `kagg man`: what clap's own crates make of the command's definition.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use crate::exit::{Failure, Result};
use crate::output::Output;

/// Prints the completions for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  kagg completions bash > ~/.local/share/bash-completion/completions/kagg")]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

/// Prints the manual page of the command, or of one of its subcommands, or writes all pages
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kagg man deaggregate | man -l -
  kagg man --out-dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The subcommand
    subcommand: Option<String>,
    /// Write the pages of the command and all its subcommands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "subcommand")]
    out_dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    let mut page = Vec::new();
    clap_complete::generate(args.shell, &mut command, "kagg", &mut page);
    print(&page)
}

pub(crate) fn man(args: &ManArgs, mut command: Command) -> Result<()> {
    if let Some(directory) = &args.out_dir {
        let failed = |error: io::Error| Failure::of_file("write to", directory, &error);
        fs::create_dir_all(directory).map_err(failed)?;
        return clap_mangen::generate_to(command, directory).map_err(failed);
    }
    command.build();
    let command = match &args.subcommand {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(subcommand) => subcommand.clone(),
            None => return Err(Failure::new(format_args!("there is no subcommand {name}"))),
        },
    };
    let mut page = Vec::new();
    let rendered: io::Result<()> = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(Failure::new)?;
    print(&page)
}

fn print(page: &[u8]) -> Result<()> {
    let mut out = Output::stdout();
    out.write(page)?;
    out.flush()
}
