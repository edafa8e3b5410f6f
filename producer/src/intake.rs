//! What handles and task share: the room, the queue between them, and the way to an end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::account::room;
use super::delivery::{Delivery, Ticket, Tickets};
use super::metrics::Metrics;
use super::outcome::{DeliveryError, PutError, PutErrorKind, Time};
use super::settings::Config;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation::wire::is_framed;

/// So many user records wake the task, or so many bytes, even if it would look by itself soon.
const WAKE_RECORDS: usize = 512;
const WAKE_BYTES: usize = 256 * 1024;

/// A user record between the handle and the task.
pub(super) struct Entry {
    pub(super) record: UserRecord,
    pub(super) accepted: Time,
    pub(super) ticket: Ticket,
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

struct Queue {
    entries: Vec<Entry>,
    tickets: Tickets,
    bytes: usize,
    flushes: Vec<oneshot::Sender<()>>,
    state: State,
    /// The task looks by itself soon, so that it need not be woken for every user record.
    is_watched: bool,
}

pub(super) struct Shared {
    pub(super) config: Config,
    started: Instant,
    queue: Mutex<Queue>,
    wake: Notify,
    bytes: Semaphore,
    records: Semaphore,
    max_record_size: AtomicUsize,
    is_service_managed: AtomicBool,
    metrics: Mutex<Metrics>,
    ended: watch::Sender<bool>,
}

/// Nobody panics while holding one of these locks, and what they guard has no broken states.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(config: Config) -> Self {
        let settings = &config.settings;
        let bytes = settings.max_pending_bytes.min(Semaphore::MAX_PERMITS);
        let records = settings.max_pending_records.min(Semaphore::MAX_PERMITS);
        Self {
            started: Instant::now(),
            queue: Mutex::new(Queue {
                entries: Vec::new(),
                tickets: Tickets::default(),
                bytes: 0,
                flushes: Vec::new(),
                state: State::Open,
                is_watched: false,
            }),
            wake: Notify::new(),
            bytes: Semaphore::new(bytes),
            records: Semaphore::new(records),
            max_record_size: AtomicUsize::new(config.max_record_size(None)),
            is_service_managed: AtomicBool::new(false),
            metrics: Mutex::default(),
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
        let aggregate = &self.config.aggregate;
        let checked = aggregate.check_within(record, max);
        checked.map_err(PutErrorKind::Refused)?;
        if self.is_service_managed.load(Ordering::Relaxed) {
            let settings = &self.config.settings;
            let aggregates =
                settings.aggregate_on_service_managed_streams && settings.aggregation_enabled;
            if settings.ordered {
                return Err(PutErrorKind::NoOrder);
            }
            if !aggregates && is_framed(record.data()) {
                return Err(PutErrorKind::LooksLikeAggregate);
            }
        }
        Ok(())
    }

