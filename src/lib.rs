//! Read and write the record format of the Amazon Kinesis Producer Library (KPL).
//!
//! Producers that use the KPL pack many *user records* into one *Kinesis record*. Only the Kinesis
//! Client Library (KCL, Java) opens them again; everyone else sees bytes that start with
//! `F3 89 9A C2`. This crate reads them exactly as the KCL does, and writes them exactly as the KPL
//! does, with two differences: where the KCL loses user records, this crate says so; and it never
//! makes an aggregate that the KCL would drop.
//!
//! ```toml
//! [dependencies]
//! kinesis-aggregation = "0.1" # cargo add kinesis-aggregation
//! ```
//!
//! | you have | take |
//! |---|---|
//! | a Lambda function | this crate with the feature [`lambda`](#features): [a whole program](lambda#a-whole-function) |
//! | a consumer on AWS's SDK | this crate with the feature [`sdk`](#features): [a whole stream](sdk#a-whole-stream) |
//! | an engine of your own, or another client | this crate as it is: [`engine`] |
//! | a producer | the crate [`kinesis-aggregation-producer`](https://docs.rs/kinesis-aggregation-producer): a whole program on its front page |
//! | a shell, and unreadable bytes | the command [`kagg`](https://crates.io/crates/kagg) |
//! | work on the format itself | [`wire`]: [a whole program](wire#a-whole-program) |
//!
//! Rust 1.89; with the feature `sdk` 1.94.1, which aws-sdk-kinesis needs.
//!
//! # Reading
//!
//! [`deaggregate`] reads one Kinesis record. [`Deaggregator`] reads whole batches (several times faster:
//! hand it a page of `GetRecords` or an event at once), filters by a shard's hash key range, resumes
//! after a checkpoint, and salvages what the KCL gives up on.
//!
//! ```
//! use kinesis_aggregation::{Aggregator, Deaggregator, KinesisRecord, UserRecord};
//!
//! # let mut aggregator = Aggregator::builder().mixing_shards().build()?;
//! # aggregator.push(UserRecord::new("a", "one"))?;
//! # aggregator.push(UserRecord::new("b", "two"))?;
//! # let from_the_stream = aggregator.flush().unwrap();
//! let page: Vec<KinesisRecord> = vec![from_the_stream, KinesisRecord::new("c", "plain")];
//!
//! for (kinesis_record, user_record) in &Deaggregator::new().deaggregate_batch(&page) {
//!     match user_record {
//!         Ok(user_record) => println!("{} bytes", user_record.data().len()),
//!         Err(loss) => eprintln!("the KCL would lose: {loss}"),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`compatibility`] has every rule, side by side with the real KCL and AWS's Node and Python libraries.
//!
//! # Writing
//!
//! [`Aggregator`] packs user records of one hash key (or of one shard) into Kinesis records,
//! [`ShardedAggregator`] those of a whole stream. An aggregate whose user records belong to
//! different shards is dropped by the KCL, all of it, silently; so mixing them takes a call that
//! says so ([`mixing_shards`](AggregatorBuilder::mixing_shards)). Producers that keep something of
//! their own with each user record build on [`packing`].
//!
//! # In an engine of your own
//!
//! [`engine`] is for stream processors, connectors and databases with their own client, offsets and
//! restarts.
//!
//! # The level below
//!
//! For people who know the format, [`wire`] has the frame, the reader's index and the encoder,
//! [`proto`] prost's types for the schema, and [`md5`] many digests at once.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `simd` (default) | [`md5`] digests of many messages at once, in SIMD lanes |
//! | `lambda` | [`lambda`]: events of every Kinesis shape, and the answers that make retries right |
//! | `sdk` | [`sdk`]: reading with aws-sdk-kinesis |
//! | `prost` | [`proto`]: prost's messages for the schema |
//! | `decompress` | [`decompress`]: user records that were compressed one by one |
//! | `serde` | serde's traits for hash keys, hash key ranges, positions and shards |
//!
//! # No panics
//!
//! No input makes this crate panic, and no error or `Debug` shows a record's data or keys.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod aggregate;
mod deaggregate;
#[cfg(feature = "decompress")]
pub mod decompress;
pub mod error;
mod hash_key;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod md5;
pub mod packing;
#[cfg(feature = "prost")]
#[rustfmt::skip]
pub mod proto;
mod record;
#[cfg(feature = "sdk")]
pub mod sdk;
mod sequence;
#[cfg(feature = "serde")]
mod serialize;
mod shard;
mod sharded;
pub mod wire;

pub use aggregate::{
    AggregateError, Aggregator, AggregatorBuilder, DEFAULT_MAX_COUNT, DEFAULT_MAX_RECORD_SIZE,
    DEFAULT_MAX_SIZE, HIGHEST_MAX_RECORD_SIZE, OuterKey,
};
pub use bytestring::ByteString;
pub use deaggregate::{
    Batch, Deaggregated, Deaggregator, Outcome, PlainReason, check_delivery, deaggregate,
};
pub use error::{Loss, LossKind};
pub use hash_key::{HashKey, HashKeyRange};
pub use record::{
    IntoData, KinesisRecord, KinesisRecordRef, OwnedUserRecord, StoredRecord, UserRecord,
    UserRecordRef,
};
pub use sequence::{ExtendedSequenceNumber, SequenceNumber};
pub use shard::{Shard, ShardMap};
pub use sharded::ShardedAggregator;

/// How each library reads the same bytes. A page of documentation, without code.
#[cfg(doc)]
#[doc = include_str!("../docs/COMPATIBILITY.md")]
pub mod compatibility {}

/// For stream processors, connectors and databases. A page of documentation, without code.
#[cfg(doc)]
#[doc = include_str!("../docs/ENGINE.md")]
pub mod engine {}
