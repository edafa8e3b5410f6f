//! A page of `GetRecords`, as the rest of the command reads Kinesis records.

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::Record;
use kinesis_aggregation::StoredRecord;
use kinesis_aggregation_inspect::FoundRecord;

/// The records, and their arrival times as JSON.
pub(super) struct Page(Vec<(Record, Option<String>)>);

impl Page {
    pub(super) fn new(records: Vec<Record>) -> Self {
        let with_time = |record: Record| {
            let time = record.approximate_arrival_timestamp;
            let json = time.map(seconds);
            (record, json)
        };
        Self(records.into_iter().map(with_time).collect())
    }

    pub(super) fn stored(&self) -> Vec<FoundRecord> {
        let records = self.0.iter();
        records
            .map(|(record, time)| {
                let data = record.share(0..record.data().as_ref().len());
                let mut found =
                    FoundRecord::new(data).with_sequence_number(record.sequence_number());
                if let Some(key) = record.partition_key() {
                    found = found.with_partition_key(key);
                }
                if let Some(time) = time {
                    found = found.with_approximate_arrival_timestamp(time);
                }
                found
            })
            .collect()
    }
}

/// Seconds since 1970, as the service gives them: a decimal number without needless zeros.
fn seconds(time: DateTime) -> String {
    let (seconds, nanos) = (time.secs(), time.subsec_nanos());
    // The nanoseconds count forward, before 1970 too.
    let (sign, seconds, nanos) = match (seconds, nanos) {
        (..0, 1..) => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanos),
        (..0, _) => ("-", seconds.unsigned_abs(), 0),
        _ => ("", seconds.unsigned_abs(), nanos),
    };
    let text = format!("{sign}{seconds}.{nanos:09}");
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
            (0, 1, "0.000000001"),
            (-1, 500_000_000, "-0.5"),
            (-2, 0, "-2"),
            (100, 0, "100"),
        ] {
            let time = DateTime::from_secs_and_nanos(seconds, nanos);
            assert_eq!(super::seconds(time), text);
        }
    }
}
