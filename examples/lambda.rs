//! A Lambda function on a stream that a KPL producer fills.
//!
//! Deploy it with `examples/lambda/template.yaml`; try it with `tests/lambda/run`.

use kinesis_aggregation::lambda::{
    BatchResponse, Error, EventUserRecord, KinesisEventRecord, MemoryResume, OwnedKinesisEvent,
    Processor,
};
use lambda_runtime::{LambdaEvent, run, service_fn, tracing};

/// How many user records are under way at once, each of another partition key.
const CONCURRENCY: usize = 16;

/// What becomes of one user record.
async fn handle(user_record: EventUserRecord<'_, KinesisEventRecord<'_>>) -> Result<(), Error> {
    let text = std::str::from_utf8(user_record.data())?;
    if text.contains("fail") {
        return Err("this user record says so".into());
    }
    // A delivery may be repeated: what is written under this key is written once.
    let key = user_record.idempotency_key();
    tracing::info!(key, bytes = text.len(), "done");
    Ok(())
}

async fn function(
    processor: &Processor,
    event: LambdaEvent<OwnedKinesisEvent>,
) -> Result<BatchResponse, Error> {
    let user_records = processor.read(&event.payload);
    Ok(user_records.process_concurrently(CONCURRENCY, handle).await)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // Made once, so that a warm function remembers what it has done.
    let processor = Processor::new()
        .with_resume(MemoryResume::new())
        .on_failure(|failure| tracing::error!(%failure, "a Kinesis record will come again"));
    let processor = &processor;
    run(service_fn(move |event| function(processor, event))).await
}
