//! Taking a sample in, and the report of it.

use serde::Serialize;

use super::cost::Packing;
use super::finding::{Finding, Severity};
use super::hottest::HotKey;
use super::sample::{LOOKED_INTO, Sample};
use super::stream::StreamFacts;
use super::trouble::Trouble;
use super::writer::{Signature, Writer};
use crate::record::FoundRecord;
use crate::shards::Shards;

/// Looks at Kinesis records, one by one, and says where user records die and what they cost. Its
/// memory is bounded.
///
/// ```
/// use kinesis_aggregation_inspect::doctor::{Doctor, Severity};
/// use kinesis_aggregation_inspect::FoundRecord;
///
/// let mut doctor = Doctor::new();
/// // An aggregate that a program read as text.
/// let lossy = String::from_utf8_lossy(b"\xF3\x89\x9A\xC2\x0A\x01a").into_owned();
/// doctor.look_at(&FoundRecord::new(lossy), None);
/// let diagnosis = doctor.diagnose();
/// assert_eq!(diagnosis.findings[0].name, "decoded-as-utf8");
/// assert_eq!(diagnosis.findings[0].severity, Severity::Loss);
/// ```
#[derive(Debug, Default)]
pub struct Doctor {
    shards: Option<Shards>,
    stream: Option<StreamFacts>,
    sample: Sample,
}

/// What was found. It shows partition keys, and no data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Diagnosis {
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub sampled: Sampled,
    /// Who writes the aggregates.
    pub writers: Vec<Writer>,
    /// The partition keys with the most user records, plain records among them.
    pub hottest_partition_keys: Vec<HotKey>,
    /// How well the user records are packed.
    pub packing: Packing,
    /// What the service said of the stream.
    pub stream: Option<StreamFacts>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Sampled {
    /// Kinesis records.
    pub records: u64,
    /// Bytes of their data and partition keys.
    pub bytes: u64,
    /// Plain ones.
    pub plain: u64,
    /// Aggregates.
    pub aggregates: u64,
    /// Broken aggregates.
    pub broken: u64,
    /// User records in the aggregates.
    pub user_records: u64,
}

/// Keys in the report.
const MOST_KEYS: usize = 10;
/// A key with so many percent of the user records is hot.
const HOT_PERCENT: u64 = 20;
/// Fewer user records say nothing about which keys are hot.
const ENOUGH: u64 = 100;

impl Doctor {
    /// One who knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges records by these shards, as [`explain`](crate::explain()) does.
    #[must_use]
    pub fn shards(mut self, shards: Shards) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Takes in what the service says of the stream. On one with service-managed distribution,
    /// the shards do not count.
    #[must_use]
    pub fn stream(mut self, facts: StreamFacts) -> Self {
        self.stream = Some(facts);
        self
    }

    /// Looks at a Kinesis record, and when it arrived, in seconds since any fixed time.
    pub fn look_at(&mut self, record: &FoundRecord, arrived: Option<f64>) {
        let facts = self.stream.as_ref();
        let service_managed = facts.is_some_and(|facts| facts.service_managed == Some(true));
        let shards = self.shards.as_ref();
        self.sample.add(record, arrived, shards, service_managed);
    }

    /// Returns what was found.
    pub fn diagnose(self) -> Diagnosis {
        let sample = self.sample;
        let mut findings = findings_of(&sample);
        let under_a = sample.writers.get(&Signature::Kpl).copied();
        if let Some(facts) = &self.stream {
            let under_a = under_a.unwrap_or_default();
            facts.findings(sample.aggregates, under_a, &mut findings);
        }
        let sampled = Sampled {
            records: sample.records,
            bytes: sample.bytes,
            plain: sample.plain,
            aggregates: sample.aggregates,
            broken: sample.broken,
            user_records: sample.user_records,
        };
        let keys = sample.keys.total();
        let hottest_partition_keys = sample.keys.top(MOST_KEYS);
        findings.extend(hot_key(keys, &hottest_partition_keys));
        // Stable: those of one severity stay in their order.
        findings.sort_by_key(|finding| finding.severity);
        let mut packing = sample.costs.packing();
        if sample.aggregates > 0 {
            let mean = |total: u64| total as f64 / sample.aggregates as f64;
            packing.user_records_per_aggregate = mean(sample.user_records);
            packing.bytes_per_aggregate = mean(sample.aggregate_bytes);
        }
        let writers = sample.writers.iter();
        let writers = writers.map(|(signature, aggregates)| Writer {
            signature: signature.text(),
            aggregates: *aggregates,
        });
        Diagnosis {
            findings,
            sampled,
            writers: writers.collect(),
            hottest_partition_keys,
            packing,
            stream: self.stream,
        }
    }
}

impl Diagnosis {
    /// Returns whether a finding means that user records are lost.
    pub fn loses(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.severity == Severity::Loss)
    }
}

fn findings_of(sample: &Sample) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (trouble, seen) in &sample.troubles {
        let words = trouble.words();
        let (records, example) = (seen.records, &seen.example);
        let all = match sample.records {
            all if all > LOOKED_INTO && trouble.is_in_detail() => {
                format!("the first {LOOKED_INTO} Kinesis records, all that were looked into")
            }
            all => format!("{all} Kinesis records"),
        };
        let lost = match seen.user_records {
            0 => String::new(),
            1 => ", with 1 user record lost".to_owned(),
            count => format!(", with {count} user records lost"),
        };
        findings.push(Finding {
            severity: words.severity,
            name: words.name,
            title: words.title.to_owned(),
            evidence: format!("{records} of {all}{lost}; {example}"),
            advice: words.advice,
        });
    }
    // One aggregate may be meant so.
    if sample.aggregates > 1 && sample.at_zero == sample.user_records && sample.at_zero > 0 {
        let words = Trouble::AllAtZero.words();
        let (user_records, aggregates) = (sample.at_zero, sample.aggregates);
        findings.push(Finding {
            severity: words.severity,
            name: words.name,
            title: words.title.to_owned(),
            evidence: format!("all {user_records} user records, in {aggregates} aggregates"),
            advice: words.advice,
        });
    }
    findings
}

fn hot_key(keys: u64, hottest: &[HotKey]) -> Option<Finding> {
    let hot = hottest.first()?;
    // One key alone may be meant so.
    if keys < ENOUGH || hot.percent < HOT_PERCENT || hottest.len() < 2 {
        return None;
    }
    Some(Finding {
        severity: Severity::Warning,
        name: "hot-partition-key",
        title: "one partition key has a large part of the user records: they all go to one shard, and no split helps".to_owned(),
        evidence: format!(
            "{:?} has {} % of {keys} user records",
            hot.partition_key, hot.percent
        ),
        advice: "choose a key with more values, or spread this one over several",
    })
}
