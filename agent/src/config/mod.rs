//! `agent.json`: every key of the Amazon Kinesis Agent with its default, range and leniencies, and
//! our own under `kagg.`.

mod comments;
mod config;
mod error;
mod flow;
mod reader;
mod report;

pub use config::{AccessKey, Config, LogLevel};
pub use error::{ConfigError, ConfigErrors, Warning};
pub use flow::{Destination, Flow, PartitionKeyOption};
