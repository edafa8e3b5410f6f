//! What is seen in the Kinesis records of a sample.

use std::collections::BTreeMap;

use super::cost::Costs;
use super::hottest::Hottest;
use super::known::in_detail;
use super::trouble::Trouble;
use super::writer::Signature;
use crate::explain::{Delivers, Explanation, Kind, explain};
use crate::record::FoundRecord;
use crate::shards::Shards;

/// In the data of so many Kinesis records, keys are looked for, which takes its time.
pub(super) const LOOKED_INTO: u64 = 10_000;

/// Counts, and what the report needs as evidence. Bounded, however many records are added.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) plain: u64,
    pub(super) aggregates: u64,
    pub(super) aggregate_bytes: u64,
    pub(super) broken: u64,
    /// In aggregates.
    pub(super) user_records: u64,
    pub(super) troubles: BTreeMap<Trouble, Seen>,
    pub(super) writers: BTreeMap<Signature, u64>,
    pub(super) keys: Hottest,
    pub(super) costs: Costs,
    /// User records of aggregates with the explicit hash key 0.
    pub(super) at_zero: u64,
}

/// How often a trouble was seen, and the first time.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) records: u64,
    /// That a KCL does not deliver because of it.
    pub(super) user_records: u64,
    pub(super) example: String,
}

impl Sample {
    pub(super) fn add(
        &mut self,
        record: &FoundRecord,
        arrived: Option<f64>,
        shards: Option<&Shards>,
        service_managed: bool,
    ) {
        let report = explain(record, shards.filter(|_| !service_managed));
        let bytes = len(record.data().len() + report.partition_key.map_or(0, str::len));
        self.records += 1;
        self.bytes += bytes;
        match report.kind {
            Kind::Plain => self.plain += 1,
            Kind::Broken => self.broken += 1,
            Kind::Aggregate => {
                self.aggregates += 1;
                self.aggregate_bytes += bytes;
                self.user_records += len(report.user_records.len());
                *self.writers.entry(Signature::of(&report)).or_default() += 1;
            }
        }
        self.count_keys(&report);
        self.count_costs(record, arrived, bytes, &report);
        if let Some(trouble) = Trouble::of(record, &report, service_managed) {
            self.see(trouble, lost(&report), || example(&report));
        }
        if self.records <= LOOKED_INTO {
            for trouble in in_detail(record, &report).into_iter().flatten() {
                // The KCL delivers such a record. What it loses of this one has another cause, which
                // is a finding of its own.
                self.see(trouble, 0, || name(&report));
            }
        }
    }

    fn count_keys(&mut self, report: &Explanation<'_>) {
        match report.kind {
            Kind::Plain => report
                .partition_key
                .into_iter()
                .for_each(|key| self.keys.add(key)),
            Kind::Broken => {}
            Kind::Aggregate => {
                for user_record in &report.user_records {
                    if let Some(key) = &user_record.partition_key {
                        self.keys.add(key);
                    }
                    let zero = user_record.explicit_hash_key.as_deref() == Some("0");
                    self.at_zero += u64::from(zero);
                }
            }
        }
    }

    fn count_costs(
        &mut self,
        record: &FoundRecord,
        arrived: Option<f64>,
        bytes: u64,
        report: &Explanation<'_>,
    ) {
        let shard = record.shard_id();
        if report.kind != Kind::Aggregate {
            let key = report.partition_key.map_or(0, str::len);
            let alone = std::iter::once((len(key), len(record.data().len())));
            return self.costs.add(shard, arrived, bytes, alone);
        }
        let user_records = report.user_records.iter().map(|user_record| {
            let key = user_record.partition_key.as_deref().map_or(0, str::len);
            (len(key), len(user_record.data_length))
        });
        self.costs.add(shard, arrived, bytes, user_records);
    }

    fn see(&mut self, trouble: Trouble, user_records: u64, example: impl FnOnce() -> String) {
        let seen = self.troubles.entry(trouble).or_insert_with(|| Seen {
            example: example(),
            ..Seen::default()
        });
        seen.records += 1;
        seen.user_records += user_records;
    }
}

/// How many user records a KCL does not deliver.
fn lost(report: &Explanation<'_>) -> u64 {
    let all = len(report.user_records.len());
    match report.kcl.delivers {
        Delivers::All => 0,
        Delivers::Some => all - report.kcl.user_record.unwrap_or_default().min(all),
        Delivers::Nothing => all,
    }
}

/// `record 3 (sequence number 4954…)`
fn name(report: &Explanation<'_>) -> String {
    let record = report.record;
    match report.sequence_number {
        Some(number) => format!(
            "record {record} (sequence number {})",
            number.escape_debug()
        ),
        None => format!("record {record}"),
    }
}

/// `record 3 (sequence number 4954…): the KCL drops all 2 user records, …`
fn example(report: &Explanation<'_>) -> String {
    let name = name(report);
    match &report.problem {
        Some(problem) => format!("{name}: {problem}"),
        None if report.kcl.delivers_all() => name,
        None => format!("{name}: the KCL {}", report.kcl.explanation),
    }
}

fn len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
