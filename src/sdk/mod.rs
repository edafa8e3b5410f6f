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
//!
//! # A whole stream
//!
//! [`list_shards`] lists the shards, [`Lineage`] says which of them to read now (children wait for
//! their parents, so that each key's records come in order), and a [`ShardReader`] reads one. To
//! resume, keep the position of the last user record that you are done with, shard by shard, and
//! [`Start::After`] it. `tests/embedded/examples/consume.rs` of the project is a whole program, which
//! runs without AWS.
//!
//! ```no_run
//! use std::collections::HashMap;
//!
//! use aws_sdk_kinesis::Client;
//! use kinesis_aggregation::ExtendedSequenceNumber;
//! use kinesis_aggregation::sdk::{Lineage, ListedShard, ShardReader, Start, list_shards};
//!
//! /// Shard by shard: what was read last.
//! type Checkpoints = HashMap<String, ExtendedSequenceNumber>;
//!
//! async fn consume(
//!     client: &Client,
//!     stream: &str,
//!     checkpoints: &mut Checkpoints,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut lineage = Lineage::default();
//!     for shard in list_shards(client, stream).await? {
//!         lineage.learn([ListedShard::try_from(&shard)?]);
//!     }
//!     loop {
//!         let shards = lineage.start();
//!         if shards.is_empty() {
//!             return Ok(());
//!         }
//!         // One after another, for brevity: spawn a task for each, and they are read at once.
//!         for shard in shards {
//!             let id = shard.id().to_owned();
//!             let start = match checkpoints.get(&id) {
//!                 Some(position) => Start::After(position.clone()),
//!                 None => Start::TrimHorizon,
//!             };
//!             let mut reader = ShardReader::new(client.clone(), stream, shard, start);
//!             while let Some(page) = reader.next_page().await? {
//!                 let batch = reader.deaggregator().deaggregate_batch(page.records());
//!                 for (_, user_record) in &batch {
//!                     let user_record = user_record?; // a loss: the KCL would lose it, too
//!                     println!("{} bytes", user_record.data().len());
//!                     checkpoints.extend(user_record.position().map(|position| (id.clone(), position)));
//!                 }
//!                 tokio::time::sleep(reader.pause()).await;
//!             }
//!             lineage.finish(&id);
//!             lineage.learn(reader.children().iter().cloned());
//!         }
//!     }
//! }
//! ```
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

mod lineage;
mod reader;
mod record;
mod shard;

pub use lineage::{Lineage, ListedShard};
pub use reader::{ReadShardError, ShardReader, Start};
pub use shard::{ConvertShardError, ShardPages, is_arn, list_shards};
