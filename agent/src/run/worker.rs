//! The thread that reads a flow's files.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Sender;

use super::host::Host;
use super::prepare::{Surroundings, prepare};

use crate::config::{Flow, PartitionKeyOption};
use crate::deliver::{Outgoing, RecordId, Traffic, add_md5_keys};
use crate::follow::{FileRecord, Follower, Now, Report};
use crate::fs::FileSystem;
use crate::metrics::FlowMetrics;
use crate::positions::PositionStore;

/// Positions are saved at most this often.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How many of the records that a converter leaves out are logged.
const SHOWN_SKIPPED: u64 = 5;

pub(super) struct Worker<S: FileSystem> {
    pub(super) flow: Flow,
    pub(super) fs: S,
    pub(super) follower: Follower<S>,
    pub(super) store: Arc<Mutex<PositionStore>>,
    pub(super) outgoing: Option<Sender<Vec<Outgoing>>>,
    pub(super) done: Receiver<Vec<RecordId>>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) metrics: FlowMetrics,
    pub(super) max_memory: usize,
    pub(super) checkpoint_ttl: Duration,
    pub(super) host: Host,
}

impl<S: FileSystem> Worker<S> {
    /// Reads and saves until it is told to stop, and then goes on to save until the delivery has ended.
    pub(super) fn run(mut self) {
        let started = Instant::now();
        let mut saved_at = None;
        let mut more = false;
        loop {
            let is_over = self.acknowledge(if more {
                Duration::ZERO
            } else {
                self.flow.poll_interval()
            });
            if self.stop.load(Ordering::Relaxed) {
                self.outgoing = None;
            }
            if self.outgoing.is_some() {
                more = self.read(started.elapsed());
            }
            let now = started.elapsed();
            if saved_at.is_none_or(|at| now.saturating_sub(at) >= SAVE_EVERY) || is_over {
                self.save();
                saved_at = Some(now);
            }
            if is_over {
                return;
            }
        }
    }

    /// Acknowledges the records that were delivered, and waits up to `wait` for the first. Returns whether the
    /// delivery has ended.
    fn acknowledge(&mut self, wait: Duration) -> bool {
        let mut wait = wait;
        loop {
            match self.done.recv_timeout(wait) {
                Ok(ids) => {
                    for id in ids {
                        self.follower.acknowledge(id.file, id.serial);
                    }
                    wait = Duration::ZERO;
                }
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Reads some more. Returns whether there may be more to read at once.
    fn read(&mut self, monotonic: Duration) -> bool {
        let room = self.max_memory.saturating_sub(self.follower.held());
        let now = Now {
            monotonic,
            wall: wall(),
        };
        let more = self.follower.poll(&self.fs, now, room);
        for report in self.follower.take_reports() {
            if matches!(report, Report::Lost { at_least: 1.., .. }) {
                self.traffic.lost();
            }
            log(&self.flow, &report);
        }
        let records = self.follower.take_records();
        if !records.is_empty() {
            let batch = self.convert(records);
            if let Some(outgoing) = &self.outgoing
                && outgoing.blocking_send(batch).is_err()
            {
                self.outgoing = None;
            }
        }
        more && room > 0
    }

    fn convert(&mut self, records: Vec<FileRecord>) -> Vec<Outgoing> {
        let mut around = Surroundings {
            path: String::new(),
            host: self.host.name(),
            instance: self.host.instance(),
            now: u64::try_from(wall() / 1_000_000).unwrap_or(0),
        };
        let wants_path =
            self.flow.file_field().is_some() || self.flow.partition_key_from().is_some();
        let mut file = None;
        let mut batch = Vec::with_capacity(records.len());
        for record in records {
            let len = record.data.len();
            if wants_path && file != Some(record.file) {
                let path = self.follower.first_path(record.file).unwrap_or_default();
                around.path = path.to_string_lossy().into_owned();
                file = Some(record.file);
            }
            let id = RecordId {
                file: record.file,
                serial: record.serial,
            };
            match prepare(&self.flow, id, record.data, &around) {
                Some(outgoing) => {
                    self.metrics.converted();
                    batch.push(outgoing);
                }
                None => {
                    self.metrics.left_out();
                    if self.traffic.skipped() < SHOWN_SKIPPED {
                        tracing::warn!(
                            "{}: a record of {len} bytes has not the form that dataProcessingOptions asks for, and is skipped",
                            self.flow.id()
                        );
                    }
                    self.follower.acknowledge(id.file, id.serial);
                }
            }
        }
        if self.flow.partition_key() == PartitionKeyOption::Deterministic {
            add_md5_keys(&mut batch);
        }
        batch
    }

    /// A disk that is full delays this; then more is repeated after a kill, and nothing is lost.
    fn save(&mut self) {
        let ttl = i128::try_from(self.checkpoint_ttl.as_nanos()).unwrap_or(i128::MAX);
        self.follower.forget(wall().saturating_sub(ttl));
        if !self.follower.has_started() {
            // The next start is the very first one still.
            return;
        }
        let saved = self.follower.saved();
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = store.save([(self.flow.id().as_str(), &saved)]) {
            tracing::error!("{}: positions cannot be saved: {error}", self.flow.id());
        }
    }
}

/// The wall clock, in nanoseconds since 1970.
fn wall() -> i128 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos().cast_signed()
}

fn log(flow: &Flow, report: &Report) {
    let flow = flow.id();
    match report {
        Report::Found { path, position } => {
            tracing::info!("{flow}: follows {} from byte {position}", path.display());
        }
        Report::FoundAgain {
            from,
            path,
            position,
        } => tracing::info!(
            "{flow}: {} is {} now; goes on at byte {position}",
            from.display(),
            path.display()
        ),
        Report::Finished { path, len } => {
            tracing::info!("{flow}: {} is read to its end, {len} bytes", path.display());
        }
        Report::Lost {
            path,
            position,
            at_least: 0,
        } => tracing::info!(
            "{flow}: {} was cut off at byte {position}; all that was seen of it is read",
            path.display()
        ),
        Report::Lost {
            path,
            position,
            at_least,
        } => tracing::error!(
            "{flow}: what {} held from byte {position} on is not to be found any more: at least {at_least} bytes are lost",
            path.display()
        ),
        Report::Cut { path, records } => {
            tracing::warn!(
                "{flow}: {records} records of {} were too long and are cut",
                path.display()
            );
        }
        Report::Unreadable { path, reason } => {
            tracing::warn!("{flow}: {} cannot be read: {reason}", path.display());
        }
    }
}
