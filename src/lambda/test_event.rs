//! Events for users' tests.

use serde_json::{Map, Value, json};

use super::json::AsBase64;
use crate::record::UserRecord;
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
    records: Vec<TestRecord>,
}

#[derive(Clone)]
struct TestRecord {
    partition_key: String,
    data: Vec<u8>,
}

/// Lengths only.
impl std::fmt::Debug for TestRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestRecord")
            .field("partition_key_len", &self.partition_key.len())
            .field("data_len", &self.data.len())
            .finish()
    }
}

impl TestEvent {
    /// An event without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a Kinesis record with these data, as they are.
    #[must_use]
    pub fn plain(mut self, partition_key: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.records.push(TestRecord {
            partition_key: partition_key.into(),
            data: data.into(),
        });
        self
    }

    /// Adds a Kinesis record that is an aggregate of these user records, with the partition key `a`,
    /// as the KPL makes them.
    #[must_use]
    pub fn aggregate(self, user_records: impl IntoIterator<Item = UserRecord>) -> Self {
        self.framed(user_records, None)
    }

    /// Adds an aggregate whose last user record, after these, is broken: see
    /// [`Processor::on_cut`](super::Processor::on_cut).
    #[must_use]
    pub fn cut_aggregate(self, user_records: impl IntoIterator<Item = UserRecord>) -> Self {
        // There is no such table entry.
        self.framed(user_records, Some(u32::MAX))
    }

    fn framed(
        self,
        user_records: impl IntoIterator<Item = UserRecord>,
        broken: Option<u32>,
    ) -> Self {
        let (mut keys, mut hash_keys, mut records) = (Vec::new(), Vec::new(), Vec::new());
        for (index, user_record) in (0_u32..).zip(user_records) {
            keys.push(user_record.partition_key().unwrap_or("a").to_owned());
            let explicit_hash_key = user_record.explicit_hash_key().map(|hash_key| {
                hash_keys.push(hash_key.to_string());
                u32::try_from(hash_keys.len().saturating_sub(1)).unwrap_or(u32::MAX)
            });
            let indices = RecordIndices {
                partition_key: index,
                explicit_hash_key,
            };
            records.push((indices, user_record.data().clone()));
        }
        let broken = broken.map(|partition_key| {
            let indices = RecordIndices {
                partition_key,
                explicit_hash_key: None,
            };
            (indices, bytes::Bytes::new())
        });
        records.extend(broken);
        let records = records.iter().map(|(indices, data)| (*indices, &data[..]));
        self.plain("a", encode(keys, hash_keys, records))
    }

    /// The event of a Kinesis event source mapping, as JSON.
    pub fn kinesis_json(&self) -> String {
        let records = self.each(|sequence_number, record| {
            let mut envelope = envelope(sequence_number);
            let kinesis = stored(sequence_number, record);
            envelope.insert("kinesis".to_owned(), kinesis.into());
            envelope.into()
        });
        json!({ "Records": records }).to_string()
    }

    /// The event of an EventBridge pipe, as JSON: the same, but flat.
    pub fn pipes_json(&self) -> String {
        let records = self.each(|sequence_number, record| {
            let mut flat = envelope(sequence_number);
            flat.extend(stored(sequence_number, record));
            flat.into()
        });
        Value::from(records).to_string()
    }

    /// The event of a Firehose transformation, as JSON. The record ids are the sequence numbers.
    pub fn firehose_json(&self) -> String {
        let records = self.each(|sequence_number, record| {
            json!({
                "recordId": sequence_number,
                "approximateArrivalTimestamp": 1_767_225_600_000_u64,
                "data": AsBase64(&record.data),
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

    fn each(&self, f: impl Fn(&str, &TestRecord) -> Value) -> Vec<Value> {
        let numbered = (1_u64..).zip(&self.records);
        let records = numbered.map(|(number, record)| f(&number.to_string(), record));
        records.collect()
    }
}

/// The part of a record that the stream stores.
fn stored(sequence_number: &str, record: &TestRecord) -> Map<String, Value> {
    object([
        ("kinesisSchemaVersion", "1.0".into()),
        ("partitionKey", record.partition_key.as_str().into()),
        ("sequenceNumber", sequence_number.into()),
        ("data", json!(AsBase64(&record.data))),
        ("approximateArrivalTimestamp", ARRIVED.into()),
    ])
}

/// The part that Lambda and Pipes add.
fn envelope(sequence_number: &str) -> Map<String, Value> {
    object([
        ("eventSource", "aws:kinesis".into()),
        ("eventVersion", "1.0".into()),
        ("eventID", format!("{SHARD}:{sequence_number}").into()),
        ("eventName", "aws:kinesis:record".into()),
        (
            "invokeIdentityArn",
            "arn:aws:iam::123456789012:role/test".into(),
        ),
        ("awsRegion", "us-east-1".into()),
        ("eventSourceARN", STREAM.into()),
    ])
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields.map(|(key, value)| (key.to_owned(), value)).collect()
}

const SHARD: &str = "shardId-000000000000";
const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/test";
/// The start of 2026, in seconds.
const ARRIVED: f64 = 1_767_225_600.5;
