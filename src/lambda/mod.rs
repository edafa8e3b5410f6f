//! User records in Lambda functions, and answers that make Lambda retry the right records.
//!
//! [`Processor::read`] takes an event and gives its user records; they are then processed in order,
//! concurrently, or as a slice, and what comes back is the answer to Lambda.
//!
//! # A whole function
//!
//! After `cargo add kinesis-aggregation --features lambda`, `cargo add lambda_runtime serde_json` and
//! `cargo add tokio --features macros,rt-multi-thread`:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use kinesis_aggregation::lambda::{
//!     BatchResponse, Error, EventUserRecord, MemoryResume, OwnedKinesisEvent, Processor,
//! };
//! use lambda_runtime::{LambdaEvent, run, service_fn};
//!
//! /// Called for each user record. If it fails, Lambda sends the Kinesis record again.
//! async fn handle(user_record: EventUserRecord<'_>) -> Result<(), Error> {
//!     let order: serde_json::Value = user_record.json()?;
//!     println!("{:?}: {order}", user_record.idempotency_key());
//!     Ok(())
//! }
//!
//! async fn function(
//!     processor: &Processor,
//!     event: LambdaEvent<OwnedKinesisEvent>,
//! ) -> Result<BatchResponse, Error> {
//!     // Leaves time for the answer: after a timeout, Lambda would repeat the whole batch.
//!     let deadline = event.context.deadline() - Duration::from_secs(2);
//!     let user_records = processor.read(&event.payload).until(deadline);
//!     // Up to 16 user records at once, those of one partition key in order.
//!     let response = user_records.process_concurrently(16, handle).await;
//!     // If nothing at all could be done, alarms on the function's errors should fire.
//!     Ok(response.error_if_nothing_done()?)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     // Made once, so that a warm function remembers what it has done of a batch that comes again.
//!     let processor = &Processor::new()
//!         .resume(MemoryResume::new())
//!         .on_failure(|failure| eprintln!("{failure}"));
//!     run(service_fn(move |event| function(processor, event))).await
//! }
//! ```
//!
//! Its event source mapping needs `FunctionResponseTypes: [ReportBatchItemFailures]`: without it
//! Lambda ignores the failures in the answer, and **they are lost**. Set limits for its retries, too;
//! [`guide`] says why, and what else aggregation means for the settings of a mapping.
//!
//! Handlers can be tested without Lambda, on a [`TestEvent`].
//!
//! # Events and answers
//!
//! | events | types | user records | answer |
//! |---|---|---|---|
//! | Kinesis event source mapping | [`KinesisEvent`], [`OwnedKinesisEvent`], `aws_lambda_events`' | [`process`], [`process_async`], [`process_json`], [`process_concurrently`], [`process_batch`] | [`BatchResponse`] |
//! | … with a tumbling window | [`KinesisEvent`], [`OwnedKinesisEvent`] | [`process_window`] | [`WindowResponse`] |
//! | EventBridge pipe, target | [`PipesEvent`], [`OwnedPipesEvent`] | as Kinesis | [`BatchResponse`] |
//! | EventBridge pipe, enrichment | [`PipesEvent`], [`OwnedPipesEvent`] | [`flatten`] | a flat array |
//! | Firehose transformation | [`FirehoseEvent`], [`OwnedFirehoseEvent`] | [`transform`] | [`TransformResponse`] |
//!
//! [`process`]: EventUserRecords::process
//! [`process_async`]: EventUserRecords::process_async
//! [`process_json`]: EventUserRecords::process_json
//! [`process_concurrently`]: EventUserRecords::process_concurrently
//! [`process_batch`]: EventUserRecords::process_batch
//! [`process_window`]: EventUserRecords::process_window
//! [`flatten`]: EventUserRecords::flatten
//! [`transform`]: EventUserRecords::transform

mod aws;
mod base64;
mod call;
mod error;
mod event;
mod firehose;
mod json;
mod kinesis;
mod out_of_order;
mod payload;
mod pipes;
mod process;
mod processor;
mod progress;
mod record;
mod response;
mod resume;
mod test_event;
mod transform;
mod user_records;
mod window;

#[doc = include_str!("guide.md")]
pub mod guide {}

pub use error::{
    AfterCut, Error, EventError, Failure, FailureReason, JsonError, JsonProblem, Lost, RecordError,
    RecordErrorKind,
};
pub use firehose::{FirehoseEvent, FirehoseRecord, OwnedFirehoseEvent};
pub use kinesis::{KinesisEvent, KinesisEventRecord, OwnedKinesisEvent, Window};
pub use out_of_order::Handled;
pub use payload::{AnyEvent, Payload, Shape};
pub use pipes::{OwnedPipesEvent, PipesEvent, PipesRecord, PipesUserRecord};
pub use processor::{AfterCutFuture, Processor};
pub use record::{EventRecord, Records, Timestamp};
pub use response::{BatchResponse, Counts, NothingDone};
pub use resume::{
    DEFAULT_MAX_BYTES, DEFAULT_MAX_RECORDS, Done, MemoryResume, ParseDoneError, RecordKey, Resume,
};
pub use test_event::TestEvent;
pub use transform::{TransformResponse, TransformResult, Transformed, TransformedRecord};
pub use user_records::{EventUserRecord, EventUserRecords};
pub use window::{MAX_STATE, WindowResponse};
