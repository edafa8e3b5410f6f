//! To Firehose, in batches.

use std::future::Future;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::outgoing::{Outgoing, RecordId, Traffic};
use super::pause::Pause;
use crate::config::Flow;

/// One delivery stream, as a flow talks to it.
pub trait FirehoseClient: Send + Sync + 'static {
    /// Puts records with one `PutRecordBatch` request: one result for each record, in their order.
    ///
    /// # Errors
    ///
    /// [`FirehoseError`] for the request as a whole. It is made again later.
    fn put_record_batch(
        &self,
        records: Vec<Bytes>,
    ) -> impl Future<Output = Result<Vec<Result<(), FirehoseError>>, FirehoseError>> + Send;
}

/// Why Firehose took no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct FirehoseError {
    code: String,
}

impl FirehoseError {
    /// With the service's code.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into() }
    }

    /// The service's code.
    pub fn code(&self) -> &str {
        &self.code
    }
}

/// Lines that share a Firehose record.
struct Joined {
    ids: Vec<RecordId>,
    data: BytesMut,
}

/// Puts every record, again and again until it is taken, and then reports it. Ends when no more come and
/// all are taken.
pub(crate) async fn deliver(
    flow: &Flow,
    client: &impl FirehoseClient,
    mut records: mpsc::Receiver<Vec<Outgoing>>,
    done: std::sync::mpsc::Sender<Vec<RecordId>>,
    traffic: Arc<Traffic>,
) {
    let id = flow.id();
    let mut pause = Pause::new(flow.retry_initial(), flow.retry_max());
    let mut batch: Vec<Joined> = Vec::new();
    let mut bytes = 0;
    let mut due = Instant::now();
    loop {
        let more = if batch.is_empty() {
            records.recv().await
        } else {
            // Records are sent once the first has waited as long as it may.
            match tokio::time::timeout_at(due, records.recv()).await {
                Ok(more) => more,
                Err(_) => {
                    send(&id, client, &mut batch, &mut pause, &done, &traffic).await;
                    bytes = 0;
                    continue;
                }
            }
        };
        let Some(more) = more else {
            break;
        };
        for record in more {
            let is_full = batch.len() >= flow.max_buffer_records()
                || bytes + record.data.len() > flow.max_buffer_bytes();
            if is_full && !batch.is_empty() {
                send(&id, client, &mut batch, &mut pause, &done, &traffic).await;
                bytes = 0;
            }
            if batch.is_empty() {
                due = Instant::now() + flow.max_buffer_age();
            }
            bytes += record.data.len();
            join(&mut batch, record, flow.aggregated_record_size());
        }
    }
    send(&id, client, &mut batch, &mut pause, &done, &traffic).await;
}

/// Adds a line to the last record while the sum stays at or below `max`, or as a record of its own.
fn join(batch: &mut Vec<Joined>, record: Outgoing, max: usize) {
    if let Some(last) = batch.last_mut()
        && last.data.len() + record.data.len() <= max
    {
        last.ids.push(record.id);
        last.data.extend_from_slice(&record.data);
        return;
    }
    batch.push(Joined {
        ids: vec![record.id],
        data: record.data.into(),
    });
}

/// Puts a batch until all of it is taken.
async fn send(
    flow: &str,
    client: &impl FirehoseClient,
    batch: &mut Vec<Joined>,
    pause: &mut Pause,
    done: &std::sync::mpsc::Sender<Vec<RecordId>>,
    traffic: &Traffic,
) {
    let mut left: Vec<(Vec<RecordId>, Bytes)> = batch
        .drain(..)
        .map(|joined| (joined.ids, joined.data.freeze()))
        .collect();
    while !left.is_empty() {
        let data = left.iter().map(|(_, data)| data.clone()).collect();
        let results = match client.put_record_batch(data).await {
            Ok(results) if results.len() == left.len() => results,
            Ok(_) => vec![Err(FirehoseError::new("ResultCountMismatch")); left.len()],
            Err(error) => vec![Err(error); left.len()],
        };
        let mut failed = Vec::new();
        let mut reason = None;
        for ((ids, data), result) in left.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    for _ in &ids {
                        traffic.sent(data.len() / ids.len().max(1));
                    }
                    let _ = done.send(ids);
                }
                Err(error) => {
                    traffic.failed();
                    reason = Some(error);
                    failed.push((ids, data));
                }
            }
        }
        left = failed;
        match reason {
            None => pause.succeeded(),
            Some(reason) => {
                let wait = pause.next();
                tracing::warn!(
                    "{flow}: {} records were not taken and are put again in {wait:?}: {reason}",
                    left.len()
                );
                tokio::time::sleep(wait).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_joined_up_to_the_size() {
        let mut batch = Vec::new();
        let line = |len: usize| Outgoing {
            id: RecordId { file: 1, serial: 0 },
            data: vec![b'x'; len].into(),
            key: None,
        };
        for _ in 0..12 {
            join(&mut batch, line(18), 100);
        }
        join(&mut batch, line(200), 100);
        join(&mut batch, line(18), 100);
        let lens: Vec<_> = batch.iter().map(|joined| joined.data.len()).collect();
        assert_eq!(lens, [90, 90, 36, 200, 18]);
    }
}
