//! Events for users' tests.

use base64_simd::STANDARD;
use serde_json::{Value, json};

use crate::record::{KinesisRecord, UserRecord};
use crate::wire::{RecordIndices, encode};

/// An event made by hand, to test a handler without Lambda.
///
/// Its Kinesis records have the sequence numbers 1, 2, 3 … and are from the shard
/// `shardId-000000000000`.
///
/// ```
/// use kinesis_aggregation::UserRecord;
/// use kinesis_aggregation::lambda::{Error, OwnedKinesisEvent, Processor, TestEvent};
///
/// let json = TestEvent::new()
///     .plain("customer-1", "an order")
///     .aggregate([
///         UserRecord::new("customer-2", "an order"),
///         UserRecord::new("customer-3", "a bad one"),
///     ])
///     .kinesis_json();
/// let event: OwnedKinesisEvent = serde_json::from_str(&json)?;
///
/// let response = Processor::new().read(&event).process(|user_record| {
///     match user_record.data() {
///         b"an order" => Ok(()),
///         _ => Err("not an order"),
///     }
/// });
/// assert!(response.item_identifiers().eq(["2"]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TestEvent {
    records: Vec<KinesisRecord>,
}

impl TestEvent {
    /// An event without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a Kinesis record with these data, as they are.
    #[must_use]
    pub fn plain(mut self, partition_key: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        let record = KinesisRecord::new(partition_key.into(), data.into());
        self.records.push(record);
        self
    }

    /// Adds a Kinesis record that is an aggregate of these user records, with the partition key `a`,
    /// as the KPL makes them.
    #[must_use]
    pub fn aggregate(self, user_records: impl IntoIterator<Item = UserRecord>) -> Self {
        self.framed(user_records, false)
    }

    /// Adds an aggregate whose last user record, after these, is broken: see
    /// [`Processor::on_cut`](super::Processor::on_cut).
    #[must_use]
    pub fn cut_aggregate(self, user_records: impl IntoIterator<Item = UserRecord>) -> Self {
        self.framed(user_records, true)
    }

    /// Each user record has table entries of its own.
    fn framed(self, user_records: impl IntoIterator<Item = UserRecord>, broken: bool) -> Self {
        let user_records: Vec<_> = user_records.into_iter().collect();
        let keys = user_records.iter();
        let keys = keys.map(|user_record| user_record.partition_key().unwrap_or("a"));
        let hash_keys = user_records
            .iter()
            .filter_map(UserRecord::explicit_hash_key);
        let hash_keys = hash_keys.map(|hash_key| hash_key.to_string());
        let mut unused_hash_keys = 0..;
        let records = (0..)
            .zip(&user_records)
            .map(|(partition_key, user_record)| {
                let hash_key = user_record.explicit_hash_key();
                let indices = RecordIndices {
                    partition_key,
                    explicit_hash_key: hash_key.and_then(|_| unused_hash_keys.next()),
                };
                (indices, &user_record.data()[..])
            });
        let no_such_key = RecordIndices {
            partition_key: u32::MAX,
            explicit_hash_key: None,
        };
        let broken = broken.then_some((no_such_key, &[][..]));
        self.plain("a", encode(keys, hash_keys, records.chain(broken)))
    }

    /// The event of a Kinesis event source mapping, as JSON.
    pub fn kinesis_json(&self) -> String {
        let records = self.each(|sequence_number, record| {
            let mut json = envelope(sequence_number);
            json["kinesis"] = stored(sequence_number, record);
            json
        });
        json!({ "Records": records }).to_string()
    }

    /// The event of an EventBridge pipe, as JSON: the same, but flat.
    pub fn pipes_json(&self) -> String {
        let records = self.each(|sequence_number, record| {
            let mut json = envelope(sequence_number);
            if let (Value::Object(flat), Value::Object(stored)) =
                (&mut json, stored(sequence_number, record))
            {
                flat.extend(stored);
            }
            json
        });
        Value::from(records).to_string()
    }

    /// The event of a Firehose transformation, as JSON. The record ids are the sequence numbers.
    pub fn firehose_json(&self) -> String {
        let records = self.each(|sequence_number, record| {
            json!({
                "recordId": sequence_number,
                "approximateArrivalTimestamp": 1_767_225_600_000_u64,
                "data": STANDARD.encode_to_string(record.data()),
            })
        });
        json!({
            "invocationId": "00000000-0000-0000-0000-000000000000",
            "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/test",
            "region": "us-east-1",
            "records": records,
        })
        .to_string()
    }

    fn each(&self, f: impl Fn(&str, &KinesisRecord) -> Value) -> Vec<Value> {
        let numbered = (1_u64..).zip(&self.records);
        let records = numbered.map(|(number, record)| f(&number.to_string(), record));
        records.collect()
    }
}

/// The part of a record that the stream stores.
fn stored(sequence_number: &str, record: &KinesisRecord) -> Value {
    json!({
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record.partition_key(),
        "sequenceNumber": sequence_number,
        "data": STANDARD.encode_to_string(record.data()),
        // The start of 2026, in seconds.
        "approximateArrivalTimestamp": 1_767_225_600.5,
    })
}

/// The part that Lambda and Pipes add.
fn envelope(sequence_number: &str) -> Value {
    json!({
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000000:{sequence_number}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/test",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/test",
    })
}
