//! What goes into one `PutMetricData`: at most 1000 metrics, and 1 MB before compression.

use std::collections::VecDeque;

use aws_sdk_cloudwatch::types::MetricDatum;

/// The service's limit.
const MAX_COUNT: usize = 1000;
/// Below the service's 1 MB, for what is around the metrics.
const MAX_SIZE: usize = 900_000;
/// Bytes that a metric and a dimension take besides their texts, in any of the service's protocols
/// (the old one writes `MetricData.member.999.StatisticValues.SampleCount=` before a number).
const DATUM_SIZE: usize = 500;
const DIMENSION_SIZE: usize = 120;
/// A character of a text, percent-encoded.
const CHARACTER_SIZE: usize = 3;

/// Returns the bytes that it takes at most.
fn size(datum: &MetricDatum) -> usize {
    let text = |text: Option<&str>| text.map_or(0, str::len) * CHARACTER_SIZE;
    let dimensions = datum
        .dimensions()
        .iter()
        .map(|dimension| DIMENSION_SIZE + text(dimension.name()) + text(dimension.value()));
    DATUM_SIZE + text(datum.metric_name()) + dimensions.sum::<usize>()
}

/// Returns how many from the front one request may carry; at least one if there is any.
pub(super) fn next(data: &VecDeque<MetricDatum>) -> usize {
    let mut total = 0;
    let fits = |datum: &&MetricDatum| {
        total += size(datum);
        total <= MAX_SIZE
    };
    let count = data.iter().take(MAX_COUNT).take_while(fits).count();
    count.max(1).min(data.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudwatch::types::Dimension;

    fn data(count: usize, name_len: usize) -> VecDeque<MetricDatum> {
        let dimension = Dimension::builder()
            .name("StreamName")
            .value("s".repeat(name_len));
        let datum = MetricDatum::builder().metric_name("AllErrors");
        let datum = datum.dimensions(dimension.build()).build();
        vec![datum; count].into()
    }

    fn batches(mut data: VecDeque<MetricDatum>) -> Vec<usize> {
        let mut lens = Vec::new();
        while !data.is_empty() {
            let count = next(&data);
            data.drain(..count);
            lens.push(count);
        }
        lens
    }

    #[test]
    fn a_request_has_at_most_1000_metrics() {
        assert_eq!(batches(data(2500, 10)), [1000, 1000, 500]);
        assert_eq!(next(&VecDeque::new()), 0);
    }

    #[test]
    fn a_request_has_at_most_1_mb() {
        for len in batches(data(1000, 1000)) {
            assert!(len * 3 * 1000 < 1_000_000, "{len}");
        }
        assert_eq!(batches(data(2, 1_000_000)), [1, 1]);
    }
}
