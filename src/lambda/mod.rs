//! User records in Lambda functions, and answers that make retries right.
//!
//! [`Processor::read`] takes an event and gives its user records:
//!
//! ```
//! use kinesis_aggregation::lambda::{BatchResponse, MemoryResume, OwnedKinesisEvent, Processor};
//!
//! fn handler(processor: &Processor, event: &OwnedKinesisEvent) -> BatchResponse {
//!     processor.read(event).process(|user_record| {
//!         println!("{:?}: {} bytes", user_record.partition_key(), user_record.data().len());
//!         Ok(())
//!     })
//! }
//!
//! // Once, before the first invocation:
//! let processor = Processor::new()
//!     .with_resume(MemoryResume::new())
//!     .on_failure(|failure| eprintln!("{failure}"));
//! # let json = r#"{"Records": [{"kinesis": {"sequenceNumber": "495", "data": "SGVsbG8="}}]}"#;
//! # assert!(handler(&processor, &serde_json::from_str(json)?).is_success());
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! | events | types | user records | answer |
//! |---|---|---|---|
//! | Kinesis event source mapping | [`KinesisEvent`], [`OwnedKinesisEvent`], `aws_lambda_events`' | [`process`], [`process_async`], [`process_concurrently`], [`process_batch`] | [`BatchResponse`] |
//! | … with a tumbling window | [`KinesisEvent`] | [`process_window`] | [`WindowResponse`] |
//! | EventBridge pipe, target | [`PipesEvent`], [`OwnedPipesEvent`] | as Kinesis | [`BatchResponse`] |
//! | EventBridge pipe, enrichment | [`PipesEvent`], [`OwnedPipesEvent`] | [`flatten`] | a flat array |
//! | Firehose transformation | [`FirehoseEvent`], [`OwnedFirehoseEvent`] | [`transform`] | [`TransformResponse`] |
//!
//! What aggregation means for the settings of an event source mapping is on a page of its own:
//! [`guide`].
//!
//! [`process`]: EventUserRecords::process
//! [`process_async`]: EventUserRecords::process_async
//! [`process_concurrently`]: EventUserRecords::process_concurrently
//! [`process_batch`]: EventUserRecords::process_batch
//! [`process_window`]: EventUserRecords::process_window
//! [`flatten`]: EventUserRecords::flatten
//! [`transform`]: EventUserRecords::transform

mod aws;
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
mod timestamp;
mod transform;
mod unwind;
mod user_records;
mod window;

#[doc = include_str!("guide.md")]
pub mod guide {}

pub use error::{
    AfterCut, Error, EventError, Failure, FailureReason, JsonProblem, Lost, RecordError,
    RecordErrorKind,
};
pub use firehose::{FirehoseEvent, FirehoseRecord, OwnedFirehoseEvent};
pub use kinesis::{KinesisEvent, KinesisEventRecord, OwnedKinesisEvent, Window};
pub use out_of_order::Handled;
pub use payload::{AnyEvent, Payload, Shape};
pub use pipes::{OwnedPipesEvent, PipesEvent, PipesRecord, PipesUserRecord};
pub use processor::Processor;
pub use record::{EventRecord, Records};
pub use response::BatchResponse;
pub use resume::{
    DEFAULT_MAX_BYTES, DEFAULT_MAX_RECORDS, Done, MemoryResume, ParseDoneError, RecordKey, Resume,
};
pub use timestamp::Timestamp;
pub use transform::{TransformResponse, TransformResult, TransformedRecord};
pub use user_records::{EventUserRecord, EventUserRecords};
pub use window::{MAX_STATE, StateError, WindowResponse};
