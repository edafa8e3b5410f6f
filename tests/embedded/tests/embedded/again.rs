//! A stream that is deleted and created again under its name, over real HTTP.

use std::time::Duration;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_embedded::{Kinesis, read_all, wait_until_active};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{Delivered, Delivery, Producer};

const STREAM: &str = "orders";

async fn create(kinesis: &Kinesis, shards: i32) {
    kinesis.create_stream(STREAM, shards).await;
}

async fn delete(kinesis: &Kinesis) {
    let client = kinesis.client();
    let delete = client.delete_stream().stream_name(STREAM);
    delete.send().await.expect("deleted");
    while client
        .describe_stream_summary()
        .stream_name(STREAM)
        .send()
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
}

async fn put(producer: &Producer, life: &str, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for number in 0..count {
        let record = UserRecord::new(format!("key {number}"), format!("{life} {number}"));
        deliveries.push(producer.put(record).await.expect("accepted"));
    }
    deliveries
}

/// All that was told delivered is where it was told, as a KCL reads it.
async fn assert_there(kinesis: &Kinesis, life: &str, places: &[Delivered]) {
    let reading = read_all(&kinesis.client(), STREAM).await;
    for (number, place) in places.iter().enumerate() {
        let data = format!("{life} {number}");
        let there = reading.user_records.iter().any(|read| {
            read.data == data
                && read.shard_id == place.shard_id()
                && read.sequence_number == place.sequence_number()
                && read.sub_sequence_number == place.sub_sequence_number()
        });
        assert!(there, "{data} is not at {place:?}: {:?}", reading.losses);
    }
}

async fn places(deliveries: Vec<Delivery>) -> Vec<Delivered> {
    let mut places = Vec::new();
    for delivery in deliveries {
        places.push(delivery.await.expect("delivered"));
    }
    places
}

fn producer(kinesis: &Kinesis) -> Producer {
    let client = SdkStreamClient::new(kinesis.client(), STREAM);
    Producer::builder().build(client).expect("a runtime")
}

/// Its shards have the same ids and other ranges.
#[tokio::test]
async fn a_stream_made_again_without_traffic_in_the_gap_loses_nothing_that_was_told_delivered() {
    for (before, after) in [(2, 5), (5, 2), (1, 4), (4, 1)] {
        let kinesis = Kinesis::start().await;
        create(&kinesis, before).await;
        let producer = producer(&kinesis);
        let first = places(put(&producer, "first", 200).await).await;
        assert_there(&kinesis, "first", &first).await;
        delete(&kinesis).await;
        create(&kinesis, after).await;
        // Longer than it takes the producer to doubt what it knows.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let second = places(put(&producer, "second", 200).await).await;
        assert_there(&kinesis, "second", &second).await;
        producer.close().await.expect("in time");
    }
}

#[tokio::test]
async fn a_stream_made_again_with_traffic_in_the_gap_takes_what_was_put_meanwhile() {
    for (before, after) in [(2, 5), (4, 1)] {
        let kinesis = Kinesis::start().await;
        create(&kinesis, before).await;
        let producer = producer(&kinesis);
        places(put(&producer, "first", 200).await).await;
        delete(&kinesis).await;
        let meanwhile = put(&producer, "meanwhile", 200).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        create(&kinesis, after).await;
        wait_until_active(&kinesis.client(), STREAM).await;
        let meanwhile = places(meanwhile).await;
        assert_there(&kinesis, "meanwhile", &meanwhile).await;
        let after = places(put(&producer, "after", 200).await).await;
        assert_there(&kinesis, "after", &after).await;
        producer.close().await.expect("in time");
    }
}
