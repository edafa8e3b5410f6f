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
//! as many `PutMetricData` requests as it takes. What cannot be uploaded is kept for the next time.
//! Nothing of it ever holds up a put.
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
use tokio::sync::watch;

use crate::MetricsRecorder;
use data::Selection;
use upload::Uploader;
pub use upload::Uploads;

/// The KPL's `metrics_namespace`.
pub const DEFAULT_METRICS_NAMESPACE: &str = "KinesisProducerLibrary";
/// The KPL's `metrics_upload_delay`.
pub const DEFAULT_METRICS_UPLOAD_DELAY: Duration = Duration::from_secs(60);

/// How many of the metrics are uploaded: the KPL's `metrics_level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsLevel {
    /// None at all.
    None,
    /// The most important ones.
    Summary,
    /// All. The KPL's default.
    #[default]
    Detailed,
}

/// How many dimensions the metrics are uploaded with: the KPL's `metrics_granularity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsGranularity {
    /// Over all streams.
    Global,
    /// Also for each stream.
    Stream,
    /// Also for each shard of each stream. The KPL's default.
    #[default]
    Shard,
}

/// Uploads what a [`MetricsRecorder`] records; the KPL's settings unless changed.
#[derive(Clone)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
    delay: Duration,
    selection: Selection,
}

/// There is no tokio runtime here to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no tokio runtime here")]
pub struct NoRuntimeError;

impl CloudWatch {
    /// Through a ready client, which brings region, credentials, retries and timeouts. It needs
    /// the permission `cloudwatch:PutMetricData`.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            namespace: DEFAULT_METRICS_NAMESPACE.to_owned(),
            delay: DEFAULT_METRICS_UPLOAD_DELAY,
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

    /// From one upload to the next; no less than a second. Default
    /// [`DEFAULT_METRICS_UPLOAD_DELAY`].
    #[must_use]
    pub fn metrics_upload_delay(mut self, delay: Duration) -> Self {
        self.delay = delay.max(Duration::from_secs(1));
        self
    }

    /// One more dimension for every metric, in front of the KPL's own.
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
    /// [`NoRuntimeError`].
    pub fn start(self, recorder: &MetricsRecorder) -> Result<CloudWatchUpload, NoRuntimeError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| NoRuntimeError)?;
        let (closing, closed) = watch::channel(false);
        let (shown, uploads) = watch::channel(Uploads::default());
        let uploader = Uploader::new(
            (self.client, self.namespace),
            recorder.clone(),
            self.selection,
            shown,
        );
        runtime.spawn(uploader.run(self.delay, closed));
        Ok(CloudWatchUpload { closing, uploads })
    }
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatch")
            .field("namespace", &self.namespace)
            .field("delay", &self.delay)
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}

/// Uploads as long as it lives. When it is dropped, what was recorded is uploaded one last time, as
/// long as the runtime lives.
#[derive(Debug)]
pub struct CloudWatchUpload {
    closing: watch::Sender<bool>,
    uploads: watch::Receiver<Uploads>,
}

impl CloudWatchUpload {
    /// What became of the uploads so far.
    pub fn uploads(&self) -> Uploads {
        *self.uploads.borrow()
    }

    /// Uploads what was recorded, one last time, and ends.
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
