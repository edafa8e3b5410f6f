//! The parts of an [`Aggregator`](crate::Aggregator), for producers that keep something of their own
//! with each user record, such as whom to tell when it is stored, or that close many Kinesis records
//! at a time.
//!
//! A [`Buffer`] holds the user records of one Kinesis record, checked against [`Settings`];
//! [`Closed::seal_all`] makes many Kinesis records at once and gives the user records back.
//!
//! ```
//! use std::borrow::{Borrow, BorrowMut};
//!
//! use kinesis_aggregation::packing::{Buffer, Closed, HashKeyCache};
//! use kinesis_aggregation::{Aggregator, UserRecord};
//!
//! struct Entry {
//!     record: UserRecord,
//!     line: usize,
//! }
//!
//! impl Borrow<UserRecord> for Entry {
//!     fn borrow(&self) -> &UserRecord {
//!         &self.record
//!     }
//! }
//!
//! impl BorrowMut<UserRecord> for Entry {
//!     fn borrow_mut(&mut self) -> &mut UserRecord {
//!         &mut self.record
//!     }
//! }
//!
//! let settings = Aggregator::builder().max_size(1000).into_settings()?;
//! let mut hash_keys = HashKeyCache::default();
//! let mut buffer = Buffer::default();
//! let mut closed = Vec::new();
//! for line in 1..=100 {
//!     let record = UserRecord::new("key", format!("line {line}"));
//!     settings.check(&record)?;
//!     let hash_key = hash_keys.hash_key(&record);
//!     if let Err(entry) = buffer.try_push(Entry { record, line }, hash_key, &settings) {
//!         closed.extend(buffer.close(&settings));
//!         buffer.push(entry, hash_key);
//!     }
//! }
//! closed.extend(buffer.close(&settings));
//!
//! let mut lines = Vec::new();
//! for (kinesis_record, entries) in Closed::seal_all(closed) {
//!     assert!(kinesis_record.data().len() <= 1000);
//!     lines.extend(entries.iter().map(|entry| entry.line));
//! }
//! assert!(lines.into_iter().eq(1..=100));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::aggregate::{Buffer, Closed, HashKeyCache, Settings};
