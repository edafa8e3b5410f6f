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
        let stream = recorded
            .stream_name()
            .map(|name| ("StreamName", name.to_owned()));
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
        let datum =
            |((dimensions, metric), statistic)| self.datum(dimensions, metric, statistic, now);
        sets.into_iter().map(datum).collect()
    }

    fn datum(
        &self,
        dimensions: Dimensions,
        metric: &str,
        statistic: Statistic,
        now: DateTime,
    ) -> MetricDatum {
        let additional = self.additional.iter().cloned();
        let own = dimensions
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
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
    use super::*;

    /// Two shards of one stream, and another stream that nobody named.
    fn recorded() -> Vec<RecordedMetrics> {
        let of = RecordedMetrics::observed;
        let shard = |id| (Some("orders"), Some(id));
        let mut whole = of(
            (Some("orders"), None),
            &[
                ("UserRecordsReceived", 1.0),
                ("UserRecordsPut", 1.0),
                ("UserRecordsPut", 0.0),
                ("BufferingTime", 20.0),
                ("BufferingTime", 90.0),
            ],
        );
        whole.observe_error("InternalFailure");
        vec![
            whole,
            of(
                shard("shardId-0"),
                &[("UserRecordsPut", 1.0), ("BufferingTime", 20.0)],
            ),
            of(shard("shardId-1"), &[("UserRecordsDataPut", 300.0)]),
            of((None, None), &[("BufferingTime", 7.0)]),
        ]
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
                "AllErrors: 1 of 1 in 1..1 Count",
                "BufferingTime: 117 of 3 in 7..90 Milliseconds",
                "UserRecordsPut: 1 of 2 in 0..1 Count",
                "UserRecordsReceived: 1 of 1 in 1..1 Count",
                "ErrorsByCode ErrorCode=InternalFailure: 1 of 1 in 1..1 Count",
                "AllErrors StreamName=orders: 1 of 1 in 1..1 Count",
                "BufferingTime StreamName=orders: 110 of 2 in 20..90 Milliseconds",
                "UserRecordsPut StreamName=orders: 1 of 2 in 0..1 Count",
                "UserRecordsReceived StreamName=orders: 1 of 1 in 1..1 Count",
                "ErrorsByCode StreamName=orders ErrorCode=InternalFailure: 1 of 1 in 1..1 Count",
                "BufferingTime StreamName=orders ShardId=shardId-0: 20 of 1 in 20..20 Milliseconds",
                "UserRecordsPut StreamName=orders ShardId=shardId-0: 1 of 1 in 1..1 Count",
                "UserRecordsDataPut StreamName=orders ShardId=shardId-1: 300 of 1 in 300..300 Bytes",
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
                "AllErrors Host=h: 1 of 1 in 1..1 Count",
                "BufferingTime Host=h: 117 of 3 in 7..90 Milliseconds",
                "UserRecordsPut Host=h: 1 of 2 in 0..1 Count",
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
        assert_eq!(lines.len(), 10);
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
