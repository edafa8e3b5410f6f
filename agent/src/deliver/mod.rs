//! Delivers records: to a Kinesis stream through the producer, or to Firehose.

mod firehose;
mod keys;
mod kinesis;
#[cfg(test)]
mod kinesis_tests;
mod link;
mod outcomes;
mod outgoing;
mod pause;

pub(crate) use firehose::deliver as deliver_to_firehose;
pub use firehose::{FirehoseClient, FirehoseError};
pub(crate) use keys::{add_md5_keys, md5_key};
pub(crate) use kinesis::{deliver as deliver_to_kinesis, producer};
pub(crate) use outgoing::{Outgoing, RecordId, Traffic};
