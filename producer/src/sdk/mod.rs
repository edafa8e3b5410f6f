//! The stream over aws-sdk-kinesis.

mod client;
mod failure;

pub use client::SdkStreamClient;
