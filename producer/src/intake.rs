//! What the handles and the task share: the queue between them, and how it ends.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::delivery::{Delivery, Ticket, Tickets};
use super::limits::Limits;
use super::lock::lock;
use super::metrics::Metrics;
use super::outcome::{DeliveryError, Outcome, PutError, PutErrorKind, Time};
use super::pipeline::room;
use super::room::{Taken, Waiting};
use super::settings::{Config, HIGHEST_RECORD_SIZE};
use kinesis_aggregation::UserRecord;
use kinesis_aggregation::wire::is_framed;

/// So many user records wake the task, or so many bytes, even if it would look by itself soon.
const WAKE_RECORDS: usize = 512;
const WAKE_BYTES: usize = 256 * 1024;

/// What the handles give to the task, in order.
pub(super) enum Entry {
    /// A user record that was accepted then.
    Put(UserRecord, Time, Ticket),
    /// Someone waits until all that was put before is resolved.
    Flush(oneshot::Sender<()>),
}

impl Entry {
    pub(super) fn record(&self) -> Option<&UserRecord> {
        match self {
            Self::Put(record, ..) => Some(record),
            Self::Flush(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Nothing more is accepted; what was is sent.
    Closing,
    /// All is resolved.
    Closed,
    /// The task ended before its time.
    Aborted,
}

/// Gets what was not resolved when the producer stopped trying.
pub(super) type GiveUp = oneshot::Sender<Vec<DeliveryError>>;

struct Queue {
    entries: Vec<Entry>,
    tickets: Tickets,
    bytes: usize,
    give_up: Option<GiveUp>,
    state: State,
    /// The task looks by itself soon, so that it need not be woken for every user record.
    is_watched: bool,
}

pub(super) struct Shared {
    pub(super) config: Config,
    started: Instant,
    queue: Mutex<Queue>,
    wake: Notify,
    pub(super) limits: Arc<Limits>,
    accepted: AtomicU64,
    resolved: AtomicU64,
    max_record_size: AtomicUsize,
    is_service_managed: AtomicBool,
    metrics: Mutex<Metrics>,
    closing: watch::Sender<bool>,
    /// Whether the pipeline holds more than it can send in time, so that it takes nothing more for now.
    is_over: AtomicBool,
    /// Wakes callers once the pipeline can take more.
    is_not_over: Notify,
    /// Held by the caller that is the next to be accepted, while it waits for that and for room.
    turn: tokio::sync::Mutex<()>,
    /// How many callers wait for their turn, or have it.
    waiting: AtomicUsize,
    ended: watch::Sender<bool>,
}

impl Shared {
    /// For a producer that runs on this runtime.
    pub(super) fn new(config: Config, runtime: runtime::Id) -> Self {
        Self {
            started: Instant::now(),
            queue: Mutex::new(Queue {
                entries: Vec::new(),
                tickets: Tickets::new(runtime),
                bytes: 0,
                give_up: None,
                state: State::Open,
                is_watched: false,
            }),
            wake: Notify::new(),
            limits: config.limits(),
            accepted: AtomicU64::new(0),
            resolved: AtomicU64::new(0),
            max_record_size: AtomicUsize::new(config.max_record_size(Some(HIGHEST_RECORD_SIZE))),
            is_service_managed: AtomicBool::new(false),
            metrics: Mutex::default(),
            closing: watch::Sender::new(false),
            is_over: AtomicBool::new(false),
            is_not_over: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
            ended: watch::Sender::new(false),
            config,
        }
    }

    pub(super) fn now(&self) -> Time {
        self.started.elapsed()
    }

    pub(super) fn at(&self, time: Time) -> Option<Instant> {
        self.started.checked_add(time)
    }

    fn check(&self, record: &UserRecord) -> Result<(), PutErrorKind> {
        let max = self.max_record_size.load(Ordering::Relaxed);
        let checked = self.config.aggregate.check_within(record, max);
        checked.map_err(PutErrorKind::Refused)?;
        if self.is_service_managed.load(Ordering::Relaxed) {
            let settings = &self.config.settings;
            if settings.ordered {
                return Err(PutErrorKind::NoOrder);
            }
            if !settings.aggregates_anywhere() && is_framed(record.data()) {
                return Err(PutErrorKind::LooksLikeAggregate);
            }
        }
        Ok(())
    }

    /// Takes a user record if there is room now.
    pub(super) fn try_put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        if let Err(kind) = self.check(&record) {
            return Err(self.refuse(record, kind));
        }
        let must_wait = self.waiting.load(Ordering::SeqCst) > 0 || self.is_over();
        let room = Some(&self.limits.room).filter(|_| !must_wait);
        match room.and_then(|room| room.try_take(bytes(&record))) {
            Some(taken) => self.accept(record, taken),
            None => Err(self.refuse(record, PutErrorKind::NoRoom)),
        }
    }

    /// Takes a user record as soon as there is room. Dropping the future gives back what it had
    /// of it.
    pub(super) async fn put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        let record = match self.try_put(record) {
            Err(error) if error.kind() == PutErrorKind::NoRoom => error.into_record(),
            tried => return tried,
        };
        let mut closing = self.closing.subscribe();
        let _waiting = Waiting::new(&self.waiting);
        let taken = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => None,
            taken = self.take_room(bytes(&record)) => taken,
        };
        // The turn passes on when this one is accepted, or refused.
        let Some((taken, _turn)) = taken else {
            return Err(self.refuse(record, PutErrorKind::NoRoom));
        };
        // The stream may have changed meanwhile.
        if let Err(kind) = self.check(&record) {
            return Err(self.refuse(record, kind));
        }
        self.accept(record, taken)
    }

