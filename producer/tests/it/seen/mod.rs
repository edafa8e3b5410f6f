//! What is seen of a producer from outside: metrics and spans.

mod facade;
mod recorded;
mod spans;

use std::collections::VecDeque;
use std::sync::Mutex;

use kinesis_aggregation::{HashKeyRange, KinesisRecord, Shard, UserRecord};
use kinesis_aggregation_producer::{
    ClientError, Producer, ProducerBuilder, RecordError, Stored, StreamClient, StreamDescription,
};

/// In every record's key and data; nowhere else.
const SECRET: &str = "secret";

/// What a request is answered with.
#[derive(Clone, Copy)]
enum Answer {
    /// The request fails.
    Request(&'static str),
    /// Each record does.
    Records(&'static str),
    /// All is stored.
    Stored,
}

/// A stream of one shard.
struct Stream(Mutex<VecDeque<Answer>>);

impl StreamClient for Stream {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let answer = self.0.lock().expect("no panic").pop_front();
        let answer = answer.unwrap_or(Answer::Stored);
        let one = |_| match answer {
            Answer::Request(code) => Err(ClientError::retry(code, false)),
            Answer::Records(code) => Ok(Err(RecordError::new(code, "no"))),
            Answer::Stored => Ok(Ok(Stored::new("shardId-000000000000", "1"))),
        };
        records.iter().map(one).collect()
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        let id = "shardId-000000000000";
        Ok(vec![Shard::open(id, HashKeyRange::FULL)])
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        Ok(None)
    }
}

/// Puts three user records of 106 bytes through these answers: delivered in one Kinesis record.
async fn put_three(builder: ProducerBuilder, answers: &[Answer]) -> Producer {
    let stream = Stream(Mutex::new(answers.iter().copied().collect()));
    let builder = builder.stream_name("orders").seed(1);
    let producer = builder.build(stream).expect("a runtime");
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let record = UserRecord::new(SECRET, format!("{SECRET}{}", "x".repeat(100)));
        deliveries.push(producer.put(record).await.expect("accepted"));
    }
    for delivery in deliveries {
        delivery.await.expect("delivered");
    }
    producer.close().await.expect("in time");
    producer
}
