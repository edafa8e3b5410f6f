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
use super::failures::{Failures, Line};
use super::intake::{Entry, GiveUp, Shared, State};
use super::outcome::{FailureKind, Outcome, Time};
use super::pipeline::{Action, Pipeline};
use kinesis_aggregation::Shard;
use kinesis_aggregation::packing::HashKeyCache;

/// How long the task lets user records gather before it looks at them, at most: a wake-up for
/// each one would cost more than all the rest.
const LONGEST_NAP: Duration = Duration::from_millis(5);

/// The answer to a call to the client.
enum Answer {
    Put(u64, Result<Vec<Result<Stored, RecordError>>, ClientError>),
    Shards(Result<Vec<Shard>, ClientError>),
    Description(Result<Option<StreamDescription>, ClientError>),
}

pub(super) struct Task<C> {
    client: Arc<C>,
    shared: Arc<Shared>,
    pipeline: Pipeline<Ticket>,
    calls: JoinSet<Answer>,
    /// For each call, the answer if the client panics in it: nobody knows how far it came then.
    under_way: HashMap<Id, Answer>,
    puts_under_way: usize,
    flushes: HashMap<u64, oneshot::Sender<()>>,
    next_flush: u64,
    entries: Vec<Entry>,
    /// Most users have few partition keys.
    hashes: HashKeyCache,
    failures: Failures,
    finished: bool,
}

impl<C: StreamClient> Task<C> {
    pub(super) fn new(client: C, shared: Arc<Shared>) -> Self {
        let config = shared.config.clone();
        Self {
            client: Arc::new(client),
            pipeline: Pipeline::new(config),
            shared,
            calls: JoinSet::new(),
            under_way: HashMap::new(),
            puts_under_way: 0,
            flushes: HashMap::new(),
            next_flush: 0,
            entries: Vec::new(),
            hashes: HashKeyCache::default(),
            failures: Failures::default(),
            finished: false,
        }
    }

