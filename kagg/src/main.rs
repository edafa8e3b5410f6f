//! `kagg`: reads and writes the records of the Amazon Kinesis Producer Library from a shell.

#[cfg(feature = "aws")]
mod agent;
mod aggregate;
mod arrival;
#[cfg(feature = "aws")]
mod aws;
mod carve;
mod color;
mod compact;
mod complaint;
mod compressed;
mod content;
mod deaggregate;
mod doctor;
mod entry;
mod exit;
mod input;
mod inspect;
mod losses;
mod manual;
mod output;
mod printer;
#[cfg(feature = "aws")]
mod put;
#[cfg(feature = "aws")]
mod received;
mod shards;
#[cfg(feature = "aws")]
mod signals;
mod source;
#[cfg(feature = "aws")]
mod tail;
mod template;
mod terminal;

use std::process::ExitCode;

use clap::{Arg, ArgAction, CommandFactory, Parser, Subcommand};

use exit::{Result, Status};

/// Reads and writes the record format of the Amazon Kinesis Producer Library (KPL), as the
/// Kinesis Client Library (KCL) reads it, and reports every loss.
#[derive(Parser)]
#[command(name = "kagg", version, max_term_width = 100, after_help = EXIT_STATUS)]
#[command(disable_help_flag = true, arg = help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  nothing is lost (there may be warnings)
  1  something is lost, refused or undeliverable
  2  wrong usage, input that cannot be read, or an I/O error";

/// Short with `-h` and `--help` alike. The manual pages say everything, and so does
/// `kagg help COMMAND`.
fn help() -> Arg {
    const LAST: usize = 1000;
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::HelpShort)
        .global(true)
        .display_order(LAST)
        .help("Print help; `kagg help COMMAND` says more")
}

#[derive(Subcommand)]
enum Command {
    Deaggregate(deaggregate::Args),
    Aggregate(aggregate::Args),
    Inspect(inspect::Args),
    Doctor(doctor::Args),
    Carve(carve::Args),
    #[cfg(feature = "aws")]
    Put(put::Args),
    #[cfg(feature = "aws")]
    Tail(tail::Args),
    #[cfg(feature = "aws")]
    Agent(agent::Args),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

impl Command {
    fn run(self, status: &mut Status) -> Result<()> {
        match self {
            Self::Deaggregate(args) => deaggregate::run(args, status),
            Self::Aggregate(args) => aggregate::run(args, status),
            Self::Inspect(args) => inspect::run(&args, status),
            Self::Doctor(args) => doctor::run(&args, status),
            Self::Carve(args) => carve::run(&args, status),
            #[cfg(feature = "aws")]
            Self::Put(args) => put::run(&args, status),
            #[cfg(feature = "aws")]
            Self::Tail(args) => tail::run(&args, status),
            #[cfg(feature = "aws")]
            Self::Agent(args) => agent::run(&args, status),
            Self::Completions(args) => manual::completions(&args, Cli::command()),
            Self::Man(args) => manual::man(&args, Cli::command()),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut status = Status::default();
    let result = cli.command.run(&mut status);
    status.exit_code(result)
}
