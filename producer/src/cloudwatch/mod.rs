//! The producer's metrics uploaded to CloudWatch, as the KPL uploads its own: the same namespace,
//! names, dimensions, levels and granularities, so that dashboards and alarms go on.
//!
//! ```no_run
//! use kinesis_aggregation_producer::cloudwatch::{CloudWatch, MetricsLevel};
//! use kinesis_aggregation_producer::{MetricsRecorder, Producer, StreamClient};
//!
//! # async fn example(client: aws_sdk_cloudwatch::Client, stream: impl StreamClient) -> Result<(), Box<dyn std::error::Error>> {
//! let recorder = MetricsRecorder::new();
//! let upload = CloudWatch::new(client)
//!     .metrics_level(MetricsLevel::Summary)
//!     .start(&recorder)?;
//! // Any number of producers.
//! let producer = Producer::builder()
//!     .stream_name("orders")
//!     .recorder(&recorder)
//!     .build(stream)?;
//! // …
//! producer.close().await?;
//! upload.close().await; // the last interval too
//! # Ok(())
//! # }
//! ```
//!
//! Every [`metrics_upload_delay`](CloudWatch::metrics_upload_delay) what was observed since the
//! last time becomes one statistic set (count, sum, lowest, highest) for each metric, uploaded with
//! as many `PutMetricData` requests as it takes, each with a limit of 20 s. What cannot be uploaded is
//! kept for the next time, up to [`max_kept`](CloudWatch::max_kept) metrics, unless CloudWatch refuses it for good.
//! Nothing of it ever holds up a put.
//!
//! CloudWatch cannot tell a request from a second one with the same metrics. So what it has taken counts twice if
//! its answer is lost, because the same metrics are then uploaded again.
//!
//! # Metrics
//!
//! | metric | level | a shard has it |
//! |---|---|---|
//! | `UserRecordsReceived`, `UserRecordsPending` | detailed | |
//! | `UserRecordsPut` | summary | yes |
//! | `UserRecordsDataPut` (bytes) | detailed | yes |
//! | `KinesisRecordsPut` | summary | yes |
//! | `KinesisRecordsDataPut` (bytes) | detailed | yes |
//! | `AllErrors` | summary | yes |
//! | `ErrorsByCode` (with the dimension `ErrorCode`) | summary | |
//! | `RetriesPerRecord` | detailed | yes |
//! | `BufferingTime` (milliseconds) | summary | yes |
//! | `RequestTime` (milliseconds) | detailed | |
//! | `UserRecordsPerKinesisRecord` | detailed | yes |
//! | `KinesisRecordsPerPutRecordsRequest`, `UserRecordsPerPutRecordsRequest` | detailed | |
//!
//! Each is uploaded without dimensions, over all streams; from [`MetricsGranularity::Stream`] on
//! also with `StreamName`, if the producer was told it; and from [`MetricsGranularity::Shard`] on
//! also with `StreamName` and `ShardId`: the shard where the records landed, where the KPL has the
//! one that it predicted.

mod batch;
mod data;
mod upload;

use std::fmt;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDatum;
use tokio::sync::watch;

use crate::{METRICS_UPLOAD_DELAYS, MetricsRecorder};
use data::Selection;
pub use data::{MetricsGranularity, MetricsLevel};
use upload::Uploader;
pub use upload::Uploads;

/// The KPL's `metrics_namespace`.
pub const DEFAULT_METRICS_NAMESPACE: &str = "KinesisProducerLibrary";
/// The KPL's `metrics_upload_delay`.
pub const DEFAULT_METRICS_UPLOAD_DELAY: Duration = Duration::from_secs(60);
/// How many metrics wait for the next upload at most, unless [`CloudWatch::max_kept`] says otherwise.
pub const DEFAULT_MAX_KEPT_METRICS: usize = 20_000;

/// Uploads what a [`MetricsRecorder`] records; the KPL's settings unless changed.
#[derive(Clone)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
    delay: Duration,
    max_kept: usize,
    selection: Selection,
}

/// The service takes 30 dimensions; three are the KPL's.
const MAX_ADDITIONAL_DIMENSIONS: usize = 27;
/// The service's limits for texts, in characters.
const MAX_NAME_LEN: usize = 255;
const MAX_VALUE_LEN: usize = 1024;

