//! The only asynchronous loop: it brings together the queue, the pipeline, the clock and the
//! client.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};

use super::client::{ClientError, RecordError, Stored, StreamClient, StreamDescription};
use super::delivery::Ticket;
use super::intake::{Entry, Shared, State};
use super::outcome::Time;
use super::pipeline::{Action, Pipeline};
use super::publish::Publisher;
use kinesis_aggregation::Shard;
use kinesis_aggregation::packing::HashKeyCache;

/// How long the task lets user records gather before it looks at them, at most: a wake-up for
/// each one would cost more than all the rest.
const LONGEST_NAP: Duration = Duration::from_millis(5);
/// How often the metrics are shown while records are under way.
const SHOW_INTERVAL: Duration = Duration::from_millis(100);

/// What came of a call to the client.
enum Answer {
    Put(u64, Result<Vec<Result<Stored, RecordError>>, ClientError>),
    Shards(Result<Vec<Shard>, ClientError>),
    Description(Result<Option<StreamDescription>, ClientError>),
}

/// What a call was for, should it never return.
enum Call {
    Put(u64),
    Shards,
    Describe,
}

pub(super) struct Task<C> {
    client: Arc<C>,
    shared: Arc<Shared>,
    pipeline: Pipeline<Ticket>,
    calls: JoinSet<Answer>,
    under_way: HashMap<Id, Call>,
    flushes: HashMap<u64, oneshot::Sender<()>>,
    next_flush: u64,
    entries: Vec<Entry>,
    /// Most users have few partition keys.
    hashes: HashKeyCache,
    publisher: Publisher,
    shown: Time,
    finished: bool,
}

impl<C: StreamClient> Task<C> {
    pub(super) fn new(client: C, shared: Arc<Shared>) -> Self {
        let config = shared.config.clone();
        Self {
            client: Arc::new(client),
            publisher: Publisher::new(config.settings.name.as_deref()),
            pipeline: Pipeline::new(config),
            shared,
            calls: JoinSet::new(),
            under_way: HashMap::new(),
            flushes: HashMap::new(),
            next_flush: 0,
            entries: Vec::new(),
            hashes: HashKeyCache::default(),
            shown: Time::ZERO,
            finished: false,
        }
    }

    /// Until it is closed and all is resolved.
    pub(super) async fn run(mut self) {
        let buffered = self.shared.config.settings.record_max_buffered_time;
        let nap = (buffered / 20).min(LONGEST_NAP);
        loop {
            let (state, napping) = self.take_in(!nap.is_zero());
            let now = self.shared.now();
            self.pipeline.drive(now);
            self.act();
            self.resolve();
            if state == State::Closing && self.pipeline.pending() == 0 && !napping {
                break;
            }
            let nap_ends = napping.then(|| now + nap);
            let wake = self.pipeline.wake().into_iter().chain(nap_ends).min();
            self.wait(wake).await;
        }
        self.finished = true;
    }

    /// Takes what was put. Whether it was anything.
    fn take_in(&mut self, watches: bool) -> (State, bool) {
        let mut entries = std::mem::take(&mut self.entries);
        let (flushes, state) = self.shared.take(&mut entries, watches);
        let any = !entries.is_empty();
        for entry in entries.drain(..) {
            let hash_key = self.hashes.hash_key(&entry.record);
            self.pipeline
                .put(entry.accepted, entry.record, hash_key, entry.ticket);
        }
        self.entries = entries;
        let now = self.shared.now();
        for flush in flushes {
            self.flushes.insert(self.next_flush, flush);
            self.pipeline.flush(now, self.next_flush);
            self.next_flush += 1;
        }
        if state == State::Closing {
            self.pipeline.hurry(now);
        }
        (state, any)
    }

