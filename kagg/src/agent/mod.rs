//! `kagg agent`: follows log files in the place of the Amazon Kinesis Agent.

mod clients;
mod config;
mod metrics;
mod serve;
mod status;

use kinesis_aggregation_agent::{Config, Destination, PositionStore, RealFs, hand_back};

use crate::complaint::complain;
use crate::exit::{Failure, Result, Status};
use crate::output::Output;
use config::{ConfigArgs, RunArgs};

/// Sends log files to Kinesis and Firehose in the place of the Amazon Kinesis Agent
///
/// Takes the agent's agent.json as it is and goes on where the agent was. No line is lost by
/// rotation, restart or throttling; after a kill some may come twice. SIGTERM and Ctrl-C stop it
/// once what is under way is delivered; SIGHUP makes it read the configuration again.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows how far each file is sent, also while the agent runs
    Status(ConfigArgs),
}

const EXAMPLES: &str = "\
Examples:
  kagg agent --check
  kagg agent -c /etc/aws-kinesis/agent.json --aggregate
  kagg agent status";

pub(crate) fn run(args: &Args, status: &mut Status) -> Result<()> {
    match &args.command {
        Some(Command::Status(config)) => print(&status::report(&config.database()?)?),
        None => {
            let Some(config) = args.run.load(status)? else {
                return Ok(());
            };
            if args.run.check() {
                return print(&config.report(&RealFs));
            }
            if args.run.hand_back() {
                return give_back(&config);
            }
            serve::serve(config, &args.run, status)
        }
    }
}

fn print(text: &str) -> Result<()> {
    let mut output = Output::stdout();
    output.write(text.as_bytes())?;
    output.flush()
}

/// Writes every flow's positions into the other agent's database. Ours stays as it is. A flow that
/// has none is named on standard error.
fn give_back(config: &Config) -> Result<()> {
    let store = PositionStore::open(config.database()).map_err(Failure::new)?;
    for flow in config.flows() {
        let Some(saved) = store.load(&flow.id()).map_err(Failure::new)? else {
            complain(format_args!(
                "{}: no positions are saved, so none are handed back",
                flow.id()
            ));
            continue;
        };
        let (is_firehose, name) = match flow.destination() {
            Destination::Kinesis(name) => (false, name),
            Destination::Firehose(name) => (true, name),
        };
        let pattern = flow.rules().pattern.as_str();
        hand_back(config.checkpoint_file(), is_firehose, name, pattern, &saved)
            .map_err(Failure::new)?;
    }
    Ok(())
}
