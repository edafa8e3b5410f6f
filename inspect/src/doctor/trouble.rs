//! What can be wrong with a Kinesis record, and what to do about it.

use kinesis_aggregation::{Outcome, PlainReason, deaggregate};

use super::finding::Severity;
use crate::coat::Coat;
use crate::explain::{Delivers, Explanation, Kind};
use crate::record::FoundRecord;

/// One kind of trouble of Kinesis records. In the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    ServiceManaged,
    OutOfRange,
    UndefinedHashKey,
    NegativeHashKey,
    NoHashKey,
    BadIndex,
    Appended,
    WrongDigest,
    Malformed,
    TooShort,
    EncodedTwice,
    Latin1,
    LossyUtf8,
    SeveralAggregates,
    AllAtZero,
    ShuffledKeys,
    EmptyKeys,
    Joined,
    Empty,
    Compressed,
}

/// What a report says of it.
pub(super) struct Words {
    pub(super) severity: Severity,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) advice: &'static str,
}

impl Trouble {
    /// What a KCL loses of `record`, or what makes it come out as something else.
    pub(super) fn of(
        record: &FoundRecord,
        report: &Explanation<'_>,
        service_managed: bool,
    ) -> Option<Self> {
        match &report.coat {
            Some(Coat::Text { .. }) => return Some(Self::EncodedTwice),
            Some(Coat::Latin1 { .. }) => return Some(Self::Latin1),
            Some(Coat::LossyUtf8) => return Some(Self::LossyUtf8),
            Some(Coat::SeveralAggregates { .. }) => return Some(Self::SeveralAggregates),
            Some(Coat::Compressed { .. }) => return Some(Self::Compressed),
            None => {}
        }
        match report.kind {
            Kind::Plain => None,
            Kind::Broken if report.appended.is_some() => Some(Self::Appended),
            Kind::Broken => Some(
                match deaggregate(record.partition_key(), record.data()).outcome() {
                    Outcome::Plain(PlainReason::Malformed { .. }) => Self::Malformed,
                    Outcome::Plain(PlainReason::TooShort) => Self::TooShort,
                    _ => Self::WrongDigest,
                },
            ),
            Kind::Aggregate if report.user_records.is_empty() => Some(Self::Empty),
            Kind::Aggregate if report.kcl.delivers != Delivers::All => Some(Self::cut(report)),
            Kind::Aggregate => service_managed.then_some(Self::ServiceManaged),
        }
    }

    /// Why the KCL does not deliver all of an aggregate.
    fn cut(report: &Explanation<'_>) -> Self {
        let at = report
            .kcl
            .user_record
            .and_then(|at| usize::try_from(at).ok());
        let Some(bad) = at.and_then(|at| report.user_records.get(at)) else {
            return Self::OutOfRange;
        };
        match (bad.fault, bad.explicit_hash_key.as_deref()) {
            (None, _) => Self::OutOfRange,
            (Some(_), _) if bad.partition_key.is_none() => Self::BadIndex,
            (Some(_), None) => Self::BadIndex,
            (Some(_), Some("undefined")) => Self::UndefinedHashKey,
            (Some(_), Some(text)) if text.starts_with('-') => Self::NegativeHashKey,
            (Some(_), Some(_)) => Self::NoHashKey,
        }
    }

    /// Whether it is looked for in the user records' data and keys, and so not in every record.
    pub(super) fn is_in_detail(self) -> bool {
        matches!(self, Self::ShuffledKeys | Self::EmptyKeys | Self::Joined)
    }