    /// Takes room for one record of so many bytes in its turn, once no more waits than can go in
    /// time. Until then it takes no room, nor a place in the queue for it: other producers may
    /// share both.
    async fn take_room(&self, bytes: u32) -> Option<(Taken<'_>, tokio::sync::MutexGuard<'_, ()>)> {
        let turn = self.turn.lock().await;
        loop {
            // Before it is asked, so that nothing falls between.
            let is_not_over = self.is_not_over.notified();
            if self.is_over() {
                is_not_over.await;
                continue;
            }
            let taken = self.limits.room.take(bytes).await?;
            if !self.is_over() {
                return Some((taken, turn));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn accept(&self, record: UserRecord, taken: Taken<'_>) -> Result<Delivery, PutError> {
        let mut queue = lock(&self.queue);
        if queue.state != State::Open {
            drop(queue);
            return Err(self.refuse(record, PutErrorKind::NoRoom));
        }
        queue.bytes += record.data().len();
        let (ticket, delivery) = queue.tickets.next();
        // Under the lock, so that the order of acceptance is that of the times.
        let accepted = self.now();
        queue.entries.push(Entry::Put(record, accepted, ticket));
        let wake = if queue.is_watched {
            queue.entries.len() == WAKE_RECORDS || queue.bytes >= WAKE_BYTES
        } else {
            queue.entries.len() == 1
        };
        if wake {
            queue.bytes = 0;
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        drop(queue);
        taken.keep();
        if wake {
            self.wake.notify_one();
        }
        Ok(delivery)
    }

    /// Gives a record back for this reason, unless nothing is accepted any more: that will never be
    /// otherwise, so that nobody is to try again.
    fn refuse(&self, record: UserRecord, kind: PutErrorKind) -> PutError {
        let kind = match lock(&self.queue).state {
            State::Open => kind,
            State::Closing | State::Closed => PutErrorKind::Closed,
            State::Aborted => PutErrorKind::Aborted,
        };
        PutError::new(record, kind)
    }

    /// Resolves when all that was put is resolved; an error if the task ends before.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        let mut queue = lock(&self.queue);
        match queue.state {
            State::Open | State::Closing => queue.entries.push(Entry::Flush(done)),
            State::Closed => drop(done.send(())),
            State::Aborted => {}
        }
        drop(queue);
        self.wake.notify_one();
        receiver
    }

    /// Accepts no more; callers waiting for room get their records back.
    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        if queue.state == State::Open {
            queue.state = State::Closing;
        }
        drop(queue);
        self.closing.send_replace(true);
        self.wake.notify_one();
    }

    /// Gives up what is not resolved. Returns that; `None` if the task ended before its time.
    pub(super) async fn give_up(&self) -> Option<Vec<DeliveryError>> {
        let (give_up, given_up) = oneshot::channel();
        {
            let mut queue = lock(&self.queue);
            match queue.state {
                State::Open | State::Closing => queue.give_up = Some(give_up),
                // The task is gone: nobody else would end the wait.
                State::Closed | State::Aborted => drop(give_up),
            }
        }
        self.wake.notify_one();
        // An error if all was resolved just now, or if another call gives up.
        let given_up = given_up.await.unwrap_or_default();
        self.ended().await.then_some(given_up)
    }

    /// Waits for the task's end. Whether it ended in its time.
    pub(super) async fn ended(&self) -> bool {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as self.
        let _ = ended.wait_for(|ended| *ended).await;
        lock(&self.queue).state == State::Closed
    }

    /// Returns how many user records are accepted and not resolved.
    pub(super) fn pending(&self) -> u64 {
        let resolved = self.resolved.load(Ordering::Acquire);
        let accepted = self.accepted.load(Ordering::Relaxed);
        accepted.saturating_sub(resolved)
    }

    pub(super) fn metrics(&self) -> Metrics {
        // What the task has not taken yet is received too.
        let received = self.accepted.load(Ordering::Relaxed);
        lock(&self.metrics).clone().with_received(received)
    }

    // The task's side.

    /// Moves what came into `entries`, and returns what else was asked for.
    pub(super) fn take(&self, entries: &mut Vec<Entry>, watches: bool) -> (State, Option<GiveUp>) {
        let mut queue = lock(&self.queue);
        std::mem::swap(&mut queue.entries, entries);
        queue.bytes = 0;
        queue.is_watched = watches && !entries.is_empty();
        (queue.state, queue.give_up.take())
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Frees the room of this many records, and shows the metrics: before their outcomes are told,
    /// because the caller may react to one by putting the next record, or looking at the metrics.
    pub(super) fn resolved(&self, records: usize, bytes: usize, metrics: &Metrics) {
        lock(&self.metrics).clone_from(metrics);
        self.free(records, bytes);
    }

    fn free(&self, records: usize, bytes: usize) {
        self.resolved.fetch_add(records as u64, Ordering::Release);
        self.limits.room.free(records, bytes);
    }

    /// Tells outcomes.
    pub(super) fn tell(&self, resolved: impl IntoIterator<Item = (Ticket, Outcome)>) {
        for (ticket, outcome) in resolved {
            if let Some(hook) = &self.config.settings.on_outcome {
                hook.call(&outcome);
            }
            ticket.send(outcome);
        }
    }

    pub(super) fn learn(&self, is_service_managed: bool, max_record_size: usize, is_over: bool) {
        self.is_over.store(is_over, Ordering::SeqCst);
        if !is_over {
            self.is_not_over.notify_waiters();
        }
        self.is_service_managed
            .store(is_service_managed, Ordering::Relaxed);
        self.max_record_size
            .store(max_record_size, Ordering::Relaxed);
    }

    /// The task is about to end before its time: no more is accepted.
    pub(super) fn abort(&self) {
        lock(&self.queue).state = State::Aborted;
    }

    /// The task has ended, and all that it took is resolved. Resolves the rest as aborted, and
    /// returns how many that were.
    pub(super) fn end(&self, aborted: bool) -> usize {
        let mut queue = lock(&self.queue);
        queue.state = if aborted {
            State::Aborted
        } else {
            State::Closed
        };
        let left = std::mem::take(&mut queue.entries);
        drop(queue.give_up.take());
        drop(queue);
        self.closing.send_replace(true);
        let mut not_sent = Vec::new();
        for entry in left {
            match entry {
                Entry::Put(record, _, ticket) => not_sent.push((record, ticket)),
                // Nothing is left to wait for, unless the task ended before its time.
                Entry::Flush(done) if !aborted => drop(done.send(())),
                Entry::Flush(_) => {}
            }
        }
        let count = not_sent.len();
        let bytes = not_sent.iter().map(|(record, _)| room(record)).sum();
        self.free(count, bytes);
        let not_sent = not_sent.into_iter();
        self.tell(not_sent.map(|(record, ticket)| (ticket, Err(DeliveryError::not_sent(record)))));
        self.ended.send_replace(true);
        count
    }
}

/// No record has more than 10 MiB.
fn bytes(record: &UserRecord) -> u32 {
    u32::try_from(room(record)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ProducerBuilder;

    /// All may resolve between the end of a limit and the question what is left.
    #[tokio::test(start_paused = true)]
    async fn giving_up_after_the_end_gives_nothing_and_does_not_wait() {
        let config = ProducerBuilder::default().config().expect("the defaults");
        let shared = Shared::new(config, runtime::Handle::current().id());
        shared.end(false);
        let given_up = tokio::time::timeout(Time::from_secs(1), shared.give_up());
        let left = given_up.await.expect("at once").expect("it ended in time");
        assert!(left.is_empty());
    }
}
