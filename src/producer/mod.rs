//! The producer.

mod client;

pub use client::{
    ClientError, ClientErrorKind, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};