    /// Takes a user record if there is room now.
    pub(super) fn try_put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        if let Err(kind) = self.check(&record) {
            return Err(PutError::new(record, kind));
        }
        let permits = self.records.try_acquire().and_then(|one| {
            let bytes = self.bytes.try_acquire_many(bytes(&record))?;
            Ok((one, bytes))
        });
        match permits {
            Ok((one, bytes)) => {
                let accepted = self.accept(record)?;
                one.forget();
                bytes.forget();
                Ok(accepted)
            }
            Err(_) if self.is_open() => Err(PutError::new(record, PutErrorKind::NoRoom)),
            Err(_) => Err(self.refuse(record)),
        }
    }

    /// Takes a user record as soon as there is room. Dropping the future gives back what it had
    /// of it.
    pub(super) async fn put(&self, record: UserRecord) -> Result<Delivery, PutError> {
        let record = match self.try_put(record) {
            Err(error) if error.kind() == PutErrorKind::NoRoom => error.into_record(),
            tried => return tried,
        };
        let Ok(one) = self.records.acquire().await else {
            return Err(self.refuse(record));
        };
        let Ok(bytes) = self.bytes.acquire_many(bytes(&record)).await else {
            return Err(self.refuse(record));
        };
        // The stream may have changed meanwhile.
        if let Err(kind) = self.check(&record) {
            return Err(PutError::new(record, kind));
        }
        let accepted = self.accept(record)?;
        one.forget();
        bytes.forget();
        Ok(accepted)
    }

    fn accept(&self, record: UserRecord) -> Result<Delivery, PutError> {
        let mut queue = lock(&self.queue);
        if queue.state != State::Open {
            drop(queue);
            return Err(self.refuse(record));
        }
        queue.bytes += record.data().len();
        let (ticket, delivery) = queue.tickets.next();
        // Under the lock, so that the order of acceptance is that of the times.
        let accepted = self.now();
        queue.entries.push(Entry {
            record,
            accepted,
            ticket,
        });
        let many = queue.entries.len() == WAKE_RECORDS || queue.bytes >= WAKE_BYTES;
        let wake = if queue.is_watched {
            many
        } else {
            queue.entries.len() == 1
        };
        if wake {
            queue.bytes = 0;
        }
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
        Ok(delivery)
    }

    fn refuse(&self, record: UserRecord) -> PutError {
        let kind = match lock(&self.queue).state {
            State::Aborted => PutErrorKind::Aborted,
            _ => PutErrorKind::Closed,
        };
        PutError::new(record, kind)
    }

    fn is_open(&self) -> bool {
        lock(&self.queue).state == State::Open
    }

    /// Resolves when all that was put is resolved; an error if the task ends before.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = lock(&self.queue);
        match queue.state {
            State::Open | State::Closing => queue.flushes.push(sender),
            State::Closed => drop(sender.send(())),
            State::Aborted => {}
        }
        drop(queue);
        self.wake.notify_one();
        receiver
    }

    /// Accepts no more; those who wait for room get their records back.
    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        if queue.state == State::Open {
            queue.state = State::Closing;
        }
        drop(queue);
        self.records.close();
        self.bytes.close();
        self.wake.notify_one();
    }

    /// Waits for the task's end. Whether it ended in its time.
    pub(super) async fn ended(&self) -> bool {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as self.
        let _ = ended.wait_for(|ended| *ended).await;
        lock(&self.queue).state == State::Closed
    }

    pub(super) fn metrics(&self) -> Metrics {
        lock(&self.metrics).clone()
    }

    // The task's side.

    /// Moves what was put into `entries`, and gives the flushes asked for, and the state.
    pub(super) fn take(
        &self,
        entries: &mut Vec<Entry>,
        watches: bool,
    ) -> (Vec<oneshot::Sender<()>>, State) {
        let mut queue = lock(&self.queue);
        std::mem::swap(&mut queue.entries, entries);
        queue.bytes = 0;
        queue.is_watched = watches && !entries.is_empty();
        (std::mem::take(&mut queue.flushes), queue.state)
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn free(&self, records: usize, bytes: usize) {
        self.bytes.add_permits(bytes);
        self.records.add_permits(records);
    }

    pub(super) fn learn(&self, is_service_managed: bool, max_record_size: usize) {
        self.is_service_managed
            .store(is_service_managed, Ordering::Relaxed);
        self.max_record_size
            .store(max_record_size, Ordering::Relaxed);
    }

    pub(super) fn show(&self, metrics: &Metrics) {
        lock(&self.metrics).clone_from(metrics);
    }

    /// The task has ended, and all is resolved unless `aborted`.
    pub(super) fn end(&self, aborted: bool) {
        let mut queue = lock(&self.queue);
        queue.state = if aborted {
            State::Aborted
        } else {
            State::Closed
        };
        let left = std::mem::take(&mut queue.entries);
        let flushes = std::mem::take(&mut queue.flushes);
        drop(queue);
        if !aborted {
            // Nothing is left that they could wait for.
            for flush in flushes {
                let _ = flush.send(());
            }
        }
        self.records.close();
        self.bytes.close();
        for entry in left {
            let outcome = Err(DeliveryError::not_sent(entry.record));
            entry.ticket.send(outcome);
        }
        self.ended.send_replace(true);
    }
}

/// No record has more than 10 MiB.
fn bytes(record: &UserRecord) -> u32 {
    u32::try_from(room(record)).unwrap_or(u32::MAX)
}
