//! `agent.json`: every key of the Amazon Kinesis Agent with its default, range and leniencies, and
//! our own under `kagg.`.

mod agent;
mod cloudwatch;
mod comments;
mod departures;
mod error;
mod flow;
mod read_flow;
mod reader;
mod report;
mod settings;

pub use agent::{AccessKey, Config, LogLevel};
pub use cloudwatch::CloudWatchConfig;
pub use error::{ConfigError, ConfigErrors, Warning};
pub use flow::{Destination, Flow, PartitionKeyFrom, PartitionKeyOption};
