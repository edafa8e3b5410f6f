//! A Lambda function on a stream that a KPL producer fills.
//!
//! Deploy it with `examples/lambda/template.yaml`; try it with `tests/lambda/run`.

use std::time::Duration;

use kinesis_aggregation::lambda::{
    BatchResponse, Error, EventUserRecord, MemoryResume, OwnedKinesisEvent, Processor,
};
use lambda_runtime::{LambdaEvent, run, service_fn, tracing};

/// How many user records are processed at once, each with a different partition key.
const CONCURRENCY: usize = 16;

/// Processes one user record.
async fn handle(user_record: EventUserRecord<'_>) -> Result<(), Error> {
    let text = std::str::from_utf8(user_record.data())?;
    if text.contains("fail") {
        return Err("this user record says so".into());
    }
    // A user record may come again. What is written under this key is written once.
    let key = user_record.idempotency_key();
    tracing::info!(key, bytes = text.len(), "done");
    Ok(())
}

async fn function(
    processor: &Processor,
    event: LambdaEvent<OwnedKinesisEvent>,
) -> Result<BatchResponse, Error> {
    // Leaves time for the answer: after a timeout, Lambda would repeat the whole batch.
    let deadline = event.context.deadline() - Duration::from_secs(2);
    let user_records = processor.read(&event.payload).until(deadline);
    Ok(user_records.process_concurrently(CONCURRENCY, handle).await)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // Made once, so that a warm function remembers what it has done.
    let processor = Processor::new()
        .resume(MemoryResume::new())
        .on_failure(|failure| tracing::error!(%failure, "a Kinesis record will come again"));
    let processor = &processor;
    run(service_fn(move |event| function(processor, event))).await
}
