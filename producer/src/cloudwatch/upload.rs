//! The uploads, one after the other.

use std::collections::VecDeque;
use std::future::Future;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDatum;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::batch;
use crate::client::chain;

/// For one request, the SDK's retries included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// For all that is uploaded after it was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Error codes that say nothing about the metrics: the same request may be taken the next time.
/// With any other code below 500, the service refuses the metrics for good.
const RETRY: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "LimitExceeded",
    "LimitExceededException",
    "RequestExpired",
    "RequestLimitExceeded",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
];

/// Counts of what was uploaded and what was not.
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

    /// Metrics given up: CloudWatch refused them for good, more than
    /// [`max_kept`](super::CloudWatch::max_kept) waited for an upload, or it was closed before one
    /// succeeded. CloudWatch may have taken them all the same, if the answer to an earlier request was lost.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Metrics that wait for the next upload, because the last one failed.
    pub fn kept(&self) -> u64 {
        self.kept
    }
}

/// Why metrics were not uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The service's code, or a name for what happened.
    code: String,
    /// The service's message, or the chain of causes.
    reason: String,
    /// Whether the same request may be taken the next time.
    may_pass: bool,
}

/// CloudWatch, or what stands in for it in tests.
pub(super) trait PutMetricData: Send + Sync + 'static {
    fn put(&self, data: Vec<MetricDatum>) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// With the namespace.
impl PutMetricData for (Client, String) {
    async fn put(&self, data: Vec<MetricDatum>) -> Result<(), Refusal> {
        let (client, namespace) = self;
        let put = client.put_metric_data().namespace(namespace);
        match put.set_metric_data(Some(data)).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let code = error.code().unwrap_or("NoAnswer");
                let is_refusal = match &error {
                    SdkError::ServiceError(answer) => {
                        let status = answer.raw().status().as_u16();
                        (400..500).contains(&status) && status != 429 && !RETRY.contains(&code)
                    }
                    SdkError::ConstructionFailure(_) => true,
                    _ => false,
                };
                Err(Refusal {
                    code: code.to_owned(),
                    reason: chain(&error),
                    may_pass: !is_refusal,
                })
            }
        }
    }
}

pub(super) struct Uploader<C, T> {
    client: C,
    /// Gives what came since its last call, as of a time.
    take: T,
    /// Metrics that are kept when an upload fails; beyond that, the oldest are dropped.
    max_kept: usize,
    waiting: VecDeque<MetricDatum>,
    /// The code of the last failure, until an upload succeeds.
    failing: Option<String>,
    uploads: Uploads,
    shown: watch::Sender<Uploads>,
}

impl<C: PutMetricData, T: FnMut(DateTime) -> Vec<MetricDatum>> Uploader<C, T> {
    pub(super) fn new(client: C, take: T, max_kept: usize, shown: watch::Sender<Uploads>) -> Self {
        Self {
            client,
            take,
            max_kept,
            waiting: VecDeque::new(),
            failing: None,
            uploads: Uploads::default(),
            shown,
        }
    }

    /// Until `closed` says so, or nobody is left to say it; then not much longer.
    pub(super) async fn run(mut self, delay: Duration, closed: watch::Receiver<bool>) {
        let mut end = closed.clone();
        let end = async {
            // An error is an end too.
            let _ = end.wait_for(|closed| *closed).await;
            sleep(CLOSE_TIMEOUT).await;
        };
        tokio::select! {
            () = self.upload_regularly(delay, closed) => {}
            () = end => tracing::warn!("the last metrics were not uploaded in time"),
        }
        self.uploads.dropped += self.waiting.len() as u64;
        self.uploads.kept = 0;
        self.shown.send_replace(self.uploads);
    }

    async fn upload_regularly(&mut self, delay: Duration, mut closed: watch::Receiver<bool>) {
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
    }