    pub(super) fn words(self) -> Words {
        let (severity, name, title, advice) = match self {
            Self::ServiceManaged => (
                Severity::Loss,
                "aggregates-on-service-managed-stream",
                "the stream places records itself (record distribution AUTO), and holds aggregates: a KCL drops those that it finds on another shard than their keys'",
                "turn aggregation off in the producers (the KPL's AggregationEnabled), or set the stream's distribution back; readers that do not filter by shard, such as Lambda functions, read them whole",
            ),
            Self::OutOfRange => (
                Severity::Loss,
                "out-of-range",
                "aggregates hold user records of another shard: the KCL drops them whole, without a word",
                "have the producer aggregate by shard, with the shard map of now (the KPL from 1.1.1, this project's producer), or by hash key; read what is there with kagg tail --no-range",
            ),
            Self::UndefinedHashKey => (
                Severity::Loss,
                "explicit-hash-key-undefined",
                "the explicit hash key is the text `undefined`, as aws-kinesis-agg for Node wrote it before 2018-03: the KCL loses the user records from there on",
                "update the writer; read what is there with kagg deaggregate --salvage",
            ),
            Self::NegativeHashKey => (
                Severity::Loss,
                "explicit-hash-key-negative",
                "the explicit hash key is negative, as aws-kinesis-aggregator for Java wrote it before 2017-09: the KCL drops the Kinesis record whole, without a word",
                "update the writer; read what is there with kagg deaggregate --salvage",
            ),
            Self::NoHashKey => (
                Severity::Loss,
                "explicit-hash-key-invalid",
                "an explicit hash key is not a number of 0 to 2^128-1: the KCL loses user records",
                "mend the writer; read what is there with kagg deaggregate --salvage",
            ),
            Self::BadIndex => (
                Severity::Loss,
                "index-beyond-table",
                "a user record names a key that its aggregate does not have: the KCL loses it and those after it, and on Java 11 and later the whole page",
                "mend the writer; read what is there with kagg deaggregate --salvage",
            ),
            Self::Appended => (
                Severity::Loss,
                "bytes-appended",
                "bytes were added after aggregates: their digests are wrong, and consumers get them unopened",
                "have the writer add no newline or other delimiter after a record; kagg carve reads what is there",
            ),
            Self::WrongDigest => (
                Severity::Loss,
                "digest-wrong",
                "aggregates were changed or cut off: their digests are wrong, and consumers get them unopened",
                "look for what changes them between producer and stream; kagg inspect --only-problems shows where they break",
            ),
            Self::Malformed => (
                Severity::Loss,
                "protobuf-malformed",
                "the protobuf of aggregates is malformed or incomplete: consumers get them unopened",
                "mend the writer; kagg inspect --only-problems shows the byte",
            ),
            Self::TooShort => (
                Severity::Loss,
                "too-short",
                "records start as an aggregate, and end before there is one",
                "look for what cuts them off between producer and stream",
            ),
            Self::EncodedTwice => (
                Severity::Loss,
                "encoded-twice",
                "records are the base64 or hexadecimal text of aggregates: consumers get text",
                "have the writer put the bytes (AWS CLI: --cli-binary-format base64); kagg deaggregate --unwrap reads what is there",
            ),
            Self::Latin1 => (
                Severity::Loss,
                "latin1",
                "aggregates were taken for Latin-1 text and encoded as UTF-8: consumers get them unopened",
                "have the writer handle bytes, not text; kagg deaggregate --unwrap reads what is there",
            ),
            Self::LossyUtf8 => (
                Severity::Loss,
                "decoded-as-utf8",
                "aggregates were decoded as UTF-8, and their user records are gone for good",
                "have the writer handle bytes, not text",
            ),
            Self::SeveralAggregates => (
                Severity::Loss,
                "several-in-one",
                "records hold an aggregate and something after it: consumers get them unopened",
                "have the writer put each aggregate as a record of its own; kagg deaggregate --unwrap, or kagg carve, reads what is there",
            ),
            Self::AllAtZero => (
                Severity::Warning,
                "all-at-hash-0",
                "every user record has the explicit hash key 0: one shard takes them all",
                "have the writer set no explicit hash key, or the hash of the partition key",
            ),
            Self::ShuffledKeys => (
                Severity::Warning,
                "shuffled-partition-keys",
                "user records have one another's partition keys, as AWS's Go plugin for Fluent Bit writes them",
                "do not rely on their partition keys; use Fluent Bit's own kinesis_streams output, or turn the plugin's aggregation off",
            ),
            Self::EmptyKeys => (
                Severity::Warning,
                "empty-partition-key",
                "user records have the empty partition key, as the KPL writes records without a key where it may not describe a service-managed stream",
                "let the producer call DescribeStreamSummary, or give its records a key: a KCL drops them on every shard but that of hash key d41d8cd9…",
            ),
            Self::Joined => (
                Severity::Warning,
                "newline-joined",
                "records are several JSON objects joined with newlines (Fluent Bit's simple_aggregation does so): this is not the KPL's format, and no KCL takes them apart",
                "have consumers split them at newlines, or the producer aggregate",
            ),
            Self::Empty => (
                Severity::Note,
                "empty-aggregate",
                "aggregates hold no user record: nothing is delivered, and nothing is lost",
                "look at the writer: each one is paid for",
            ),
            Self::Compressed => (
                Severity::Note,
                "compressed",
                "records are compressed: Kinesis and the KCL hand them on as they are",
                "have consumers decompress; kagg deaggregate --decompress auto shows what is in user records",
            ),
        };
        Words {
            severity,
            name,
            title,
            advice,
        }
    }
}
