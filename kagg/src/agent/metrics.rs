//! The flows' metrics in CloudWatch, under the Amazon Kinesis Agent's names.

use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use kinesis_aggregation_agent::{CloudWatchConfig, FlowMetrics, Measured, Unit};
use kinesis_aggregation_producer::cloudwatch::{CloudWatch, CloudWatchUpload};

use super::clients;

/// Starts the upload. If that fails, the log says so, and everything else goes on.
pub(super) fn upload(
    config: &CloudWatchConfig,
    sdk: &SdkConfig,
    flows: Vec<FlowMetrics>,
) -> Option<CloudWatchUpload> {
    let instance = Arc::new(OnceLock::new());
    if config.tags_instance() {
        let instance = Arc::clone(&instance);
        // Metrics that are uploaded before the answer go without it. Outside EC2 none comes.
        tokio::spawn(async move {
            if let Some(id) = clients::instance_id().await {
                let _ = instance.set(id);
            }
        });
    }
    let take = move |now| {
        let instance = instance.get().map(String::as_str);
        let measured = flows.iter().flat_map(FlowMetrics::take);
        measured
            .map(|measured| datum(&measured, instance, now))
            .collect()
    };
    let upload = CloudWatch::new(clients::cloudwatch(config, sdk))
        .metrics_namespace(config.namespace())
        .metrics_upload_delay(config.buffer_time())
        .max_kept(config.queue_size())
        .start_with(take);
    upload
        .inspect_err(|error| tracing::warn!("no metrics go to CloudWatch: {error}"))
        .ok()
}

fn datum(measured: &Measured, instance: Option<&str>, now: DateTime) -> MetricDatum {
    let dimensions = [
        Some(("Destination", measured.destination())),
        instance.map(|id| ("Instance", id)),
    ];
    let dimensions = dimensions
        .into_iter()
        .flatten()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build());
    MetricDatum::builder()
        .metric_name(measured.name())
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(now)
        .statistic_values(measured.statistic().into())
        .unit(match measured.unit() {
            Unit::Bytes => StandardUnit::Bytes,
            Unit::Count => StandardUnit::Count,
        })
        .build()
}
