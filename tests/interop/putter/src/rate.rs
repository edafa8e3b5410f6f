//! A putter of `kpl/split`: so many user records a second, and a word for each at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::Producer;
use kinesis_aggregation_producer::sdk::SdkStreamClient;

use crate::Result;

const TICK: Duration = Duration::from_millis(1);

#[tokio::main]
pub(crate) async fn put(client: Client, stream: &str, count: usize, rate: f64) -> Result<()> {
    let producer = Producer::builder().build(SdkStreamClient::new(client, stream))?;
    let mut deliveries = Vec::with_capacity(count);
    let start = Instant::now();
    let mut tick = tokio::time::interval(TICK);
    while deliveries.len() < count {
        tick.tick().await;
        let due = (start.elapsed().as_secs_f64() * rate) as usize + 1;
        for number in deliveries.len()..due.min(count) {
            let data = format!("{number:<200}");
            let record = UserRecord::new(format!("key-{}", number % 1000), data);
            deliveries.push(producer.put(record).await?);
        }
    }
    producer.close().await?;
    let mut words = String::new();
    for (number, delivery) in deliveries.into_iter().enumerate() {
        let word = if delivery.await.is_ok() {
            "ack"
        } else {
            "failed"
        };
        writeln!(words, "{word} {number}")?;
    }
    print!("{words}");
    Ok(())
}