/// Why uploading cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudWatchError {
    /// It is not within [`METRICS_UPLOAD_DELAYS`].
    #[error("metrics_upload_delay is {0:?}, not 1 s to 24 h")]
    Delay(Duration),
    /// The service takes 1 to 255 characters, and keeps `AWS/` for itself.
    #[error("metrics_namespace {0:?} is empty, longer than 255 characters, or begins with AWS/")]
    Namespace(String),
    /// The service takes a name of 1 to 255 characters and a value of 1 to 1024.
    #[error("additional_dimension {0:?} or its value is empty or too long")]
    Dimension(String),
    /// The service takes 30 dimensions, three of which are the KPL's.
    #[error("there are {0} additional dimensions, more than 27")]
    Dimensions(usize),
    /// There is no tokio runtime here to run on.
    #[error("there is no tokio runtime to run on")]
    NoRuntime,
}

impl CloudWatch {
    /// Through a ready client, which brings region, credentials, retries and timeouts. It needs
    /// the permission `cloudwatch:PutMetricData`.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            namespace: DEFAULT_METRICS_NAMESPACE.to_owned(),
            delay: DEFAULT_METRICS_UPLOAD_DELAY,
            max_kept: DEFAULT_MAX_KEPT_METRICS,
            selection: Selection::default(),
        }
    }

    /// How many of the metrics. Default [`MetricsLevel::Detailed`].
    #[must_use]
    pub fn metrics_level(mut self, level: MetricsLevel) -> Self {
        self.selection.level = level;
        self
    }

    /// How many dimensions. Default [`MetricsGranularity::Shard`].
    #[must_use]
    pub fn metrics_granularity(mut self, granularity: MetricsGranularity) -> Self {
        self.selection.granularity = granularity;
        self
    }

    /// Under which namespace. Default [`DEFAULT_METRICS_NAMESPACE`].
    #[must_use]
    pub fn metrics_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// From one upload to the next, within [`METRICS_UPLOAD_DELAYS`]. Default
    /// [`DEFAULT_METRICS_UPLOAD_DELAY`].
    #[must_use]
    pub fn metrics_upload_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How many metrics are kept for the next upload when one fails; beyond that, the oldest are dropped.
    /// Default [`DEFAULT_MAX_KEPT_METRICS`].
    #[must_use]
    pub fn max_kept(mut self, metrics: usize) -> Self {
        self.max_kept = metrics;
        self
    }

    /// One more dimension for every metric of a recorder, before the KPL's own; up to 27.
    #[must_use]
    pub fn additional_dimension(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.selection.additional.push((name.into(), value.into()));
        self
    }

    /// Starts to upload, on the current tokio runtime, which needs its timer.
    ///
    /// # Errors
    ///
    /// Every [`CloudWatchError`].
    pub fn start(
        mut self,
        recorder: &MetricsRecorder,
    ) -> Result<CloudWatchUpload, CloudWatchError> {
        let recorder = recorder.clone();
        let selection = std::mem::take(&mut self.selection);
        selection.check()?;
        self.start_with(move |now| selection.data(&recorder.take(), now))
    }

    /// Starts to upload metrics of the caller's own in place of a recorder's, on the current tokio
    /// runtime, which needs its timer. Before each upload `take` is called with the time of now, and
    /// gives what came since its last call, ready to be uploaded: level, granularity and additional
    /// dimensions are a recorder's.
    ///
    /// ```no_run
    /// use aws_sdk_cloudwatch::types::MetricDatum;
    /// use kinesis_aggregation_producer::cloudwatch::CloudWatch;
    ///
    /// # fn example(client: aws_sdk_cloudwatch::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let upload = CloudWatch::new(client)
    ///     .metrics_namespace("Orders")
    ///     .start_with(|now| {
    ///         let open = MetricDatum::builder().metric_name("Open").value(7.0);
    ///         vec![open.timestamp(now).build()]
    ///     })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CloudWatchError::Delay`], [`CloudWatchError::Namespace`], [`CloudWatchError::NoRuntime`].
    pub fn start_with(
        self,
        take: impl FnMut(DateTime) -> Vec<MetricDatum> + Send + 'static,
    ) -> Result<CloudWatchUpload, CloudWatchError> {
        self.check()?;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| CloudWatchError::NoRuntime)?;
        let (closing, closed) = watch::channel(false);
        let (shown, uploads) = watch::channel(Uploads::default());
        let client = (self.client, self.namespace);
        let uploader = Uploader::new(client, take, self.max_kept, shown);
        runtime.spawn(uploader.run(self.delay, closed));
        Ok(CloudWatchUpload { closing, uploads })
    }
}

