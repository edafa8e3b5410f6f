//! A memory of what is done that outlives the function's instance: in a table that all share.
//!
//! The client of a table is asynchronous, and `Resume` is not. So the table is read before the
//! processing and written after it, and the answer to Lambda waits for that. `Table` has the two
//! functions that this takes; with DynamoDB they are
//!
//! ```text
//! get: client.batch_get_item()    of items with the key `record` (100 at most in one request)
//! put: client.batch_write_item()  of puts with `record`, `done` and a time to live, and of deletes
//!                                 (25 at most in one request)
//! ```
//!
//! Let the items expire (`TimeToLiveSpecification`) when the stream's records do. Here a map stands in
//! for the table: `cargo run --features lambda --example lambda_resume`.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::{Arc, Mutex};

use kinesis_aggregation::UserRecord;
use kinesis_aggregation::lambda::{
    BatchResponse, Done, EventUserRecord, OwnedKinesisEvent, Processor, RecordKey, Records, Resume,
    TestEvent,
};

/// A table of texts under texts.
trait Table {
    async fn get(&self, keys: Vec<String>) -> Result<HashMap<String, String>, Box<dyn Error>>;

    /// `None` deletes.
    async fn put(&self, entries: HashMap<String, Option<String>>) -> Result<(), Box<dyn Error>>;
}

/// What the table says of one event, and what is to be written of it.
#[derive(Default)]
struct TableResume {
    read: HashMap<String, Done>,
    to_write: Mutex<HashMap<String, Option<String>>>,
}

impl TableResume {
    async fn read(table: &impl Table, event: &OwnedKinesisEvent) -> Result<Self, Box<dyn Error>> {
        // A table wants each key once.
        let keys = event.records().iter().filter_map(RecordKey::of);
        let keys: HashSet<_> = keys.map(|key| key.to_string()).collect();
        let mut read = HashMap::new();
        for (key, done) in table.get(keys.into_iter().collect()).await? {
            // What this program did not write counts as nothing done: it is done again.
            read.insert(key, done.parse().unwrap_or_default());
        }
        Ok(Self {
            read,
            to_write: Mutex::default(),
        })
    }

    async fn write(&self, table: &impl Table) -> Result<(), Box<dyn Error>> {
        let entries = std::mem::take(&mut *self.to_write.lock().unwrap());
        if entries.is_empty() {
            return Ok(());
        }
        table.put(entries).await
    }
}

impl Resume for TableResume {
    fn load(&self, records: &[RecordKey<'_>]) -> Vec<Done> {
        let done = |key: &RecordKey<'_>| self.read.get(&key.to_string()).cloned();
        records
            .iter()
            .map(|key| done(key).unwrap_or_default())
            .collect()
    }

    fn save(&self, kept: &[(RecordKey<'_>, Done)], succeeded: &[RecordKey<'_>]) {
        let kept = kept
            .iter()
            .map(|(key, done)| (key.to_string(), Some(done.to_string())));
        let forgotten = succeeded.iter().map(|key| (key.to_string(), None));
        self.to_write.lock().unwrap().extend(kept.chain(forgotten));
    }
}

/// One invocation. `Ok` of the handler must mean that the user record is stored for good.
async fn function(
    table: &impl Table,
    event: &OwnedKinesisEvent,
    handle: impl AsyncFn(EventUserRecord<'_>) -> Result<(), String>,
) -> Result<BatchResponse, Box<dyn Error>> {
    let resume = Arc::new(TableResume::read(table, event).await?);
    let processor = Processor::new().resume(Arc::clone(&resume));
    let user_records = processor.read(event);
    let response = user_records.process_concurrently(16, handle).await;
    // Before the answer: after it, Lambda freezes the function.
    resume.write(table).await?;
    Ok(response)
}

/// Stands in for a table in DynamoDB.
#[derive(Default)]
struct Map(Mutex<HashMap<String, String>>);

impl Table for Map {
    async fn get(&self, keys: Vec<String>) -> Result<HashMap<String, String>, Box<dyn Error>> {
        let map = self.0.lock().unwrap();
        let entries = keys.into_iter().filter_map(|key| {
            let value = map.get(&key)?.clone();
            Some((key, value))
        });
        Ok(entries.collect())
    }

    async fn put(&self, entries: HashMap<String, Option<String>>) -> Result<(), Box<dyn Error>> {
        let mut map = self.0.lock().unwrap();
        for (key, value) in entries {
            match value {
                Some(value) => drop(map.insert(key, value)),
                None => drop(map.remove(&key)),
            }
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let orders = ["one", "two", "three"].map(|order| UserRecord::new(order, order));
    let json = TestEvent::new().aggregate(orders).kinesis_json();
    let event: OwnedKinesisEvent = serde_json::from_str(&json)?;
    let table = Map::default();

    // The first invocation fails at one user record, and Lambda sends the aggregate again.
    let handle = async |user_record: EventUserRecord<'_>| match user_record.data() {
        b"two" => Err("not this time".to_owned()),
        _ => Ok(()),
    };
    let response = function(&table, &event, handle).await?;
    assert!(response.item_identifiers().eq(["1"]));
    println!("the table has {:?}", table.0.lock().unwrap());

    // Another instance gets the retry, and does only what is left.
    let response = function(&table, &event, async |_: EventUserRecord<'_>| Ok(())).await?;
    assert!(response.is_success());
    println!("{:?}", response.counts());
    assert!(table.0.lock().unwrap().is_empty());
    Ok(())
}
