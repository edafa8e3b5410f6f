//! The library and the command against an embedded Kinesis.

mod client;
mod cloudwatch;
mod command;
mod example;
mod failures;
mod producer;
mod put;
mod reader;
mod tail;
mod tls;
