//! `ShardReader`: where a page is asked for, and asked for again.

use std::sync::{Arc, Mutex};

use kinesis_aggregation::sdk::{ReadShardError, ShardReader, Start};
use kinesis_aggregation::{
    Aggregator, ExtendedSequenceNumber, HashKeyRange, KinesisRecord, Shard, UserRecord,
};
use kinesis_aggregation_embedded::{Fault, Kinesis};
use kinesis_aggregation_producer::StreamClient;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use serde_json::Value;

const STREAM: &str = "orders";

async fn put(kinesis: &Kinesis, records: Vec<KinesisRecord>) {
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    let results = client.put_records(records).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
}

/// Three aggregates of 41 user records, numbered.
async fn kinesis() -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    let mut aggregator = Aggregator::builder().max_count(41).build().unwrap();
    let user_records = (0..123).map(|number| UserRecord::new("key", number.to_string()));
    put(&kinesis, aggregator.aggregate_batch(user_records).0).await;
    kinesis
}

fn reader(kinesis: &Kinesis, start: Start) -> ShardReader {
    let shard = Shard::open("shardId-000000000000", HashKeyRange::FULL);
    ShardReader::new(kinesis.client(), STREAM, shard, start)
}

async fn page(reader: &mut ShardReader) -> Vec<(usize, ExtendedSequenceNumber)> {
    let page = reader.next_page().await.unwrap().unwrap();
    let batch = reader.deaggregator().deaggregate_batch(page.records());
    let user_records = batch.user_records().map(|(_, user_record)| {
        let user_record = user_record.unwrap();
        let number = std::str::from_utf8(user_record.data()).unwrap();
        (number.parse().unwrap(), user_record.position().unwrap())
    });
    user_records.collect()
}

fn numbers(page: &[(usize, ExtendedSequenceNumber)]) -> Vec<usize> {
    page.iter().map(|(number, _)| *number).collect()
}

#[tokio::test]
async fn reading_resumes_after_any_user_record() {
    let kinesis = kinesis().await;
    let all = page(&mut reader(&kinesis, Start::TrimHorizon)).await;
    assert_eq!(numbers(&all), (0..123).collect::<Vec<_>>());
    for last in [0, 1, 2, 39, 40, 41, 121, 122] {
        let start = Start::After(all[last].1.clone());
        let rest = page(&mut reader(&kinesis, start)).await;
        assert_eq!(numbers(&rest), (last + 1..123).collect::<Vec<_>>());
    }
}

/// Types of the iterators that were asked for.
fn iterators(
    kinesis: &Kinesis,
    mut fault: impl FnMut(&str) -> Fault + Send + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let types = Arc::clone(&asked);
    kinesis.inject(move |request| {
        if let Value::String(of) = &request.body["ShardIteratorType"] {
            types.lock().unwrap().push(of.clone());
        }
        fault(&request.operation)
    });
    asked
}

const EXPIRED: Fault = Fault::Error(400, "ExpiredIteratorException", "too old");

/// An iterator of the latest records that expires before one came must not skip what came since.
#[tokio::test]
async fn an_expired_iterator_of_the_latest_skips_nothing() {
    let kinesis = kinesis().await;
    let mut reads = 0;
    let asked = iterators(&kinesis, move |operation| {
        reads += usize::from(operation == "GetRecords");
        if operation == "GetRecords" && reads == 2 {
            EXPIRED
        } else {
            Fault::None
        }
    });
    let mut reader = reader(&kinesis, Start::Latest);
    assert_eq!(page(&mut reader).await, []);
    put(&kinesis, vec![KinesisRecord::new("key", "123")]).await;
    // A time is in milliseconds: what was put just before may come too.
    assert_eq!(numbers(&page(&mut reader).await).last(), Some(&123));
    assert_eq!(*asked.lock().unwrap(), ["LATEST", "AT_TIMESTAMP"]);
}

#[tokio::test]
async fn an_expired_iterator_goes_on_after_the_last_page() {
    let kinesis = kinesis().await;
    let mut reads = 0;
    let asked = iterators(&kinesis, move |operation| {
        reads += usize::from(operation == "GetRecords");
        if operation == "GetRecords" && reads == 2 {
            EXPIRED
        } else {
            Fault::None
        }
    });
    let mut reader = reader(&kinesis, Start::TrimHorizon);
    assert_eq!(page(&mut reader).await.len(), 123);
    put(&kinesis, vec![KinesisRecord::new("key", "123")]).await;
    assert_eq!(numbers(&page(&mut reader).await), [123]);
    assert_eq!(
        *asked.lock().unwrap(),
        ["TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"]
    );
}

/// One that always expires ends in an error, not in a loop.
#[tokio::test]
async fn an_iterator_that_expires_at_once_is_an_error() {
    let kinesis = kinesis().await;
    let asked = iterators(&kinesis, |operation| match operation {
        "GetRecords" => EXPIRED,
        _ => Fault::None,
    });
    let mut reader = reader(&kinesis, Start::TrimHorizon);
    let error = reader.next_page().await.unwrap_err();
    assert!(matches!(error, ReadShardError::Records(_)), "{error:?}");
    assert_eq!(asked.lock().unwrap().len(), 1);
}
