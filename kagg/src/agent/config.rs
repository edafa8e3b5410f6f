//! The flags of `kagg agent`, and the configuration that they name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use kinesis_aggregation_agent::{Config, ConfigErrors};
use serde_json::{Map, Value};

use crate::complaint::complain;
use crate::exit::{Failure, Result, Status};

#[derive(clap::Args)]
pub(super) struct ConfigArgs {
    /// The configuration
    ///
    /// Flows are also read from the files of agent.d beside it.
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        default_value = "/etc/aws-kinesis/agent.json"
    )]
    config: PathBuf,
    /// Keep positions in this file
    ///
    /// It is used instead of the file that `kagg.database` names.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    settings: Settings,
    /// Only show the configuration and its files
    ///
    /// Prints how the configuration is understood, and which files it follows.
    #[arg(long)]
    check: bool,
    /// Only hand the positions back to the Amazon Kinesis Agent
    ///
    /// They are written into its own database, so that it goes on where this agent stopped.
    #[arg(long, conflicts_with = "check")]
    hand_back: bool,
}

/// Settings of our own. A flag overrides the key of the same name in the configuration.
#[derive(clap::Args)]
struct Settings {
    /// Put many lines into each Kinesis record
    ///
    /// Its readers have to deaggregate.
    #[arg(long)]
    aggregate: bool,
    /// Read columns in double quotes in CSVTOJSON
    ///
    /// As RFC 4180 describes them.
    #[arg(long)]
    csv_quoting: bool,
    /// Keep at most this many bytes of lines in memory
    #[arg(long, value_name = "BYTES")]
    max_memory_bytes: Option<String>,
    /// Also look for rotated files in this directory
    ///
    /// This is logrotate's olddir.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    rotated_dir: Option<String>,
    /// How long a multi-line record waits for a line
    ///
    /// In milliseconds.
    #[arg(long, value_name = "MS")]
    multi_line_wait_millis: Option<String>,
    /// What to do with lines that LOGTOJSON cannot read
    ///
    /// skip leaves them out, raw sends them as they are.
    #[arg(long, value_name = "WHAT", value_parser = ["skip", "raw"], hide_possible_values = true)]
    on_mismatch: Option<String>,
    /// Add the path of the file to JSON lines, as this field
    #[arg(long, value_name = "FIELD")]
    add_file: Option<String>,
    /// Add the name of this host to JSON lines, as this field
    #[arg(long, value_name = "FIELD")]
    add_host: Option<String>,
    /// Take partition keys from the file or the line
    ///
    /// With file, the key is the path of the file; with a JSON pointer, it is that value of each line.
    #[arg(long, value_name = "WHAT")]
    partition_key_from: Option<String>,
    /// Compress each line: gzip, zlib or zstd
    ///
    /// The lines are compressed before they are aggregated.
    #[arg(
        long,
        value_name = "FORMAT",
        value_parser = ["gzip", "zlib", "zstd"],
        hide_possible_values = true
    )]
    compress: Option<String>,
}

impl Settings {
    /// Returns the settings that were given, by the names of their keys.
    fn to_keys(&self) -> Map<String, Value> {
        let flags = [
            ("kagg.aggregate", self.aggregate),
            ("kagg.csvQuoting", self.csv_quoting),
        ];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set);
        let texts = [
            ("kagg.maxMemoryBytes", &self.max_memory_bytes),
            ("kagg.rotatedDir", &self.rotated_dir),
            ("kagg.multiLineWaitMillis", &self.multi_line_wait_millis),
            ("kagg.onMismatch", &self.on_mismatch),
            ("kagg.addFile", &self.add_file),
            ("kagg.addHost", &self.add_host),
            ("kagg.partitionKeyFrom", &self.partition_key_from),
            ("kagg.compress", &self.compress),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())));
        flags
            .map(|(key, is_set)| (key.to_owned(), is_set.into()))
            .chain(texts)
            .collect()
    }
}

impl ConfigArgs {
    /// Returns the path of the database.
    pub(super) fn database(&self) -> Result<PathBuf> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        let config = read(&self.config, &Map::new())?.map_err(Failure::new)?;
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

    /// Reads the configuration as it is now.
    pub(super) fn read_again(&self) -> Result<std::result::Result<Config, ConfigErrors>> {
        let read = read(&self.config.config, &self.settings.to_keys())?;
        Ok(read.map(|config| self.apply(config)))
    }

    /// Reads the configuration. If it is refused, says why and returns `None`.
    pub(super) fn load(&self, status: &Status) -> Result<Option<Config>> {
        match self.read_again()? {
            Ok(config) => Ok(Some(config)),
            Err(errors) => {
                complain(format_args!("{errors}"));
                status.lose();
                Ok(None)
            }
        }
    }

    /// Lets the flags override the file.
    fn apply(&self, config: Config) -> Config {
        match &self.config.database {
            Some(database) => config.with_database(database.clone()),
            None => config,
        }
    }
}

type Read = std::result::Result<Config, ConfigErrors>;

/// Reads a configuration, and the files of `agent.d` beside it, sorted by name.
fn read(path: &Path, settings: &Map<String, Value>) -> Result<Read> {
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
    Ok(Config::parse_with(&text, &drop_ins, settings))
}

/// Returns the files of a directory, sorted by name. A directory that does not exist has none.
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
