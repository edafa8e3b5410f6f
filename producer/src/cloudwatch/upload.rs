//! The uploads, one after the other.

use std::collections::VecDeque;
use std::future::Future;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata as _;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDatum;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::batch;
use super::data::Selection;
use crate::MetricsRecorder;

/// What is kept of what could not be uploaded, in metrics; the oldest go first.
const MAX_KEPT: usize = 20_000;

/// What became of the uploads so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploads {
    pub(super) uploaded: u64,
    pub(super) failed_requests: u64,
    pub(super) dropped: u64,
    pub(super) kept: u64,
}

impl Uploads {
    /// Metrics that CloudWatch took.
    pub fn uploaded(&self) -> u64 {
        self.uploaded
    }

    /// Requests that failed.
    pub fn failed_requests(&self) -> u64 {
        self.failed_requests
    }

    /// Metrics given up: more than 20,000 waited for an upload, or it was closed before one
    /// succeeded.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Metrics that wait for the next upload, because the last one failed.
    pub fn kept(&self) -> u64 {
        self.kept
    }
}

/// CloudWatch, or what stands in for it in tests.
pub(super) trait PutMetricData: Send + Sync + 'static {
    /// # Errors
    ///
    /// The service's code, or that there was no answer.
    fn put(&self, data: Vec<MetricDatum>) -> impl Future<Output = Result<(), String>> + Send;
}

/// With the namespace.
impl PutMetricData for (Client, String) {
    async fn put(&self, data: Vec<MetricDatum>) -> Result<(), String> {
        let (client, namespace) = self;
        let put = client.put_metric_data().namespace(namespace);
        match put.set_metric_data(Some(data)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.code().unwrap_or("NoAnswer").to_owned()),
        }
    }
}

pub(super) struct Uploader<C> {
    client: C,
    recorder: MetricsRecorder,
    selection: Selection,
    waiting: VecDeque<MetricDatum>,
    uploads: Uploads,
    shown: watch::Sender<Uploads>,
}

impl<C: PutMetricData> Uploader<C> {
    pub(super) fn new(
        client: C,
        recorder: MetricsRecorder,
        selection: Selection,
        shown: watch::Sender<Uploads>,
    ) -> Self {
        Self {
            client,
            recorder,
            selection,
            waiting: VecDeque::new(),
            uploads: Uploads::default(),
            shown,
        }
    }

    /// Until `closed` says so, or nobody is left to say it.
    pub(super) async fn run(mut self, delay: Duration, mut closed: watch::Receiver<bool>) {
        let mut tick = interval_at(Instant::now() + delay, delay);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let goes_on = tokio::select! {
                _ = tick.tick() => true,
                _ = closed.wait_for(|closed| *closed) => false,
            };
            self.upload().await;
            if !goes_on {
                break;
            }
        }
        self.uploads.dropped += self.uploads.kept;
        self.uploads.kept = 0;
        self.shown.send_replace(self.uploads);
    }

    /// Uploads what was recorded since the last time, and what failed then. After a failure the
    /// rest waits: what went wrong will not be better at once.
    async fn upload(&mut self) {
        let recorded = self.recorder.take();
        let now = DateTime::from(SystemTime::now());
        self.waiting.extend(self.selection.data(&recorded, now));
        while !self.waiting.is_empty() {
            let data = batch::take(&mut self.waiting);
            let count = data.len();
            match self.client.put(data.clone()).await {
                Ok(()) => self.uploads.uploaded += to_u64(count),
                Err(code) => {
                    tracing::warn!(code, metrics = count, "put_metric_data failed");
                    self.uploads.failed_requests += 1;
                    for datum in data.into_iter().rev() {
                        self.waiting.push_front(datum);
                    }
                    break;
                }
            }
        }
        let excess = self.waiting.len().saturating_sub(MAX_KEPT);
        self.waiting.drain(..excess);
        self.uploads.dropped += to_u64(excess);
        self.uploads.kept = to_u64(self.waiting.len());
        self.shown.send_replace(self.uploads);
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes so many requests, then refuses so many, and so on.
    #[derive(Clone, Default)]
    struct Stub {
        refuses: Arc<Mutex<VecDeque<bool>>>,
        taken: Arc<Mutex<Vec<String>>>,
    }

    impl PutMetricData for Stub {
        async fn put(&self, data: Vec<MetricDatum>) -> Result<(), String> {
            if self.refuses.lock().unwrap().pop_front() == Some(true) {
                return Err("Throttling".to_owned());
            }
            let names = data
                .iter()
                .map(|datum| datum.metric_name().unwrap().to_owned());
            self.taken.lock().unwrap().extend(names);
            Ok(())
        }
    }

    fn uploader(refuses: &[bool]) -> (Uploader<Stub>, Stub, watch::Receiver<Uploads>) {
        let stub = Stub::default();
        stub.refuses.lock().unwrap().extend(refuses);
        let (shown, uploads) = watch::channel(Uploads::default());
        let recorder = MetricsRecorder::new();
        let uploader = Uploader::new(stub.clone(), recorder, Selection::default(), shown);
        (uploader, stub, uploads)
    }

    fn datum(name: &str) -> MetricDatum {
        MetricDatum::builder().metric_name(name).build()
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_counted_and_uploaded_the_next_time_in_order() {
        let (mut uploader, stub, mut uploads) = uploader(&[true, false]);
        uploader.waiting.extend([datum("one"), datum("two")]);
        let (closing, closed) = watch::channel(false);
        let run = tokio::spawn(uploader.run(Duration::from_secs(60), closed));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(*uploads.borrow(), Uploads::default());
        uploads.changed().await.unwrap();
        let failed = Uploads {
            failed_requests: 1,
            kept: 2,
            ..Uploads::default()
        };
        assert_eq!(*uploads.borrow_and_update(), failed);
        uploads.changed().await.unwrap();
        assert_eq!(uploads.borrow_and_update().uploaded(), 2);
        assert_eq!(*stub.taken.lock().unwrap(), ["one", "two"]);
        closing.send_replace(true);
        run.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_uploads_at_once_and_tells_what_it_gives_up() {
        let (mut uploader, _, uploads) = uploader(&[true]);
        uploader.waiting.push_back(datum("one"));
        let (closing, closed) = watch::channel(false);
        drop(closing);
        uploader.run(Duration::from_secs(60), closed).await;
        let ended = *uploads.borrow();
        assert_eq!((ended.kept(), ended.dropped()), (0, 1));
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_the_oldest_go_first() {
        let (mut uploader, stub, uploads) = uploader(&[true, false]);
        uploader.waiting.push_back(datum("old"));
        uploader.waiting.extend(vec![datum("new"); MAX_KEPT]);
        uploader.upload().await;
        assert_eq!(
            (uploads.borrow().kept(), uploads.borrow().dropped()),
            (20_000, 1)
        );
        uploader.upload().await;
        assert_eq!(uploads.borrow().uploaded(), 20_000);
        assert!(stub.taken.lock().unwrap().iter().all(|name| name == "new"));
    }
}
