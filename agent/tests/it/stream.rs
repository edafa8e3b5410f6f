//! A stream in memory that fails on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, LossKind, Shard};
use kinesis_aggregation_agent::{FirehoseClient, FirehoseError};
use kinesis_aggregation_producer::{
    ClientError, RecordError, Stored, StreamClient, StreamDescription,
};
use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(crate) struct Stream(Arc<Mutex<State>>, Arc<Notify>);

#[derive(Default)]
struct State {
    records: Vec<KinesisRecord>,
    /// Two shards, and whatever has a hash key lands in the one where it does not belong.
    picks_shards: bool,
    requests: u64,
    fails: bool,
    panics: bool,
    throttles: bool,
    forgets: bool,
    /// The records and the bytes of the largest request to Firehose.
    largest: (usize, usize),
}

/// The shards of a stream that picks the shards itself.
fn two_shards() -> [Shard; 2] {
    let middle = u128::MAX / 2;
    [(0, middle), (middle + 1, u128::MAX)].map(|(start, end)| {
        let range = HashKeyRange::new(HashKey::new(start), HashKey::new(end)).expect("in order");
        let number = u8::from(start > 0);
        Shard::open(format!("shardId-00000000000{number}"), range)
    })
}

/// A shard that does not hold a record's hash key; the first for a record that has none.
fn wrong_shard(record: &KinesisRecord) -> Shard {
    let of_key = || record.partition_key().map(HashKey::of_partition_key);
    let hash_key = record.explicit_hash_key().or_else(of_key);
    let [first, second] = two_shards();
    let belongs = hash_key.is_some_and(|hash_key| first.hash_key_range().contains(hash_key));
    if belongs { second } else { first }
}

impl Stream {
    /// A stream with service-managed distribution.
    pub(crate) fn service_managed() -> Self {
        let stream = Self::default();
        stream.0.lock().expect("not poisoned").picks_shards = true;
        stream
    }

    /// From now on every third record is throttled and every fourth request refused.
    pub(crate) fn fail(&self) {
        self.0.lock().expect("not poisoned").fails = true;
    }

    /// From now on every request panics.
    pub(crate) fn panic(&self) {
        self.0.lock().expect("not poisoned").panics = true;
    }

    /// Throttles every record from now on, or no longer.
    pub(crate) fn throttle(&self, throttles: bool) {
        self.0.lock().expect("not poisoned").throttles = throttles;
    }

    /// Forgets the last record of the next request to Firehose, and answers for the others only.
    pub(crate) fn forget(&self) {
        self.0.lock().expect("not poisoned").forgets = true;
    }

    /// The records and the bytes of the largest request to Firehose.
    pub(crate) fn largest(&self) -> (usize, usize) {
        self.0.lock().expect("not poisoned").largest
    }

    /// Waits until something was asked of it.
    pub(crate) async fn wait_for_request(&self) {
        while self.0.lock().expect("not poisoned").requests == 0 {
            self.1.notified().await;
        }
    }

    /// Waits until this is the only handle: every client of the stream is gone.
    pub(crate) async fn wait_until_unused(&self) {
        let unused = async {
            while Arc::strong_count(&self.0) > 1 {
                tokio::task::yield_now().await;
            }
        };
        let unused = tokio::time::timeout(Duration::from_secs(20), unused).await;
        unused.expect("a client goes on");
    }

    pub(crate) fn records(&self) -> Vec<KinesisRecord> {
        self.0.lock().expect("not poisoned").records.clone()
    }

    /// Waits until so many different lines have come.
    pub(crate) async fn wait_for(&self, lines: usize) {
        let come = async {
            while self.lines().len() < lines {
                self.1.notified().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), come)
            .await
            .is_err()
        {
            panic!("{} of {lines} lines came", self.lines().len());
        }
    }

    /// How often each line came, as a KCL reads it: what does not belong to the shard is dropped.
    pub(crate) fn lines(&self) -> HashMap<Bytes, usize> {
        let mut lines = HashMap::new();
        let picks_shards = self.0.lock().expect("not poisoned").picks_shards;
        for record in self.records() {
            let range = match picks_shards {
                true => wrong_shard(&record).hash_key_range(),
                false => HashKeyRange::FULL,
            };
            let opened = Deaggregator::new()
                .hash_key_range(range)
                .deaggregate(&record);
            for user_record in opened.user_records() {
                let user_record = match user_record {
                    Ok(user_record) => user_record,
                    Err(loss) if *loss.kind() == LossKind::OutOfRange => continue,
                    Err(loss) => panic!("{loss}"),
                };
                let data = Bytes::copy_from_slice(user_record.data());
                *lines.entry(data).or_default() += 1;
            }
        }
        lines
    }
}

impl StreamClient for Stream {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let panics = self.0.lock().expect("not poisoned").panics;
        assert!(!panics, "a panic that the test asked for");
        let mut state = self.0.lock().expect("not poisoned");
        state.requests += 1;
        if state.fails && state.requests.is_multiple_of(4) {
            return Err(ClientError::fatal("AccessDeniedException"));
        }
        let mut results = Vec::new();
        for (index, record) in records.into_iter().enumerate() {
            if state.throttles || (state.fails && index % 3 == 2) {
                results.push(Err(RecordError::new(RecordError::THROTTLED, "")));
            } else {
                let shard = match state.picks_shards {
                    true => wrong_shard(&record),
                    false => Shard::open("shardId-000000000000", HashKeyRange::FULL),
                };
                results.push(Ok(Stored::new(shard.id(), "1")));
                state.records.push(record);
            }
        }
        drop(state);
        self.1.notify_one();
        Ok(results)
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        Ok(match self.0.lock().expect("not poisoned").picks_shards {
            true => two_shards().into(),
            false => vec![Shard::open("shardId-000000000000", HashKeyRange::FULL)],
        })
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        Ok(None)
    }
}

impl FirehoseClient for Stream {
    async fn put_record_batch(
        &self,
        mut records: Vec<Bytes>,
    ) -> Result<Vec<Result<(), FirehoseError>>, FirehoseError> {
        {
            let mut state = self.0.lock().expect("not poisoned");
            let bytes = records.iter().map(Bytes::len).sum();
            state.largest.0 = state.largest.0.max(records.len());
            state.largest.1 = state.largest.1.max(bytes);
            if std::mem::take(&mut state.forgets) {
                records.pop();
            }
        }
        let records = records
            .into_iter()
            .map(|data| KinesisRecord::new("key", data));
        let results = self.put_records(records.collect()).await;
        let results = results.map_err(|_| FirehoseError::new("ServiceUnavailableException"))?;
        let taken = |result: Result<Stored, RecordError>| {
            result
                .map(|_| ())
                .map_err(|error| FirehoseError::new(error.code()))
        };
        Ok(results.into_iter().map(taken).collect())
    }
}
