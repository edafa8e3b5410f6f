//! The stream over aws-sdk-kinesis.

mod client;
mod failure;
mod message;
mod trace;

pub use client::SdkStreamClient;
