//! The library and the command against an embedded Kinesis.

mod again;
mod agent;
mod client;
mod cloudwatch;
mod command;
mod doctor;
mod example;
mod failures;
mod load;
mod manners;
mod producer;
#[path = "../../../../kagg/tests/it/pty.rs"]
mod pty;
mod put;
mod reader;
#[cfg(target_os = "linux")]
mod signals;
mod tail;
mod terminal;
mod tls;
