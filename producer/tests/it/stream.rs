//! A stream of one shard, for the handle's tests.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinesis_aggregation::{HashKeyRange, KinesisRecord, Shard, UserRecord, deaggregate};
use kinesis_aggregation_producer::{
    ClientError, Producer, ProducerBuilder, RecordDistribution, RecordError, Stored, StreamClient,
    StreamDescription,
};
use tokio::sync::Semaphore;

/// What a request is answered with, if not that all is stored.
pub(super) enum Answer {
    Never,
    Panic,
    /// When there is a permit.
    Gate,
    /// The request fails.
    Error(ClientError),
    /// Each record does.
    Records(RecordError),
}

#[derive(Default)]
pub(super) struct State {
    pub(super) stored: Vec<KinesisRecord>,
    pub(super) requests: usize,
    pub(super) answers: VecDeque<Answer>,
    pub(super) service_managed: bool,
    /// How long it takes to list the shards and to describe the stream, each.
    pub(super) slow: Duration,
    /// How many of those calls panic before one does not.
    pub(super) panics: usize,
}

/// A stream of one shard.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) gate: Arc<Semaphore>,
    name: Option<&'static str>,
}

impl Stream {
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let state = State {
            answers: answers.into_iter().collect(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            gate: Arc::new(Semaphore::new(0)),
            name: None,
        }
    }

    pub(super) fn named(name: &'static str) -> Self {
        Self {
            name: Some(name),
            ..Self::new([])
        }
    }

    pub(super) fn service_managed() -> Self {
        let stream = Self::new([]);
        stream.state.lock().expect("no panic").service_managed = true;
        stream
    }

    /// Answers one request more like this.
    pub(super) fn answer(&self, answer: Answer) {
        let mut state = self.state.lock().expect("no panic");
        state.answers.push_back(answer);
    }

    async fn pause(&self) {
        let slow = self.state.lock().expect("no panic").slow;
        tokio::time::sleep(slow).await;
        let panics = {
            let mut state = self.state.lock().expect("no panic");
            let panics = state.panics > 0;
            state.panics = state.panics.saturating_sub(1);
            panics
        };
        assert!(!panics, "this client breaks, as it should");
    }

    /// The data of all user records that it stores.
    pub(super) fn read(&self) -> Vec<String> {
        let state = self.state.lock().expect("no panic");
        let mut all = Vec::new();
        for record in &state.stored {
            for read in &deaggregate(record.partition_key(), record.data()) {
                let read = read.expect("no loss");
                all.push(String::from_utf8_lossy(read.data()).into_owned());
            }
        }
        all
    }
}

impl StreamClient for Stream {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let answer = self.state.lock().expect("no panic").answers.pop_front();
        match answer {
            Some(Answer::Never) => pending().await,
            Some(Answer::Panic) => panic!("this client breaks, as it should"),
            Some(Answer::Gate) => self.gate.acquire().await.expect("open").forget(),
            Some(Answer::Error(error)) => return Err(error),
            Some(Answer::Records(error)) => {
                return Ok(records.iter().map(|_| Err(error.clone())).collect());
            }
            None => {}
        }
        let mut state = self.state.lock().expect("no panic");
        state.requests += 1;
        let mut results = Vec::new();
        for record in records {
            state.stored.push(record);
            let sequence_number = state.stored.len().to_string();
            results.push(Ok(Stored::new("shardId-000000000000", sequence_number)));
        }
        Ok(results)
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        self.pause().await;
        Ok(vec![Shard::open(
            "shardId-000000000000",
            HashKeyRange::FULL,
        )])
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        self.pause().await;
        let service_managed = self.state.lock().expect("no panic").service_managed;
        let distribution = if service_managed {
            RecordDistribution::ServiceManaged
        } else {
            RecordDistribution::ByKey
        };
        Ok(Some(StreamDescription::new(distribution)))
    }

    fn stream_name(&self) -> Option<&str> {
        self.name
    }
}

pub(super) fn record(data: &str) -> UserRecord {
    UserRecord::new("key", data.to_owned())
}

/// Room for one user record.
pub(super) fn narrow() -> ProducerBuilder {
    Producer::builder().max_pending_records(1)
}
