//! Counts of what a flow sends, under the Amazon Kinesis Agent's names: for CloudWatch, and through the
//! `metrics` facade.

mod client;
mod counts;

pub(crate) use client::Metered;
pub use counts::{FlowMetrics, Measured, Unit};
