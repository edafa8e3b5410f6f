//! A record of `GetRecords`, as the rest of the command reads Kinesis records.

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::Record;
use kinesis_aggregation::StoredRecord;
use kinesis_aggregation_inspect::FoundRecord;

/// The record at `index` of those read, from this shard. Its data are shared.
pub(crate) fn found(record: &Record, index: usize, shard: &str) -> FoundRecord {
    let data = record.share(0..record.data().as_ref().len());
    let mut found = FoundRecord::new(data)
        .with_index(index)
        .with_shard_id(shard)
        .with_sequence_number(record.sequence_number());
    if let Some(key) = record.partition_key() {
        found = found.with_partition_key(key);
    }
    if let Some(time) = record.approximate_arrival_timestamp {
        found = found.with_approximate_arrival_timestamp(seconds(time));
    }
    found
}

/// Seconds since 1970, as the service gives them: a decimal number with up to three places. The
/// service counts in milliseconds; on the way through a binary fraction, 0.987 became 0.98699999.
fn seconds(time: DateTime) -> String {
    let nanos = time.as_nanos();
    let millis = (nanos + 500_000).div_euclid(1_000_000);
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    let text = format!("{sign}{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers() {
        for (seconds, nanos, text) in [
            (1_545_084_650, 987_000_000, "1545084650.987"),
            (1_545_084_650, 0, "1545084650"),
            (1_545_084_650, 986_999_988, "1545084650.987"),
            (1_545_084_650, 999_999_999, "1545084651"),
            (0, 1, "0"),
            (-1, 500_000_000, "-0.5"),
            (-2, 0, "-2"),
            (100, 0, "100"),
        ] {
            let time = DateTime::from_secs_and_nanos(seconds, nanos);
            assert_eq!(super::seconds(time), text);
        }
    }
}
