//! A producer that is faster than its link, or than its shards: it is slowed, and loses nothing.
//!
//! `LOAD_SECONDS` sets how long (about 8 each). By hand, ten minutes of throttling (2026-11-25):
//! 614,400 user records of 1 KiB in 637 s, all delivered, 196,086 of them not at the first try.

use std::env;
use std::time::{Duration, Instant};

use ferrokinesis::store::StoreOptions;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_embedded::{Kinesis, ThinLink, client, read_all};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{Delivery, Producer};

const STREAM: &str = "orders";
const RECORD: usize = 1024;

fn seconds() -> u64 {
    let seconds = env::var("LOAD_SECONDS").ok();
    seconds.map_or(8, |text| text.parse().expect("a number"))
}

/// Puts as fast as there is room, and returns how many were delivered, and how many were not.
async fn put_all(producer: &Producer, count: usize) -> (usize, usize) {
    let started = Instant::now();
    let mut deliveries: Vec<Delivery> = Vec::new();
    for number in 0..count {
        let data = format!("{number:<RECORD$}");
        let record = UserRecord::new(format!("key {number}"), data);
        deliveries.push(producer.put(record).await.expect("accepted"));
    }
    producer.close().await.expect("in time");
    let (mut delivered, mut failed, mut again) = (0, 0, 0);
    for delivery in deliveries {
        match delivery.await {
            Ok(place) => {
                delivered += 1;
                again += usize::from(place.attempts().count() > 1);
            }
            Err(error) => {
                if failed == 0 {
                    println!("{error}");
                }
                failed += 1;
            }
        }
    }
    println!(
        "{count} user records of {RECORD} bytes in {:.1} s: {delivered} delivered, {again} of them \
         not at the first try, {failed} failed",
        started.elapsed().as_secs_f64()
    );
    (delivered, failed)
}

/// Records of JSON and base64 are a third larger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_10_mbit_a_second_delivers_all_that_is_accepted() {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 16).await;
    let link = ThinLink::start(kinesis.address(), 10_000_000).await;
    let client = SdkStreamClient::new(client(&link.url()), STREAM);
    let producer = Producer::builder().build(client).expect("a runtime");
    let count = usize::try_from(seconds()).expect("small") * 10_000_000 / 8 * 3 / 4 / RECORD;
    assert_eq!(put_all(&producer, count).await, (count, 0));
    let reading = read_all(&kinesis.client(), STREAM).await;
    assert!(reading.user_records.len() >= count && reading.losses.is_empty());
}

/// One shard takes a MiB a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_throttles_delivers_all_that_is_accepted() {
    let options = StoreOptions {
        enforce_limits: true,
        ..StoreOptions::default()
    };
    let kinesis = Kinesis::start_with(options).await;
    kinesis.create_stream(STREAM, 1).await;
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    let builder = Producer::builder().record_ttl(Duration::from_secs(30));
    let producer = builder.build(client).expect("a runtime");
    let count = usize::try_from(seconds()).expect("small") * 1024 * 1024 / RECORD;
    assert_eq!(put_all(&producer, count).await, (count, 0));
    let reading = read_all(&kinesis.client(), STREAM).await;
    assert_eq!(
        (reading.user_records.len(), reading.losses.len()),
        (count, 0)
    );
}
