//! A client whose requests are counted.

use bytes::Bytes;
use kinesis_aggregation::{KinesisRecord, Shard};
use kinesis_aggregation_producer::{
    ClientError, ClientErrorKind, RecordError, Stored, StreamClient, StreamDescription,
};

use super::counts::FlowMetrics;
use crate::deliver::{FirehoseClient, FirehoseError};

/// The codes with which Firehose refuses a whole request because it takes no more for now.
const FIREHOSE_THROTTLES: [&str; 2] = ["ServiceUnavailableException", "ThrottlingException"];

/// A client, and where its requests are counted.
pub(crate) struct Metered<C> {
    client: C,
    metrics: FlowMetrics,
}

impl<C> Metered<C> {
    pub(crate) fn new(client: C, metrics: FlowMetrics) -> Self {
        Self { client, metrics }
    }

    fn count<T, R, E>(
        &self,
        lens: &[usize],
        answer: &Result<Vec<Result<T, R>>, E>,
        is_throttled: impl FnOnce(&E) -> bool,
    ) {
        match answer {
            Ok(results) => {
                let stored = lens.iter().zip(results);
                let stored = stored.filter(|(_, result)| result.is_ok());
                self.metrics
                    .answered(lens.len(), stored.map(|(&len, _)| len));
            }
            Err(error) => self.metrics.failed(lens.len(), is_throttled(error)),
        }
    }
}

impl<C: StreamClient> StreamClient for Metered<C> {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let lens: Vec<usize> = records.iter().map(|record| record.data().len()).collect();
        let answer = self.client.put_records(records).await;
        self.count(&lens, &answer, |error| {
            error.kind() == ClientErrorKind::Throttled
        });
        answer
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        self.client.list_shards().await
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        self.client.describe().await
    }

    fn stream_name(&self) -> Option<&str> {
        self.client.stream_name()
    }
}

impl<C: FirehoseClient> FirehoseClient for Metered<C> {
    async fn put_record_batch(
        &self,
        records: Vec<Bytes>,
    ) -> Result<Vec<Result<(), FirehoseError>>, FirehoseError> {
        let lens: Vec<usize> = records.iter().map(Bytes::len).collect();
        let answer = self.client.put_record_batch(records).await;
        self.count(&lens, &answer, |error| {
            FIREHOSE_THROTTLES.contains(&error.code())
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Destination;

    /// Answers with what it is given.
    struct Answers<E>(Result<Vec<bool>, E>);

    impl StreamClient for Answers<fn() -> ClientError> {
        async fn put_records(
            &self,
            _: Vec<KinesisRecord>,
        ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
            let stored = |&is_stored: &bool| match is_stored {
                true => Ok(Stored::new("shardId-0", "1")),
                false => Err(RecordError::new(RecordError::THROTTLED, "")),
            };
            match &self.0 {
                Ok(stored_or_not) => Ok(stored_or_not.iter().map(stored).collect()),
                Err(error) => Err(error()),
            }
        }

        async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
            Err(ClientError::fatal("a list"))
        }

        async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
            Err(ClientError::fatal("a description"))
        }

        fn stream_name(&self) -> Option<&str> {
            Some("logs")
        }
    }

    impl FirehoseClient for Answers<&'static str> {
        async fn put_record_batch(
            &self,
            _: Vec<Bytes>,
        ) -> Result<Vec<Result<(), FirehoseError>>, FirehoseError> {
            let taken = |&is_taken: &bool| match is_taken {
                true => Ok(()),
                false => Err(FirehoseError::new("InternalFailure")),
            };
            match &self.0 {
                Ok(taken_or_not) => Ok(taken_or_not.iter().map(taken).collect()),
                Err(code) => Err(FirehoseError::new(*code)),
            }
        }
    }

    fn metrics() -> FlowMetrics {
        FlowMetrics::new(&Destination::Kinesis("logs".to_owned()))
    }

    /// Bytes sent, records sent, attempts, errors of records, errors of the service.
    fn sums(metrics: &FlowMetrics) -> Vec<f64> {
        let taken = metrics.take();
        taken.iter().map(|one| one.statistic().sum()).collect()
    }

    #[tokio::test]
    async fn requests_to_a_stream_are_counted() {
        type Answer = Result<Vec<bool>, fn() -> ClientError>;
        let cases: [(Answer, [f64; 5]); 4] = [
            (Ok(vec![true, false]), [3.0, 1.0, 2.0, 1.0, 0.0]),
            (Ok(vec![true, true]), [8.0, 2.0, 2.0, 0.0, 0.0]),
            (
                Err(|| ClientError::throttled("")),
                [0.0, 0.0, 2.0, 0.0, 0.0],
            ),
            (Err(|| ClientError::fatal("")), [0.0, 0.0, 2.0, 0.0, 1.0]),
        ];
        for (answer, expected) in cases {
            let metrics = metrics();
            let client = Metered::new(Answers(answer), metrics.clone());
            let records = ["one", "three"].map(|data| KinesisRecord::new("key", data));
            let _ = client.put_records(records.into()).await;
            assert_eq!(sums(&metrics), expected);
        }
    }

    #[tokio::test]
    async fn requests_to_firehose_are_counted() {
        for (answer, expected) in [
            (Ok(vec![false, true]), [5.0, 1.0, 2.0, 1.0, 0.0]),
            (
                Err("ServiceUnavailableException"),
                [0.0, 0.0, 2.0, 0.0, 0.0],
            ),
            (Err("ThrottlingException"), [0.0, 0.0, 2.0, 0.0, 0.0]),
            (Err("ResourceNotFoundException"), [0.0, 0.0, 2.0, 0.0, 1.0]),
        ] {
            let metrics = metrics();
            let client = Metered::new(Answers(answer), metrics.clone());
            let _ = client
                .put_record_batch(["one", "three"].map(Bytes::from).into())
                .await;
            assert_eq!(sums(&metrics), expected);
        }
    }

    #[tokio::test]
    async fn all_else_is_passed_on() {
        let answers = Answers(Ok(Vec::new()) as Result<_, fn() -> ClientError>);
        let client = Metered::new(answers, metrics());
        assert_eq!(client.stream_name(), Some("logs"));
        let listed = client.list_shards().await.expect_err("an error");
        assert_eq!(listed.code(), "a list");
        let described = client.describe().await.expect_err("an error");
        assert_eq!(described.code(), "a description");
    }
}
