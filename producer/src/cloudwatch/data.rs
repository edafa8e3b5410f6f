//! From what was recorded to what is uploaded: no clock, no network.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};

use crate::{RecordedMetrics, Statistic};

const ERRORS_BY_CODE: &str = "ErrorsByCode";

/// The metrics of the level `summary`; all others are `detailed`.
const SUMMARY: &[&str] = &[
    "UserRecordsPut",
    "KinesisRecordsPut",
    "AllErrors",
    ERRORS_BY_CODE,
    "BufferingTime",
];

/// How many of the metrics are uploaded: the KPL's `metrics_level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsLevel {
    /// No metrics.
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

/// Which metrics are uploaded, and with which dimensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    pub(super) level: MetricsLevel,
    pub(super) granularity: MetricsGranularity,
    pub(super) additional: Vec<(String, String)>,
}

/// Names and values, in their order.
type Dimensions = Vec<(&'static str, String)>;

impl Selection {
    fn takes(&self, metric: &str) -> bool {
        match self.level {
            MetricsLevel::None => false,
            MetricsLevel::Summary => SUMMARY.contains(&metric),
            MetricsLevel::Detailed => true,
        }
    }

    /// The dimensions under which something of this stream, or shard, is uploaded.
    fn dimensions(&self, recorded: &RecordedMetrics) -> Vec<Dimensions> {
        let stream = recorded.stream_name();
        let stream = stream.map(|name| ("StreamName", name.to_owned()));
        let shard = recorded.shard_id().map(|id| ("ShardId", id.to_owned()));
        match (stream, shard) {
            // The stream as a whole counts its shards too.
            (Some(stream), Some(shard)) if self.granularity >= MetricsGranularity::Shard => {
                vec![vec![stream, shard]]
            }
            (_, Some(_)) => Vec::new(),
            (Some(stream), None) if self.granularity >= MetricsGranularity::Stream => {
                vec![Vec::new(), vec![stream]]
            }
            (_, None) => vec![Vec::new()],
        }
    }

    /// One statistic set for each metric and its dimensions.
    pub(super) fn data(&self, recorded: &[RecordedMetrics], now: DateTime) -> Vec<MetricDatum> {
        let mut sets: BTreeMap<(Dimensions, &str), Statistic> = BTreeMap::new();
        let mut add = |dimensions: Dimensions, metric, statistic| {
            if self.takes(metric) {
                let set = sets.entry((dimensions, metric)).or_default();
                *set = set.merged(statistic);
            }
        };
        for recorded in recorded {
            for dimensions in self.dimensions(recorded) {
                for (metric, statistic) in recorded.statistics() {
                    add(dimensions.clone(), metric, statistic);
                }
                for (code, statistic) in recorded.errors_by_code() {
                    let mut dimensions = dimensions.clone();
                    dimensions.push(("ErrorCode", code.clone()));
                    add(dimensions, ERRORS_BY_CODE, *statistic);
                }
            }
        }
        let sets = sets.into_iter();
        sets.map(|((dimensions, metric), set)| self.datum(dimensions, metric, set, now))
            .collect()
    }

    fn datum(
        &self,
        dimensions: Dimensions,
        metric: &str,
        statistic: Statistic,
        now: DateTime,
    ) -> MetricDatum {
        let additional = self.additional.iter().cloned();
        let own = dimensions.into_iter();
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let dimensions = additional
            .chain(own)
            .map(|(name, value)| Dimension::builder().name(name).value(value).build());
        MetricDatum::builder()
            .metric_name(metric)
            .set_dimensions(Some(dimensions.collect()))
            .timestamp(now)
            .statistic_values(statistic.into())
            .unit(unit(metric))
            .build()
    }
}

/// For metrics of your own ([`CloudWatch::start_with`](super::CloudWatch::start_with)).
impl From<Statistic> for StatisticSet {
    fn from(statistic: Statistic) -> Self {
        Self::builder()
            // Counts stay far below 2^53.
            .sample_count(statistic.count() as f64)
            .sum(statistic.sum())
            .minimum(statistic.min())
            .maximum(statistic.max())
            .build()
    }
}

fn unit(metric: &str) -> StandardUnit {
    match metric {
        "UserRecordsDataPut" | "KinesisRecordsDataPut" => StandardUnit::Bytes,
        "BufferingTime" | "RequestTime" => StandardUnit::Milliseconds,
        _ => StandardUnit::Count,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::MetricsRecorder;
    use crate::metrics::Meter;

    /// Two shards of one stream, and another stream that nobody named.
    fn recorded() -> Vec<RecordedMetrics> {
        let recorder = MetricsRecorder::new();
        let mut orders = Meter::new(Some(&recorder), Some("orders"));
        orders.received();
        orders.error("InternalFailure");
        let buffered = [20, 90].map(Duration::from_millis).into_iter();
        orders.sent(2, buffered.clone());
        orders.stored("shardId-0", 500, 2, buffered.take(1));
        orders.delivered("shardId-1", 300, 1);
        let mut other = Meter::new(Some(&recorder), None);
        other.sent(1, [Duration::from_millis(7)].into_iter());
        recorder.take()
    }

    /// Each as one line.
    fn lines(selection: &Selection) -> Vec<String> {
        let now = DateTime::from_secs(1_700_000_000);
        let data = selection.data(&recorded(), now);
        let line = |datum: &MetricDatum| {
            assert_eq!(datum.timestamp(), Some(&now));
            let set = datum.statistic_values().expect("a set");
            let dimensions: String = datum
                .dimensions()
                .iter()
                .map(|one| {
                    format!(
                        " {}={}",
                        one.name().unwrap_or("?"),
                        one.value().unwrap_or("?")
                    )
                })
                .collect();
            format!(
                "{}{dimensions}: {} of {} in {}..{} {}",
                datum.metric_name().unwrap_or("?"),
                set.sum().unwrap_or(-1.0),
                set.sample_count().unwrap_or(-1.0),
                set.minimum().unwrap_or(-1.0),
                set.maximum().unwrap_or(-1.0),
                datum.unit().map_or("?", StandardUnit::as_str),
            )
        };
        data.iter().map(line).collect()
    }

    #[test]
    fn everything_is_the_kpls_default() {
        assert_eq!(
            lines(&Selection::default()),
            [
                "AllErrors: 1 of 2 in 0..1 Count",
                "BufferingTime: 117 of 3 in 7..90 Milliseconds",
                "KinesisRecordsDataPut: 500 of 1 in 500..500 Bytes",
                "KinesisRecordsPut: 1 of 1 in 1..1 Count",
                "RetriesPerRecord: 1 of 1 in 1..1 Count",
                "UserRecordsDataPut: 300 of 1 in 300..300 Bytes",
                "UserRecordsPending: 0 of 2 in 0..0 Count",
                "UserRecordsPerKinesisRecord: 3 of 2 in 1..2 Count",
                "UserRecordsPut: 1 of 1 in 1..1 Count",
                "UserRecordsReceived: 1 of 1 in 1..1 Count",
                "ErrorsByCode ErrorCode=InternalFailure: 1 of 1 in 1..1 Count",
                "AllErrors StreamName=orders: 1 of 2 in 0..1 Count",
                "BufferingTime StreamName=orders: 110 of 2 in 20..90 Milliseconds",
                "KinesisRecordsDataPut StreamName=orders: 500 of 1 in 500..500 Bytes",
                "KinesisRecordsPut StreamName=orders: 1 of 1 in 1..1 Count",
                "RetriesPerRecord StreamName=orders: 1 of 1 in 1..1 Count",
                "UserRecordsDataPut StreamName=orders: 300 of 1 in 300..300 Bytes",
                "UserRecordsPending StreamName=orders: 0 of 1 in 0..0 Count",
                "UserRecordsPerKinesisRecord StreamName=orders: 2 of 1 in 2..2 Count",
                "UserRecordsPut StreamName=orders: 1 of 1 in 1..1 Count",
                "UserRecordsReceived StreamName=orders: 1 of 1 in 1..1 Count",
                "ErrorsByCode StreamName=orders ErrorCode=InternalFailure: 1 of 1 in 1..1 Count",
                "AllErrors StreamName=orders ShardId=shardId-0: 0 of 1 in 0..0 Count",
                "BufferingTime StreamName=orders ShardId=shardId-0: 20 of 1 in 20..20 Milliseconds",
                "KinesisRecordsDataPut StreamName=orders ShardId=shardId-0: 500 of 1 in 500..500 Bytes",
                "KinesisRecordsPut StreamName=orders ShardId=shardId-0: 1 of 1 in 1..1 Count",
                "UserRecordsPerKinesisRecord StreamName=orders ShardId=shardId-0: 2 of 1 in 2..2 Count",
                "RetriesPerRecord StreamName=orders ShardId=shardId-1: 1 of 1 in 1..1 Count",
                "UserRecordsDataPut StreamName=orders ShardId=shardId-1: 300 of 1 in 300..300 Bytes",
                "UserRecordsPut StreamName=orders ShardId=shardId-1: 1 of 1 in 1..1 Count",
            ]
        );
    }

    #[test]
    fn a_summary_over_all_streams() {
        let selection = Selection {
            level: MetricsLevel::Summary,
            granularity: MetricsGranularity::Global,
            additional: vec![("Host".to_owned(), "h".to_owned())],
        };
        assert_eq!(
            lines(&selection),
            [
                "AllErrors Host=h: 1 of 2 in 0..1 Count",
                "BufferingTime Host=h: 117 of 3 in 7..90 Milliseconds",
                "KinesisRecordsPut Host=h: 1 of 1 in 1..1 Count",
                "UserRecordsPut Host=h: 1 of 1 in 1..1 Count",
                "ErrorsByCode Host=h ErrorCode=InternalFailure: 1 of 1 in 1..1 Count",
            ]
        );
    }

    #[test]
    fn a_stream_has_no_shards_unless_asked() {
        let selection = Selection {
            granularity: MetricsGranularity::Stream,
            ..Selection::default()
        };
        let lines = lines(&selection);
        assert_eq!(lines.len(), 22);
        assert!(
            lines.iter().all(|line| !line.contains("ShardId")),
            "{lines:?}"
        );
    }

    #[test]
    fn none_is_none() {
        let selection = Selection {
            level: MetricsLevel::None,
            ..Selection::default()
        };
        assert!(lines(&selection).is_empty());
    }
}