    /// Starts what the pipeline asks for.
    fn act(&mut self) {
        let limit = self.shared.config.settings.request_timeout;
        for action in self.pipeline.take_actions() {
            let client = Arc::clone(&self.client);
            let (call, handle) = match action {
                Action::PutRecords { id, records } => {
                    self.publisher.request(&records);
                    tracing::debug!(id, records = records.len(), "put_records");
                    let call = async move {
                        let put = client.put_records(records);
                        Answer::Put(id, within(limit, put, true).await)
                    };
                    (Call::Put(id), self.calls.spawn(call))
                }
                Action::ListShards => {
                    tracing::debug!("list_shards");
                    let call = async move {
                        Answer::Shards(within(limit, client.list_shards(), false).await)
                    };
                    (Call::Shards, self.calls.spawn(call))
                }
                Action::Describe => {
                    tracing::debug!("describe");
                    let call = async move {
                        Answer::Description(within(limit, client.describe(), false).await)
                    };
                    (Call::Describe, self.calls.spawn(call))
                }
            };
            self.under_way.insert(handle.id(), call);
        }
    }

    /// Tells what came of the user records.
    fn resolve(&mut self) {
        let finished = self.pipeline.take_finished();
        let count = finished.len();
        // Before the Deliveries: who hears of one may put the next at once.
        self.shared.free(count, self.pipeline.take_freed_bytes());
        for (ticket, outcome) in finished {
            self.publisher.resolved(&outcome);
            ticket.send(outcome);
        }
        let now = self.shared.now();
        let idle = self.pipeline.pending() == 0;
        if (count > 0 && idle) || now.saturating_sub(self.shown) >= SHOW_INTERVAL {
            self.shown = now;
            self.shared.show(self.pipeline.metrics());
            self.publisher.publish(self.pipeline.metrics());
        }
        for id in self.pipeline.take_flushed() {
            if let Some(flush) = self.flushes.remove(&id) {
                self.shared.show(self.pipeline.metrics());
                // Whoever flushed may not wait any more.
                let _ = flush.send(());
            }
        }
    }

    /// Waits for an answer, for something that was put, or for the time.
    async fn wait(&mut self, wake: Option<Time>) {
        let wake = wake.and_then(|wake| self.shared.at(wake));
        let sleep = async {
            match wake {
                Some(wake) => sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            Some(answer) = self.calls.join_next_with_id() => Some(answer),
            () = self.shared.woken() => None,
            () = sleep => None,
        };
        let mut next = answer;
        while let Some(answer) = next {
            self.answered(answer);
            next = self.calls.try_join_next_with_id();
        }
    }

    fn answered(&mut self, answer: Result<(Id, Answer), JoinError>) {
        let now = self.shared.now();
        let answer = match answer {
            Ok((id, answer)) => {
                self.under_way.remove(&id);
                answer
            }
            Err(error) => {
                // The client panicked; nobody knows how far it came.
                let broken = |maybe_stored| ClientError::retry("Panic", maybe_stored);
                match self.under_way.remove(&error.id()) {
                    Some(Call::Put(id)) => Answer::Put(id, Err(broken(true))),
                    Some(Call::Shards) => Answer::Shards(Err(broken(false))),
                    Some(Call::Describe) => Answer::Description(Err(broken(false))),
                    None => return,
                }
            }
        };
        match answer {
            Answer::Put(id, answer) => {
                warn_of("put_records", answer.as_ref().err());
                self.pipeline.answered(now, id, answer);
            }
            Answer::Shards(answer) => {
                warn_of("list_shards", answer.as_ref().err());
                self.pipeline.listed(now, answer);
            }
            Answer::Description(answer) => {
                warn_of("describe", answer.as_ref().err());
                self.pipeline.described(now, answer);
            }
        }
        self.shared.learn(
            self.pipeline.is_service_managed(),
            self.pipeline.max_record_size(),
        );
    }
}

fn warn_of(call: &str, error: Option<&ClientError>) {
    if let Some(error) = error {
        tracing::warn!(call, code = error.code(), "a request failed");
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, ClientError>>,
    maybe_stored: bool,
) -> Result<T, ClientError> {
    match timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => Err(ClientError::retry("Timeout", maybe_stored)),
    }
}

/// Whether it ran to its end or its runtime went away, nobody is left waiting.
impl<C> Drop for Task<C> {
    fn drop(&mut self) {
        if !self.finished {
            self.pipeline.abort();
            for (ticket, outcome) in self.pipeline.take_finished() {
                ticket.send(outcome);
            }
        }
        self.shared.show(self.pipeline.metrics());
        self.publisher.publish(self.pipeline.metrics());
        self.shared.end(!self.finished);
    }
}
