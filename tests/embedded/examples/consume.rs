//! Reads a stream that was split, with checkpoints; stops in the middle of an aggregate, as a crash
//! would, starts again from the checkpoints, and prints the balance. Needs no AWS: the stream is
//! in this process.

use std::collections::HashMap;
use std::error::Error;

use aws_sdk_kinesis::Client;
use kinesis_aggregation::sdk::{Lineage, ListedShard, ShardReader, Start, list_shards};
use kinesis_aggregation::{Aggregator, ShardMap, ShardedAggregator, UserRecord};
use kinesis_aggregation_embedded::{Kinesis, wait_until_active};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const STREAM: &str = "orders";
const COUNT: usize = 1000;
/// After so many user records, each run but the last one crashes.
const CRASH: usize = 137;

/// Shard by shard, as a database would keep it: the position of the last user record that was
/// worked on, as text, or `END`.
type Checkpoints = HashMap<String, String>;

#[tokio::main]
async fn main() -> Result<()> {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    // With a real stream: Client::new(&aws_config::load_from_env().await).
    let client = kinesis.client();
    put(&client, 0..COUNT / 2).await?;
    split(&client).await?;
    put(&client, COUNT / 2..COUNT).await?;

    let mut checkpoints = Checkpoints::new();
    let mut read = Vec::new();
    let mut runs = 1;
    while !consume(&client, &mut checkpoints, &mut read).await? {
        runs += 1;
    }
    println!("put        {COUNT}");
    println!("read       {}, in {runs} runs", read.len());
    read.sort_unstable();
    read.dedup();
    println!("different  {}", read.len());
    println!("over       {} shards", checkpoints.len());
    if read.len() != COUNT {
        return Err("the balance is wrong".into());
    }
    Ok(())
}

/// Reads all that is there, or crashes after some user records. Whether it came to the end.
async fn consume(
    client: &Client,
    checkpoints: &mut Checkpoints,
    read: &mut Vec<usize>,
) -> Result<bool> {
    let crash = read.len() + CRASH;
    let mut lineage = Lineage::default();
    for shard in list_shards(client, STREAM).await? {
        lineage.learn([ListedShard::try_from(&shard)?]);
    }
    for (shard_id, checkpoint) in checkpoints.iter() {
        if checkpoint == "END" {
            lineage.finish(shard_id);
        }
    }
    loop {
        let shards = lineage.start();
        if shards.is_empty() {
            return Ok(true);
        }
        for shard in shards {
            let shard_id = shard.id().to_owned();
            let start = match checkpoints.get(&shard_id) {
                Some(position) => Start::After(position.parse()?),
                None => Start::TrimHorizon,
            };
            let mut reader = ShardReader::new(client.clone(), STREAM, shard, start);
            while let Some(page) = reader.next_page().await? {
                let batch = reader.deaggregator().deaggregate_batch(page.records());
                for (_, user_record) in &batch {
                    let user_record = user_record?;
                    read.push(std::str::from_utf8(user_record.data())?.parse()?);
                    if let Some(position) = user_record.position() {
                        checkpoints.insert(shard_id.clone(), position.to_string());
                    }
                    if read.len() == crash {
                        return Ok(false);
                    }
                }
                // Here an open shard would be read for ever.
                if page.records().is_empty() && !reader.shard().is_closed() {
                    break;
                }
                tokio::time::sleep(reader.pause()).await;
            }
            if reader.shard().is_closed() {
                checkpoints.insert(shard_id.clone(), "END".to_owned());
            }
            lineage.finish(&shard_id);
            lineage.learn(reader.children().iter().cloned());
        }
    }
}

async fn put(client: &Client, numbers: std::ops::Range<usize>) -> Result<()> {
    let shards = list_shards(client, STREAM).await?;
    let shards = shards.iter().map(kinesis_aggregation::Shard::try_from);
    let shard_map = ShardMap::new(shards.collect::<std::result::Result<Vec<_>, _>>()?)?;
    let mut aggregator = ShardedAggregator::new(shard_map, Aggregator::builder().max_count(41))?;
    let user_records =
        numbers.map(|n| UserRecord::new(format!("customer {}", n % 10), n.to_string()));
    let (kinesis_records, _) = aggregator.aggregate_batch(user_records);
    for record in kinesis_records {
        let put = client.put_records().stream_name(STREAM);
        put.records(record.try_into()?).send().await?;
    }
    Ok(())
}

async fn split(client: &Client) -> Result<()> {
    let split = client.split_shard().stream_name(STREAM);
    let split = split.shard_to_split("shardId-000000000000");
    let half = (1_u128 << 127).to_string();
    split.new_starting_hash_key(half).send().await?;
    wait_until_active(client, STREAM).await;
    Ok(())
}