    /// Until it is closed and all is resolved.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let buffered = shared.config.settings.record_max_buffered_time;
        let nap = (buffered / 20).min(LONGEST_NAP);
        loop {
            // Before it is asked whether any is lacking or free, so that nothing falls between.
            let room_lacking = shared.limits.room.lacking();
            let freed = shared.limits.connection_freed();
            let (state, give_up) = shared.take(&mut self.entries, !nap.is_zero());
            let napping = !self.entries.is_empty();
            self.take_in();
            let now = shared.now();
            if state == State::Closing {
                self.pipeline.hurry(now);
            }
            if let Some(give_up) = give_up {
                self.give_up(give_up);
                break;
            }
            let free = shared.limits.free_connections();
            self.pipeline.limit_connections(self.puts_under_way + free);
            self.drive(now);
            if state == State::Closing && self.pipeline.pending() == 0 && !napping {
                break;
            }
            let nap_ends = napping.then(|| now + nap);
            let wake = self.pipeline.wake().into_iter().chain(nap_ends).min();
            let lacks_connection = free == 0;
            tokio::select! {
                () = self.wait(wake) => {}
                () = room_lacking => {}
                () = freed, if lacks_connection => {}
            }
        }
        self.finished = true;
    }

    /// Does all that is due. Where callers lack room that no answer will free, what is held is made to
    /// go: open aggregates only if nothing that is closed can go, and not behind others, as closing them
    /// before they are full makes more of them.
    fn drive(&mut self, now: Time) {
        self.step(now);
        for hurry in [Pipeline::hurry_closed, Pipeline::hurry_first] {
            if self.puts_under_way == 0 && self.shared.limits.room.is_lacking() {
                hurry(&mut self.pipeline, now);
                self.step(now);
            }
        }
    }

    /// Does what is due now, and frees the room of what is resolved.
    fn step(&mut self, now: Time) {
        self.pipeline.drive(now);
        self.act();
        self.shared.learn(
            self.pipeline.is_service_managed(),
            self.pipeline.max_record_size(),
            self.pipeline.is_over(),
        );
        self.resolve();
    }

    /// Hands what was put to the pipeline, and each flush in its place, so that it hurries only what
    /// was put before it.
    fn take_in(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        let records = entries.iter().filter_map(Entry::record);
        let mut hash_keys = self.hashes.hash_keys(records).into_iter();
        for entry in entries.drain(..) {
            match entry {
                Entry::Put(record, accepted, ticket) => {
                    let hash_key = hash_keys.next().flatten();
                    self.pipeline.put(accepted, record, hash_key, ticket);
                }
                Entry::Flush(done) => self.flush(done),
            }
        }
        self.entries = entries;
    }

    fn flush(&mut self, done: oneshot::Sender<()>) {
        let now = self.shared.now();
        self.flushes.insert(self.next_flush, done);
        self.pipeline.flush(now, self.next_flush);
        self.next_flush += 1;
    }

    /// Resolves all that is left as given up, and hands it over.
    fn give_up(&mut self, give_up: GiveUp) {
        self.resolve();
        self.pipeline.abort(&FailureKind::GivenUp);
        let resolved = self.take_resolved();
        let errors = resolved
            .iter()
            .filter_map(|(_, outcome)| outcome.as_ref().err());
        let given_up: Vec<_> = errors.cloned().collect();
        self.shared.tell(resolved);
        tracing::warn!(
            records = given_up.len(),
            "closed before all records were resolved"
        );
        // Nothing is left that a flush could wait for.
        self.resolve();
        // The caller may have stopped waiting.
        let _ = give_up.send(given_up);
    }

    /// Starts the calls that the pipeline asks for.
    fn act(&mut self) {
        let limit = self.shared.config.settings.request_timeout;
        let panicked = |maybe_stored| ClientError::retry("Panic", maybe_stored);
        for action in self.pipeline.take_actions() {
            let client = Arc::clone(&self.client);
            let (handle, panicked) = match action {
                Action::PutRecords { id, records } => {
                    tracing::debug!(id, records = records.len(), "put_records");
                    let connection = self.shared.limits.connection();
                    let call = async move {
                        let _connection = connection.await;
                        let put = client.put_records(records);
                        Answer::Put(id, within(limit, put, true).await)
                    };
                    self.puts_under_way += 1;
                    (self.calls.spawn(call), Answer::Put(id, Err(panicked(true))))
                }
                Action::ListShards => {
                    tracing::debug!("list_shards");
                    // A list may have any number of pages: the client limits each.
                    let call = async move { Answer::Shards(client.list_shards().await) };
                    (self.calls.spawn(call), Answer::Shards(Err(panicked(false))))
                }
                Action::Describe => {
                    tracing::debug!("describe");
                    let call = async move {
                        Answer::Description(within(limit, client.describe(), false).await)
                    };
                    let panicked = Answer::Description(Err(panicked(false)));
                    (self.calls.spawn(call), panicked)
                }
            };
            self.under_way.insert(handle.id(), panicked);
        }
    }

    /// Tells the outcomes.
    fn resolve(&mut self) {
        self.pipeline.publish();
        let resolved = self.take_resolved();
        self.shared.tell(resolved);
        for id in self.pipeline.take_flushed() {
            if let Some(flush) = self.flushes.remove(&id) {
                // The caller may have stopped waiting.
                let _ = flush.send(());
            }
        }
    }

    /// Waits for an answer, for something that was put, or for the time. May be dropped.
    async fn wait(&mut self, wake: Option<Time>) {
        let wake = wake.and_then(|wake| self.shared.at(wake));
        let sleep = async {
            match wake {
                Some(wake) => sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        let mut next = tokio::select! {
            Some(answer) = self.calls.join_next_with_id() => Some(answer),
            () = self.shared.woken() => None,
            () = sleep => None,
        };
        while let Some(answer) = next {
            self.answered(answer);
            next = self.calls.try_join_next_with_id();
        }
    }

    fn answered(&mut self, answer: Result<(Id, Answer), JoinError>) {
        let now = self.shared.now();
        let (id, answer) = match answer {
            Ok((id, answer)) => (id, Some(answer)),
            Err(error) => (error.id(), None),
        };
        let Some(panicked) = self.under_way.remove(&id) else {
            return;
        };
        match answer.unwrap_or(panicked) {
            Answer::Put(id, answer) => {
                self.puts_under_way = self.puts_under_way.saturating_sub(1);
                self.note("put_records", &answer);
                for error in answer.iter().flatten().filter_map(|one| one.as_ref().err()) {
                    let reason = || error.reason();
                    let line = self.failures.note(now, "record", error.code(), reason);
                    line.iter().for_each(Line::tell);
                }
                self.pipeline.answered(now, id, answer);
            }
            Answer::Shards(answer) => {
                self.note("list_shards", &answer);
                self.pipeline.listed(now, answer);
            }
            Answer::Description(answer) => {
                self.note("describe", &answer);
                self.pipeline.described(now, answer);
            }
        }
        for line in self.failures.due(now, false) {
            line.tell();
        }
    }
}

impl<C> Task<C> {
    /// Takes what is resolved, and frees its room.
    fn take_resolved(&mut self) -> Vec<(Ticket, Outcome)> {
        let resolved = self.pipeline.take_finished();
        let bytes = self.pipeline.take_freed_bytes();
        self.shared
            .resolved(resolved.len(), bytes, self.pipeline.metrics());
        resolved
    }

    fn note<T>(&mut self, what: &'static str, answer: &Result<T, ClientError>) {
        if let Err(error) = answer {
            let now = self.shared.now();
            let line = self
                .failures
                .note(now, what, error.code(), || error.reason());
            line.iter().for_each(Line::tell);
        }
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
        let mut aborted = 0;
        if !self.finished {
            self.shared.abort();
            self.pipeline.abort(&FailureKind::Aborted);
            let resolved = self.take_resolved();
            aborted = resolved.len();
            self.shared.tell(resolved);
        }
        for line in self.failures.due(self.shared.now(), true) {
            line.tell();
        }
        self.pipeline.publish();
        aborted += self.shared.end(!self.finished);
        if aborted > 0 {
            tracing::error!(
                records = aborted,
                "the runtime ended with records that are not resolved: close the producer before"
            );
        }
    }
}
