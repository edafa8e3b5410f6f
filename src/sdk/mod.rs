//! Adapters for aws-sdk-kinesis: its records read and put without a copy, its shards as [`Shard`]s.
//!
//! # Reading
//!
//! The SDK's [`Record`] is a [`StoredRecord`](crate::StoredRecord), so a page of `GetRecords` and
//! an event of `SubscribeToShard` go into [`deaggregate_batch`](crate::Deaggregator) as they are:
//!
//! ```
//! use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
//! use aws_sdk_kinesis::types::SubscribeToShardEvent;
//! use kinesis_aggregation::{Deaggregator, HashKeyRange};
//!
//! /// `range` is the shard's, see [`Shard`](kinesis_aggregation::Shard).
//! fn of_a_page(page: &GetRecordsOutput, range: HashKeyRange) {
//!     let deaggregator = Deaggregator::new().hash_key_range(range);
//!     for (record, user_record) in &deaggregator.deaggregate_batch(page.records()) {
//!         match user_record {
//!             Ok(user_record) => println!("{} bytes", user_record.data().len()),
//!             Err(loss) => eprintln!("{}: {loss}", record.sequence_number()),
//!         }
//!     }
//! }
//!
//! fn of_an_event(event: &SubscribeToShardEvent) -> usize {
//!     // Owned user records share the memory of the record's `Blob`.
//!     let batch = Deaggregator::new().deaggregate_batch(event.records());
//!     batch.owned_user_records().flat_map(|(_, user_record)| user_record).count()
//! }
//! ```
//!
//! The KCL gives every shard its range, and so should you, on every stream but those with
//! service-managed distribution: there a record's hash key says nothing about its shard.
//! [`list_shards`] tells the shards, closed ones too.
//!
//! # Putting
//!
//! A [`KinesisRecord`](crate::KinesisRecord) turns into a [`PutRecordsRequestEntry`], and back,
//! with the data shared. To put whole streams of user records, take the package
//! `kinesis-aggregation-producer`.
//!
//! [`Record`]: aws_sdk_kinesis::types::Record
//! [`Shard`]: crate::Shard
//! [`PutRecordsRequestEntry`]: aws_sdk_kinesis::types::PutRecordsRequestEntry

mod record;
mod shard;

pub use shard::{ConvertShardError, ShardPages, is_arn, list_shards};