    /// Uploads what was recorded since the last time, and what failed then. After a failure that may
    /// pass the rest waits: what went wrong will not be better at once.
    async fn upload(&mut self) {
        self.waiting
            .extend((self.take)(DateTime::from(SystemTime::now())));
        while !self.waiting.is_empty() {
            // It leaves the queue when it is uploaded or refused: this may be dropped meanwhile.
            let count = batch::next(&self.waiting);
            let data = self.waiting.iter().take(count).cloned().collect();
            let answer = timeout(REQUEST_TIMEOUT, self.client.put(data)).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(Refusal {
                    code: "Timeout".to_owned(),
                    reason: format!("no answer within {REQUEST_TIMEOUT:?}"),
                    may_pass: true,
                })
            });
            if let Err(refusal) = &answer {
                self.log(refusal, count);
                self.uploads.failed_requests += 1;
                if refusal.may_pass {
                    break;
                }
                self.uploads.dropped += count as u64;
            } else {
                self.uploads.uploaded += count as u64;
                self.failing = None;
            }
            self.waiting.drain(..count);
        }
        let excess = self.waiting.len().saturating_sub(self.max_kept);
        self.waiting.drain(..excess);
        self.uploads.dropped += excess as u64;
        self.uploads.kept = self.waiting.len() as u64;
        self.shown.send_replace(self.uploads);
    }

    /// Warns of a failure, once until another one comes or an upload succeeds: without the permission
    /// every upload fails.
    fn log(&mut self, refusal: &Refusal, metrics: usize) {
        let (code, reason, kept) = (&refusal.code, &refusal.reason, refusal.may_pass);
        if self.failing.as_ref() != Some(code) {
            tracing::warn!(code, reason, metrics, kept, "put_metric_data failed");
            self.failing = Some(code.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::super::DEFAULT_MAX_KEPT_METRICS;
    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Answer {
        Taken,
        Throttled,
        Invalid,
        Never,
    }

    /// Answers like this, and takes all that comes after.
    #[derive(Clone, Default)]
    struct Stub {
        answers: Arc<Mutex<VecDeque<Answer>>>,
        taken: Arc<Mutex<Vec<String>>>,
    }

    impl PutMetricData for Stub {
        async fn put(&self, data: Vec<MetricDatum>) -> Result<(), Refusal> {
            let answer = self.answers.lock().unwrap().pop_front();
            let may_pass = match answer.unwrap_or(Answer::Taken) {
                Answer::Taken => None,
                Answer::Throttled => Some(true),
                Answer::Invalid => Some(false),
                Answer::Never => std::future::pending().await,
            };
            if let Some(may_pass) = may_pass {
                let code = "Code".to_owned();
                let reason = String::new();
                return Err(Refusal {
                    code,
                    reason,
                    may_pass,
                });
            }
            let names = data
                .iter()
                .map(|datum| datum.metric_name().unwrap().to_owned());
            self.taken.lock().unwrap().extend(names);
            Ok(())
        }
    }

    type Nothing = fn(DateTime) -> Vec<MetricDatum>;

    fn uploader(answers: &[Answer]) -> (Uploader<Stub, Nothing>, Stub, watch::Receiver<Uploads>) {
        let stub = Stub::default();
        stub.answers.lock().unwrap().extend(answers);
        let (shown, uploads) = watch::channel(Uploads::default());
        let take = (|_| Vec::new()) as Nothing;
        let uploader = Uploader::new(stub.clone(), take, DEFAULT_MAX_KEPT_METRICS, shown);
        (uploader, stub, uploads)
    }

    fn datum(name: &str) -> MetricDatum {
        MetricDatum::builder().metric_name(name).build()
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_counted_and_uploaded_the_next_time_in_order() {
        let (mut uploader, stub, mut uploads) = uploader(&[Answer::Throttled]);
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
        let (mut uploader, _, uploads) = uploader(&[Answer::Throttled]);
        uploader.waiting.push_back(datum("one"));
        let (closing, closed) = watch::channel(false);
        drop(closing);
        uploader.run(Duration::from_secs(60), closed).await;
        let ended = *uploads.borrow();
        assert_eq!((ended.kept(), ended.dropped()), (0, 1));
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_the_oldest_go_first() {
        let (mut uploader, stub, uploads) = uploader(&[Answer::Throttled]);
        uploader.waiting.push_back(datum("old"));
        uploader
            .waiting
            .extend(vec![datum("new"); DEFAULT_MAX_KEPT_METRICS]);
        let most = DEFAULT_MAX_KEPT_METRICS as u64;
        uploader.upload().await;
        assert_eq!(
            (uploads.borrow().kept(), uploads.borrow().dropped()),
            (most, 1)
        );
        uploader.upload().await;
        assert_eq!(uploads.borrow().uploaded(), most);
        assert!(stub.taken.lock().unwrap().iter().all(|name| name == "new"));
    }

    #[tokio::test]
    async fn a_failure_is_said_once_until_an_upload_succeeds() {
        use Answer::{Taken, Throttled};
        let warnings = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&warnings);
        // Asked for once a line.
        let writer = move || {
            count.fetch_add(1, Ordering::Relaxed);
            std::io::sink()
        };
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
        let subscriber = subscriber.with_writer(writer).finish();
        let _subscriber = tracing::subscriber::set_default(subscriber);
        let (mut uploader, _, _) = uploader(&[Throttled, Throttled, Taken, Throttled]);
        for said in [1, 1, 1, 2] {
            uploader.waiting.push_back(datum("one"));
            uploader.upload().await;
            assert_eq!(warnings.load(Ordering::Relaxed), said);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_before_an_upload_is_uploaded() {
        let (shown, uploads) = watch::channel(Uploads::default());
        let stub = Stub::default();
        let take = |now| {
            vec![
                MetricDatum::builder()
                    .metric_name("own")
                    .timestamp(now)
                    .build(),
            ]
        };
        let mut uploader = Uploader::new(stub.clone(), take, DEFAULT_MAX_KEPT_METRICS, shown);
        uploader.upload().await;
        uploader.upload().await;
        assert_eq!(*stub.taken.lock().unwrap(), ["own", "own"]);
        assert_eq!(uploads.borrow().uploaded(), 2);
    }

    /// The one that is refused for good is in nobody's way.
    #[tokio::test(start_paused = true)]
    async fn what_is_refused_for_good_is_dropped_and_the_rest_goes_on() {
        let (mut uploader, stub, uploads) = uploader(&[Answer::Invalid]);
        uploader.waiting.extend(vec![datum("bad"); 1000]);
        uploader.waiting.push_back(datum("good"));
        uploader.upload().await;
        assert_eq!(*stub.taken.lock().unwrap(), ["good"]);
        let uploads = *uploads.borrow();
        assert_eq!((uploads.dropped(), uploads.kept()), (1000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hung_upload_has_a_limit_and_is_tried_again() {
        let (mut uploader, stub, uploads) = uploader(&[Answer::Never]);
        uploader.waiting.push_back(datum("one"));
        let start = Instant::now();
        uploader.upload().await;
        assert_eq!(start.elapsed(), REQUEST_TIMEOUT);
        assert_eq!(
            (uploads.borrow().failed_requests(), uploads.borrow().kept()),
            (1, 1)
        );
        uploader.upload().await;
        assert_eq!(*stub.taken.lock().unwrap(), ["one"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hung_upload_does_not_hold_up_the_end() {
        let (mut uploader, _, uploads) = uploader(&[Answer::Never, Answer::Never]);
        uploader.waiting.push_back(datum("one"));
        let (closing, closed) = watch::channel(false);
        let run = tokio::spawn(uploader.run(Duration::from_secs(60), closed));
        tokio::time::sleep(Duration::from_secs(61)).await;
        let start = Instant::now();
        closing.send_replace(true);
        run.await.unwrap();
        assert_eq!(start.elapsed(), CLOSE_TIMEOUT);
        let ended = *uploads.borrow();
        assert_eq!((ended.kept(), ended.dropped()), (0, 1));
    }
}
