//! The flags of `kagg agent`, and the configuration they name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kinesis_aggregation_agent::{Config, ConfigErrors};

use crate::complaint::complain;
use crate::exit::{Failure, Result, Status};

#[derive(clap::Args)]
pub(super) struct ConfigArgs {
    /// The configuration; flows are also read from the files of agent.d beside it
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        default_value = "/etc/aws-kinesis/agent.json"
    )]
    config: PathBuf,
    /// Keep positions in this file instead of what `kagg.database` says
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Put many lines into each Kinesis record; its readers have to deaggregate
    #[arg(long)]
    aggregate: bool,
    /// Only show what is understood of the configuration and which files it follows
    #[arg(long)]
    check: bool,
    /// Only write the positions into the Amazon Kinesis Agent's own database, so that it goes on
    #[arg(long, conflicts_with = "check")]
    hand_back: bool,
}

impl ConfigArgs {
    /// Where the positions are.
    pub(super) fn database(&self) -> Result<PathBuf> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        let config = read(&self.config)?.map_err(Failure::new)?;
        Ok(config.database().clone())
    }
}

impl RunArgs {
    pub(super) fn check(&self) -> bool {
        self.check
    }

    pub(super) fn hand_back(&self) -> bool {
        self.hand_back
    }

    /// The configuration as it is now.
    pub(super) fn read_again(&self) -> Result<std::result::Result<Config, ConfigErrors>> {
        Ok(read(&self.config.config)?.map(|config| self.apply(config)))
    }

    /// The configuration. `None` if it is refused, which is told.
    pub(super) fn load(&self, status: &Status) -> Result<Option<Config>> {
        match read(&self.config.config)? {
            Ok(config) => Ok(Some(self.apply(config))),
            Err(errors) => {
                complain(format_args!("{errors}"));
                status.lose();
                Ok(None)
            }
        }
    }

    /// What the flags say goes before what the file says.
    fn apply(&self, mut config: Config) -> Config {
        if let Some(database) = &self.config.database {
            config = config.with_database(database.clone());
        }
        if self.aggregate {
            config = config.with_aggregation();
        }
        config
    }
}

type Read = std::result::Result<Config, ConfigErrors>;

/// Reads a configuration, and the files of `agent.d` beside it in the order of their names.
fn read(path: &Path) -> Result<Read> {
    let text = fs::read_to_string(path).map_err(|error| Failure::of_file("read", path, &error))?;
    let directory = path.parent().unwrap_or(Path::new("")).join("agent.d");
    let paths =
        files_in(&directory).map_err(|error| Failure::of_file("read", &directory, &error))?;
    let mut drop_ins = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(&path).map_err(|error| Failure::of_file("read", &path, &error))?;
        drop_ins.push((path, text));
    }
    Ok(Config::parse(&text, &drop_ins))
}

/// The files of a directory in the order of their names; none if it does not exist.
fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
