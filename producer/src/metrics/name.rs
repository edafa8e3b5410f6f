//! The KPL's metrics in one table.

use metrics::Unit;

/// What a metric is for the `metrics` facade.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) text: &'static str,
}

macro_rules! metrics {
    ($($name:ident $kind:ident $unit:ident $text:literal)+) => {
        /// A metric, by the KPL's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Name {
            $($name,)+
        }

        /// In the order of [`Name`].
        pub(super) const METRICS: &[Described] = &[
            $(Described {
                name: stringify!($name),
                kind: Kind::$kind,
                unit: Unit::$unit,
                text: $text,
            },)+
        ];
    };
}

metrics! {
    UserRecordsReceived Counter Count "User records accepted"
    UserRecordsPending Gauge Count "User records accepted and neither delivered nor failed yet"
    UserRecordsPut Counter Count "User records delivered"
    UserRecordsDataPut Counter Bytes "Data of user records delivered"
    KinesisRecordsPut Counter Count "Kinesis records stored"
    KinesisRecordsDataPut Counter Bytes "Data of Kinesis records stored"
    AllErrors Counter Count "Requests and Kinesis records that failed"
    RetriesPerRecord Histogram Count "Tries of a user record besides the first"
    BufferingTime Histogram Milliseconds
        "From the acceptance of a user record to the start of its first request"
    RequestTime Histogram Milliseconds
        "From the start of a PutRecords request to its answer or timeout"
    UserRecordsPerKinesisRecord Histogram Count "User records in a Kinesis record that is sent"
    KinesisRecordsPerPutRecordsRequest Histogram Count "Kinesis records in a PutRecords request"
    UserRecordsPerPutRecordsRequest Histogram Count "User records in a PutRecords request"
}
