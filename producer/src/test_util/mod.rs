//! A stream in memory, for tests of programs that put on one.
//!
//! ```
//! use kinesis_aggregation::UserRecord;
//! use kinesis_aggregation_producer::Producer;
//! use kinesis_aggregation_producer::test_util::{Fault, MemoryStream};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stream = MemoryStream::new(2);
//! let producer = Producer::builder().build(stream.clone())?;
//! stream.next(Fault::LoseAnswer); // all is stored, and no answer comes
//! let mut deliveries = Vec::new();
//! for number in 0..10 {
//!     let record = UserRecord::new(format!("customer-{number}"), "an order");
//!     deliveries.push(producer.put(record).await?);
//! }
//! producer.flush().await?;
//! for delivery in deliveries {
//!     let delivered = delivery.await?;
//!     assert_eq!(delivered.attempts().count(), 2);
//! }
//! // Each is there twice now, as on a real stream.
//! assert_eq!(stream.read().len(), 20);
//! # Ok(())
//! # }
//! ```
//!
//! With tokio's paused clock (`#[tokio::test(start_paused = true)]`) no test of it takes time.

mod shards;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kinesis_aggregation::{DEFAULT_MAX_RECORD_SIZE, Deaggregator, HashKey, KinesisRecord, Shard};
use tokio::time::{Instant, sleep};

use super::client::{
    ClientError, RecordDistribution, RecordError, Stored, StreamClient, StreamDescription,
};
use super::lock::lock;
use shards::Shards;
pub use shards::{ReshardError, StoredRecord};

/// The service's limits for one request.
const MAX_RECORDS: usize = 500;
const MAX_REQUEST_SIZE: usize = 10 * 1024 * 1024;
const MAX_KEY_CHARS: usize = 256;

/// Something that goes wrong with a `PutRecords` request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It is throttled as a whole: nothing is stored.
    Throttle,
    /// Each of its records is throttled: nothing is stored.
    ThrottleRecords,
    /// Nothing is stored, and no answer comes, until the producer gives up waiting.
    LoseRequest,
    /// All is stored, and no answer comes.
    LoseAnswer,
    /// It is answered with this error; nothing is stored.
    Fail(ClientError),
    /// It waits so long, and then goes through.
    Delay(Duration),
}

struct State {
    shards: Shards,
    created: SystemTime,
    distribution: RecordDistribution,
    may_describe: bool,
    is_there: bool,
    max_record_size: usize,
    shard_limit: Option<u32>,
    faults: VecDeque<Fault>,
    requests: usize,
    /// The last one that was given.
    sequence_number: u128,
    stored: Vec<StoredRecord>,
}

/// A stream in memory: it places records as Kinesis does, and fails on demand.
///
/// Cheap to clone; all clones are the same stream. Without any setting it goes by keys, takes
/// records of up to 1 MiB, and has no limit for a shard.
///
/// It refuses what the service refuses: more than 500 records or 10 MiB in a request, a record that
/// is too large, a partition key of more than 256 characters, and, where it goes by keys, a record
/// without one.
#[derive(Clone)]
pub struct MemoryStream(Arc<Mutex<State>>);

