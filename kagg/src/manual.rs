//! `kagg completions` and `kagg man`: what clap's own crates make of the command's definition.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
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
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "subcommand")]
    out_dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, command: Command) -> Result<()> {
    // `man` cannot list the subcommands in its own definition: it is one of them.
    let names = command.get_subcommands().map(Command::get_name);
    // clap needs names that are never dropped.
    let names: Vec<&'static str> = names.map(|name| &*name.to_owned().leak()).collect();
    let is_name = PossibleValuesParser::new(names);
    let command = command.mut_subcommand("man", |man| {
        man.mut_arg("subcommand", |name| name.value_parser(is_name))
    });
    let mut command = hinted(command);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "kagg", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let script = match args.shell {
        Shell::Bash => with_files_first(&with_equals_sign(&script), &command),
        Shell::Fish => script + &without_options(&command),
        _ => script,
    };
    print(script.as_bytes())
}

/// Completes file names where a file is meant, and nowhere else.
fn hinted(command: Command) -> Command {
    let hint = |arg: Arg| {
        let is_choice = !arg.get_possible_values().is_empty();
        match arg.get_value_hint() {
            // For bash, only this one adds a slash to directories and keeps blanks in names.
            ValueHint::AnyPath => arg.value_hint(ValueHint::FilePath),
            ValueHint::Unknown if arg.get_action().takes_values() && !is_choice => {
                arg.value_hint(ValueHint::Other)
            }
            _ => arg,
        }
    };
    command.mut_args(hint).mut_subcommands(hinted)
}

/// Bash takes `--output=da` for three words, the last but one of which is `=`.
fn with_equals_sign(script: &str) -> String {
    const PREVIOUS: &str = "prev=\"$3\"\n";
    const AND_BEFORE: &str = "    [[ \"$prev\" == = ]] && prev=\"${COMP_WORDS[COMP_CWORD-2]}\"\n";
    script.replacen(PREVIOUS, &[PREVIOUS, AND_BEFORE].concat(), 1)
}

/// Has bash offer files, not all options, where nothing is typed yet and the subcommand takes files.
fn with_files_first(script: &str, command: &Command) -> String {
    const OPTIONS: &str = "COMPREPLY=( $(compgen -W \"${opts}\" -- \"${cur}\") )\n";
    let is_file = |arg: &Arg| arg.get_value_hint() == ValueHint::FilePath;
    let takes_files = |subcommand: &&Command| subcommand.get_positionals().any(is_file);
    let takers = command.get_subcommands().filter(takes_files);
    let names: Vec<_> = takers.map(Command::get_name).collect();
    let names = names.join("|");
    // Where it has no reply of its own, bash offers files.
    let files = format!("[[ -z $cur && $cmd =~ __({names})$ ]] && COMPREPLY=()\n");
    script.replace(OPTIONS, &[OPTIONS, &files].concat())
}

/// Adds what clap_complete leaves out for fish: the values of arguments that are not options, and the
/// subcommands after `help`.
fn without_options(command: &Command) -> String {
    let mut choices = Vec::new();
    for subcommand in command.get_subcommands() {
        for positional in subcommand.get_positionals() {
            for value in positional.get_possible_values() {
                choices.push((subcommand.get_name(), value.get_name().to_owned()));
            }
        }
        choices.push(("help", subcommand.get_name().to_owned()));
    }
    let mut script = String::new();
    for (name, choice) in choices {
        script += &format!(
            "complete -c kagg -n \"__fish_kagg_using_subcommand {name}\" -f -a \"{choice}\"\n"
        );
    }
    script
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
