//! To a Kinesis stream, through the producer.

use std::sync::Arc;
use std::time::Duration;

use kinesis_aggregation_producer::{Producer, ProducerConfigError, StreamClient};
use tokio::sync::mpsc;

use super::link::Link;
use super::outcomes::Outcomes;
use super::outgoing::{Outgoing, RecordId, Traffic};
use crate::config::{Destination, Flow, PartitionKeyFrom};

/// Records are tried for ever, but the producer needs a limit.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Records between the two halves: more than the producer takes.
const QUEUE: usize = 1 << 17;

/// The producer of a flow, on the current tokio runtime.
pub(crate) fn producer(
    flow: &Flow,
    client: impl StreamClient,
    max_memory: usize,
) -> Result<Producer, ProducerConfigError> {
    let mut builder = Producer::builder()
        .aggregation_enabled(flow.aggregate())
        .collection_max_count(flow.max_buffer_records())
        .collection_max_size(flow.max_buffer_bytes())
        .record_max_buffered_time(flow.max_buffer_age())
        .record_ttl(FOR_EVER)
        .max_pending_bytes(max_memory)
        .ordered(flow.partition_key_from() == Some(&PartitionKeyFrom::File));
    if let Destination::Kinesis(name) = flow.destination() {
        builder = builder.stream_name(name);
    }
    builder.build(client)
}

/// Puts every record, again and again until it is delivered, and then reports it. Returns true once no more
/// come and all are delivered, and false if the producer ends first.
pub(crate) async fn deliver(
    flow: &Flow,
    producer: Producer,
    records: mpsc::Receiver<Vec<Outgoing>>,
    done: std::sync::mpsc::Sender<Vec<RecordId>>,
    traffic: Arc<Traffic>,
) -> bool {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let link = Link::new(flow, producer, done, traffic);
    let put = link.put_all(records, sender);
    let (is_put, is_settled) = tokio::join!(put, Outcomes::new(&link).run(receiver));
    is_put && is_settled
}
