//! Puts user records while the stream's only shard is split, reads them back as the KCL does, and
//! prints the balance. Needs no AWS: the stream is in this process.

use std::collections::HashSet;
use std::error::Error;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_embedded::{Kinesis, read_all};
use kinesis_aggregation_producer::Producer;
use kinesis_aggregation_producer::sdk::SdkStreamClient;

const COUNT: usize = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream("orders", 1).await;
    // With a real stream: Client::new(&aws_config::load_from_env().await).
    let client = kinesis.client();

    let producer = Producer::builder().build(SdkStreamClient::new(client.clone(), "orders"))?;
    let mut deliveries = Vec::new();
    for number in 0..COUNT {
        if number == COUNT / 2 {
            let split = client.split_shard().stream_name("orders");
            let split = split.shard_to_split("shardId-000000000000");
            split
                .new_starting_hash_key((1_u128 << 127).to_string())
                .send()
                .await?;
        }
        let record = UserRecord::new(format!("customer {}", number % 100), number.to_string());
        deliveries.push(producer.put(record).await?);
    }
    producer.close().await?;
    let (mut delivered, mut put_again) = (0, 0);
    for delivery in deliveries {
        let place = delivery.await?;
        delivered += 1;
        put_again += usize::from(place.attempts().count() > 1);
    }

    let reading = read_all(&client, "orders").await;
    let distinct: HashSet<_> = reading.user_records.iter().map(|read| &read.data).collect();
    let kinesis_records: usize = reading.kinesis_records.values().sum();
    println!("put                   {COUNT}");
    println!("delivered             {delivered}, {put_again} of them put again");
    println!(
        "read back             {}, {} different",
        reading.user_records.len(),
        distinct.len()
    );
    println!(
        "in Kinesis records    {kinesis_records}, {} of them dropped",
        reading.losses.len()
    );
    println!("over shards           {}", reading.kinesis_records.len());
    if (delivered, distinct.len(), reading.user_records.len()) != (COUNT, COUNT, COUNT) {
        return Err("the balance is wrong".into());
    }
    Ok(())
}
