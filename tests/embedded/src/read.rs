//! Reading a stream back, as the KCL does.

use std::collections::HashMap;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use kinesis_aggregation::{Deaggregator, Shard, sdk};

/// A user record that a KCL would deliver.
#[derive(Clone, Debug)]
pub struct ReadUserRecord {
    pub shard_id: String,
    pub sequence_number: String,
    pub sub_sequence_number: u64,
    pub partition_key: Option<String>,
    pub data: bytes::Bytes,
}

/// What a KCL would make of all that a stream holds.
#[derive(Default)]
pub struct Reading {
    pub user_records: Vec<ReadUserRecord>,
    /// Kinesis records, by shard.
    pub kinesis_records: HashMap<String, usize>,
    /// Kinesis records that lost something, each with why.
    pub losses: Vec<String>,
}

/// Reads every shard, closed ones too, each with its own hash key range, from the trim horizon to
/// where an open one has nothing more.
pub async fn read_all(client: &Client, stream: &str) -> Reading {
    let mut reading = Reading::default();
    for (shard, records) in stored(client, stream).await {
        let count = reading.kinesis_records.entry(shard.id().to_owned());
        *count.or_default() += records.len();
        let deaggregator = Deaggregator::new().hash_key_range(shard.hash_key_range());
        let batch = deaggregator.deaggregate_batch(&records);
        for (record, user_record) in batch.owned_user_records() {
            match user_record {
                Ok(user_record) => reading.user_records.push(ReadUserRecord {
                    shard_id: shard.id().to_owned(),
                    sequence_number: record.sequence_number().to_owned(),
                    sub_sequence_number: user_record.sub_sequence_number(),
                    partition_key: user_record.partition_key().map(str::to_owned),
                    data: user_record.data().clone(),
                }),
                Err(loss) => reading.losses.push(loss.to_string()),
            }
        }
    }
    reading
}

/// The Kinesis records of every shard, closed ones too.
pub async fn stored(client: &Client, stream: &str) -> Vec<(Shard, Vec<Record>)> {
    let mut all = Vec::new();
    for shard in sdk::list_shards(client, stream).await.expect("shards") {
        let shard = Shard::try_from(&shard).expect("a shard");
        let records = of_shard(client, stream, &shard).await;
        all.push((shard, records));
    }
    all
}

async fn of_shard(client: &Client, stream: &str, shard: &Shard) -> Vec<Record> {
    let mut records = Vec::new();
    let iterator = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard.id())
        .shard_iterator_type(ShardIteratorType::TrimHorizon);
    let mut next = iterator.send().await.expect("an iterator").shard_iterator;
    while let Some(iterator) = next {
        let get = client.get_records().shard_iterator(iterator).limit(200);
        let page = get.send().await.expect("a page");
        next = page.next_shard_iterator;
        if page.records.is_empty() && !shard.is_closed() {
            break;
        }
        records.extend(page.records);
    }
    records
}
