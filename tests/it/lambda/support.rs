//! Events of our own making.

use kinesis_aggregation::md5;
use kinesis_aggregation::proto::{AggregatedRecord, Record};
use kinesis_aggregation::wire::MAGIC;
use prost::Message;
use serde_json::{Value, json};

pub(super) const ARN: &str = "arn:aws:kinesis:eu-central-1:210987654321:stream/orders";
pub(super) const SHARD: &str = "shardId-000000000002";

/// A Kinesis record of an event to be.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) shard: String,
    pub(super) sequence_number: String,
    pub(super) partition_key: Option<String>,
    pub(super) data: Vec<u8>,
}

impl Stored {
    pub(super) fn plain(sequence_number: &str, key: &str, data: impl Into<Vec<u8>>) -> Self {
        Self {
            shard: SHARD.into(),
            sequence_number: sequence_number.into(),
            partition_key: Some(key.into()),
            data: data.into(),
        }
    }

    pub(super) fn aggregate(sequence_number: &str, user_records: &[(&str, &str)]) -> Self {
        Self::plain(sequence_number, "a", framed(user_records, false))
    }

    /// An aggregate with a bad user record after these.
    pub(super) fn cut(sequence_number: &str, user_records: &[(&str, &str)]) -> Self {
        Self::plain(sequence_number, "a", framed(user_records, true))
    }

    /// An aggregate with a bad user record between these.
    pub(super) fn with_bad_one(
        sequence_number: &str,
        before: &[(&str, &str)],
        after: &[(&str, &str)],
    ) -> Self {
        let mut aggregated = AggregatedRecord::default();
        let user_records = before.iter().chain(after);
        for (index, (key, data)) in (0..).zip(user_records) {
            aggregated.partition_key_table.push((*key).into());
            aggregated.records.push(record(index, data));
        }
        aggregated
            .records
            .insert(before.len(), record(99_999, "lost"));
        Self::plain(sequence_number, "a", sealed(&aggregated))
    }

    /// An aggregate of these, the last with an explicit hash key that is not a number.
    pub(super) fn with_bad_hash_key(sequence_number: &str, user_records: &[(&str, &str)]) -> Self {
        let mut aggregated = aggregated(user_records);
        aggregated.explicit_hash_key_table.push("undefined".into());
        if let Some(last) = aggregated.records.last_mut() {
            last.explicit_hash_key_index = Some(0);
        }
        Self::plain(sequence_number, "a", sealed(&aggregated))
    }

    /// An aggregate of these with a wrong digest.
    pub(super) fn damaged(sequence_number: &str, user_records: &[(&str, &str)]) -> Self {
        let mut stored = Self::aggregate(sequence_number, user_records);
        *stored.data.last_mut().unwrap() ^= 1;
        stored
    }

    /// An aggregate of two, the second with the explicit hash key at `index` of a table with `key`.
    pub(super) fn with_explicit_hash_key(
        sequence_number: &str,
        key: &str,
        index: Option<u64>,
    ) -> Self {
        let mut aggregated = AggregatedRecord::default();
        aggregated.partition_key_table.push("k".into());
        aggregated.explicit_hash_key_table.push(key.into());
        aggregated.records.push(record(0, "good"));
        let mut bad = record(0, "bad");
        bad.explicit_hash_key_index = index;
        aggregated.records.push(bad);
        Self::plain(sequence_number, "a", sealed(&aggregated))
    }

    pub(super) fn in_shard(mut self, shard: &str) -> Self {
        self.shard = shard.into();
        self
    }
}

fn aggregated(user_records: &[(&str, &str)]) -> AggregatedRecord {
    let mut aggregated = AggregatedRecord::default();
    for (index, (key, data)) in (0..).zip(user_records) {
        aggregated.partition_key_table.push((*key).into());
        aggregated.records.push(record(index, data));
    }
    aggregated
}

fn framed(user_records: &[(&str, &str)], cut: bool) -> Vec<u8> {
    let mut aggregated = aggregated(user_records);
    if cut {
        aggregated.records.push(record(99_999, "lost"));
    }
    sealed(&aggregated)
}

fn sealed(aggregated: &AggregatedRecord) -> Vec<u8> {
    let message = aggregated.encode_to_vec();
    let digest = md5::digest(&message);
    [&MAGIC[..], &message, &digest].concat()
}

fn record(partition_key_index: u64, data: &str) -> Record {
    Record {
        partition_key_index,
        explicit_hash_key_index: None,
        data: data.to_owned().into(),
        tags: Vec::new(),
    }
}

pub(super) fn event_json(records: &[Stored]) -> Value {
    let records: Vec<_> = records.iter().map(record_json).collect();
    json!({ "Records": records })
}

fn record_json(stored: &Stored) -> Value {
    let mut record = json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": stored.sequence_number,
            "data": base64_simd::STANDARD.encode_to_string(&stored.data),
            "approximateArrivalTimestamp": 1_785_312_000.9,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{}:{}", stored.shard, stored.sequence_number),
        "eventName": "aws:kinesis:record",
        "awsRegion": "eu-central-1",
        "eventSourceARN": ARN,
    });
    if let Some(key) = &stored.partition_key {
        record["kinesis"]["partitionKey"] = json!(key);
    }
    record
}

pub(super) fn event_bytes(records: &[Stored]) -> Vec<u8> {
    serde_json::to_vec(&event_json(records)).unwrap()
}

/// What the answer names.
pub(super) fn named(response: &kinesis_aggregation::lambda::BatchResponse) -> Vec<&str> {
    response.item_identifiers().collect()
}

/// A panic that the panic hook does not print.
pub(super) fn quiet_panic() -> ! {
    std::panic::resume_unwind(Box::new("on purpose"))
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}
