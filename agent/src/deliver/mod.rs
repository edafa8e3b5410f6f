//! Delivers records: to a Kinesis stream through the producer, or to Firehose.

mod firehose;
mod kinesis;
#[cfg(test)]
mod kinesis_tests;
mod outgoing;
mod pause;

pub(crate) use firehose::deliver as deliver_to_firehose;
pub use firehose::{FirehoseClient, FirehoseError};
pub(crate) use kinesis::{deliver as deliver_to_kinesis, md5_key, producer};
pub(crate) use outgoing::{Outgoing, Ticket, Traffic};