/// Whether the service takes a text of at most `max` characters.
fn fits(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count())
}

impl CloudWatch {
    /// Refuses at once what the service would refuse each time.
    fn check(&self) -> Result<(), CloudWatchError> {
        if !METRICS_UPLOAD_DELAYS.contains(&self.delay) {
            return Err(CloudWatchError::Delay(self.delay));
        }
        let namespace = &self.namespace;
        if !fits(namespace, MAX_NAME_LEN) || namespace.starts_with("AWS/") {
            return Err(CloudWatchError::Namespace(namespace.clone()));
        }
        Ok(())
    }
}

impl Selection {
    /// The same for the dimensions.
    fn check(&self) -> Result<(), CloudWatchError> {
        let additional = &self.additional;
        if additional.len() > MAX_ADDITIONAL_DIMENSIONS {
            return Err(CloudWatchError::Dimensions(additional.len()));
        }
        let bad = |(name, value): &&(String, String)| {
            !fits(name, MAX_NAME_LEN) || !fits(value, MAX_VALUE_LEN)
        };
        match additional.iter().find(bad) {
            Some((name, _)) => Err(CloudWatchError::Dimension(name.clone())),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatch")
            .field("namespace", &self.namespace)
            .field("delay", &self.delay)
            .field("max_kept", &self.max_kept)
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}

/// Uploads as long as it lives. When it is dropped, what was recorded is uploaded one last time, as
/// long as the runtime lives.
#[derive(Debug)]
#[must_use = "the upload ends when this is dropped"]
pub struct CloudWatchUpload {
    closing: watch::Sender<bool>,
    uploads: watch::Receiver<Uploads>,
}

impl CloudWatchUpload {
    /// Returns the counts so far.
    pub fn uploads(&self) -> Uploads {
        *self.uploads.borrow()
    }

    /// Uploads what was recorded, one last time, and ends; after five seconds also if CloudWatch
    /// does not answer.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, it is uploaded all the same.
    pub async fn close(mut self) -> Uploads {
        self.closing.send_replace(true);
        // Until the task's end closes the channel.
        while self.uploads.changed().await.is_ok() {}
        self.uploads()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Region};

    fn cloud_watch() -> CloudWatch {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"));
        CloudWatch::new(Client::from_conf(config.build()))
    }

    #[test]
    fn how_much_is_kept_is_the_callers_choice() {
        assert_eq!(cloud_watch().max_kept, DEFAULT_MAX_KEPT_METRICS);
        assert_eq!(cloud_watch().max_kept(7).max_kept, 7);
    }

    #[tokio::test]
    async fn what_cannot_work_is_refused_before_the_first_upload() {
        let refused = |cloud_watch: CloudWatch| {
            let started = cloud_watch.start(&MetricsRecorder::new());
            started.expect_err("refused")
        };
        for delay in [Duration::MAX, Duration::ZERO, Duration::from_secs(86_401)] {
            let error = refused(cloud_watch().metrics_upload_delay(delay));
            assert_eq!(error, CloudWatchError::Delay(delay));
        }
        for namespace in ["", "AWS/Kinesis", &"n".repeat(256)] {
            let error = refused(cloud_watch().metrics_namespace(namespace));
            assert_eq!(error, CloudWatchError::Namespace(namespace.to_owned()));
        }
        let error = refused(cloud_watch().additional_dimension("Host", ""));
        assert_eq!(error, CloudWatchError::Dimension("Host".to_owned()));
        let many = (0..28).fold(cloud_watch(), |cloud_watch, number| {
            cloud_watch.additional_dimension(number.to_string(), "v")
        });
        assert_eq!(refused(many), CloudWatchError::Dimensions(28));
    }

    #[test]
    fn outside_a_runtime_it_does_not_start() {
        let started = cloud_watch().start(&MetricsRecorder::new());
        assert_eq!(started.expect_err("no runtime"), CloudWatchError::NoRuntime);
        let started = cloud_watch().start_with(|_| Vec::new());
        assert_eq!(started.expect_err("no runtime"), CloudWatchError::NoRuntime);
    }
}
