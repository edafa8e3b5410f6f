//! The keys of `cloudwatch.…`.

use std::time::Duration;

use kinesis_aggregation_producer::METRICS_UPLOAD_DELAYS;

use super::reader::Reader;

/// How metrics go to CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatchConfig {
    endpoint: Option<String>,
    namespace: String,
    tags_instance: bool,
    buffer_time: Duration,
    queue_size: usize,
}

impl CloudWatchConfig {
    /// `None` if no metrics are wanted.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // The agent takes any number.
        let millis = reader.number("cloudwatch.metricsBufferTimeMillis", 30_000, 0..=u64::MAX);
        let buffer_time = Duration::from_millis(millis);
        let (least, most) = METRICS_UPLOAD_DELAYS.into_inner();
        let queue_size = reader.number("cloudwatch.metricsQueueSize", 10_000, 0..=u64::MAX);
        let config = Self {
            endpoint: reader.text("cloudwatch.endpoint").map(str::to_owned),
            namespace: reader
                .text("cloudwatch.namespace")
                .unwrap_or("AWSKinesisAgent")
                .to_owned(),
            tags_instance: reader.flag("cloudwatch.tagInstance", false),
            buffer_time: buffer_time.clamp(least, most),
            queue_size: usize::try_from(queue_size).unwrap_or(usize::MAX),
        };
        reader
            .flag("cloudwatch.emitMetrics", true)
            .then_some(config)
    }

    /// `cloudwatch.endpoint`, with or without a scheme.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// `cloudwatch.namespace`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `cloudwatch.tagInstance`: whether metrics have the dimension `Instance`.
    pub fn tags_instance(&self) -> bool {
        self.tags_instance
    }

    /// `cloudwatch.metricsBufferTimeMillis`: the time from one upload to the next, 1 s to 24 h.
    pub fn buffer_time(&self) -> Duration {
        self.buffer_time
    }

    /// `cloudwatch.metricsQueueSize`: how many metrics are kept when an upload fails.
    pub fn queue_size(&self) -> usize {
        self.queue_size
    }
}