impl MemoryStream {
    /// A stream of so many shards, at least one, the hash keys divided evenly among them.
    pub fn new(shards: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            shards: Shards::new(shards),
            created: SystemTime::now(),
            distribution: RecordDistribution::ByKey,
            may_describe: true,
            is_there: true,
            max_record_size: DEFAULT_MAX_RECORD_SIZE,
            shard_limit: None,
            faults: VecDeque::new(),
            requests: 0,
            sequence_number: 10_u128.pow(20),
            stored: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// From now on it chooses the shard of a record like this.
    pub fn set_distribution(&self, distribution: RecordDistribution) {
        self.lock().distribution = distribution;
    }

    /// Whether `DescribeStreamSummary` is permitted.
    pub fn set_may_describe(&self, may_describe: bool) {
        self.lock().may_describe = may_describe;
    }

    /// The most bytes of a record, data and partition key.
    pub fn set_max_record_size(&self, bytes: usize) {
        self.lock().max_record_size = bytes;
    }

    /// So many Kinesis records a second each shard takes, by tokio's clock; `None` is no limit.
    pub fn set_shard_limit(&self, records_per_second: Option<u32>) {
        self.lock().shard_limit = records_per_second;
    }

    /// The next request that no other fault waits for has this one.
    pub fn next(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    /// Returns all shards, closed ones too.
    pub fn shards(&self) -> Vec<Shard> {
        self.lock().shards.list()
    }

    /// Splits an open shard in the middle. Returns the ids of the new ones.
    ///
    /// # Errors
    ///
    /// [`NoSuchShard`](ReshardError::NoSuchShard) and [`TooNarrow`](ReshardError::TooNarrow).
    pub fn split(&self, shard_id: &str) -> Result<[String; 2], ReshardError> {
        self.lock().shards.split(shard_id)
    }

    /// Merges two open shards that are neighbours. Returns the id of the new one.
    ///
    /// # Errors
    ///
    /// [`NoSuchShard`](ReshardError::NoSuchShard) and [`NotAdjacent`](ReshardError::NotAdjacent).
    pub fn merge(&self, one: &str, other: &str) -> Result<String, ReshardError> {
        self.lock().shards.merge(one, other)
    }

    /// Deletes it, with all that it holds. Until it is [created again](Self::create_again), every
    /// call is answered with `ResourceNotFoundException`.
    pub fn delete(&self) {
        let mut state = self.lock();
        state.is_there = false;
        state.stored.clear();
    }

    /// Deletes it, and creates it again under its name: the ids of its so many shards start at 0
    /// again, and sequence numbers go on.
    pub fn create_again(&self, shards: u32) {
        self.delete();
        let mut state = self.lock();
        state.is_there = true;
        state.shards = Shards::new(shards);
        // Later than before, however coarse the clock is.
        state.created = SystemTime::now().max(state.created + Duration::from_secs(1));
    }

    /// Returns how many `PutRecords` requests came, those with a fault too.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// Returns the Kinesis records that it holds, in the order in which they were stored.
    pub fn stored(&self) -> Vec<StoredRecord> {
        self.lock().stored.clone()
    }

    /// Returns the data of the user records that it holds, as a KCL reads them: an aggregate with a
    /// user record from outside its shard's range is dropped as a whole, unless the distribution is
    /// service-managed, where a range says nothing.
    pub fn read(&self) -> Vec<Bytes> {
        let state = self.lock();
        let mut all = Vec::new();
        for stored in &state.stored {
            let range = state.shards.range(&stored.shard_id);
            let range = range.filter(|_| state.distribution == RecordDistribution::ByKey);
            let any = Deaggregator::new();
            let reader = range.map_or(any, |range| Deaggregator::new().hash_key_range(range));
            let read = reader.deaggregate(&stored.record);
            let user_records = read.user_records().flatten();
            all.extend(user_records.map(|one| Bytes::copy_from_slice(one.data())));
        }
        all
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryStream")
            .field("shards", &state.shards.list())
            .field("distribution", &state.distribution)
            .field("stored", &state.stored.len())
            .finish_non_exhaustive()
    }
}

type PutAnswer = Result<Vec<Result<Stored, RecordError>>, ClientError>;

impl State {
    fn check_there(&self) -> Result<(), ClientError> {
        if self.is_there {
            Ok(())
        } else {
            Err(ClientError::no_stream("ResourceNotFoundException"))
        }
    }

    /// Checks what the service checks; one bad record fails the whole request.
    fn check(&self, records: &[KinesisRecord]) -> Result<(), ClientError> {
        let invalid =
            |why: &'static str| Err(ClientError::invalid("ValidationException").with_source(why));
        let by_key = self.distribution == RecordDistribution::ByKey;
        if records.is_empty() || records.len() > MAX_RECORDS {
            return invalid("the request has no records, or more than 500");
        }
        if records.iter().map(KinesisRecord::size).sum::<usize>() > MAX_REQUEST_SIZE {
            return invalid("the request has more than 10 MiB");
        }
        for record in records {
            if record.size() > self.max_record_size {
                return invalid("a record is too large");
            }
            match record.partition_key().map(|key| key.chars().count()) {
                Some(1..=MAX_KEY_CHARS) => {}
                None if !by_key => {}
                None => return invalid("a record has no partition key"),
                Some(_) => return invalid("a partition key has not 1 to 256 characters"),
            }
        }
        Ok(())
    }

    fn put(&mut self, now: Instant, records: Vec<KinesisRecord>) -> PutAnswer {
        self.check_there()?;
        self.check(&records)?;
        let results = records.into_iter().map(|record| self.store(now, record));
        Ok(results.collect())
    }

    fn store(&mut self, now: Instant, record: KinesisRecord) -> Result<Stored, RecordError> {
        let of_key = || record.partition_key().map(HashKey::of_partition_key);
        let at = match self.distribution {
            RecordDistribution::ByKey => record
                .explicit_hash_key()
                .or_else(of_key)
                .and_then(|hash_key| self.shards.owner(hash_key)),
            RecordDistribution::ServiceManaged => self.shards.any(self.stored.len()),
        };
        // The open shards always own all hash keys.
        let at = at.ok_or_else(|| RecordError::new("InternalFailure", ""))?;
        let limit = self.shard_limit;
        if limit.is_some_and(|limit| !self.shards.takes(at, now, limit)) {
            return Err(throttled());
        }
        self.sequence_number += 1;
        let sequence_number = self.sequence_number.to_string();
        let shard_id = self.shards.id(at).to_owned();
        self.stored.push(StoredRecord {
            shard_id: shard_id.clone(),
            sequence_number: sequence_number.clone(),
            record,
        });
        Ok(Stored::new(shard_id, sequence_number))
    }
}

fn throttled() -> RecordError {
    RecordError::new(RecordError::THROTTLED, "Rate exceeded for shard")
}

impl StreamClient for MemoryStream {
    async fn put_records(&self, records: Vec<KinesisRecord>) -> PutAnswer {
        let fault = {
            let mut state = self.lock();
            state.requests += 1;
            state.faults.pop_front()
        };
        match fault {
            None => {}
            Some(Fault::Throttle) => return Err(ClientError::throttled("ThrottlingException")),
            Some(Fault::ThrottleRecords) => {
                return Ok(records.iter().map(|_| Err(throttled())).collect());
            }
            Some(Fault::LoseRequest) => return std::future::pending().await,
            Some(Fault::LoseAnswer) => {
                let _ = self.lock().put(Instant::now(), records);
                return std::future::pending().await;
            }
            Some(Fault::Fail(error)) => return Err(error),
            Some(Fault::Delay(time)) => sleep(time).await,
        }
        self.lock().put(Instant::now(), records)
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        let state = self.lock();
        state.check_there()?;
        Ok(state.shards.list())
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        let state = self.lock();
        state.check_there()?;
        let description = StreamDescription::new(state.distribution)
            .with_max_record_size(state.max_record_size)
            .with_creation_time(state.created);
        Ok(state.may_describe.then_some(description))
    }

    fn stream_name(&self) -> Option<&str> {
        Some("memory")
    }
}
