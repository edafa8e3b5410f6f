//! What the service says of a stream and its functions, on either side of each limit.

use kinesis_aggregation_inspect::FoundRecord;
use kinesis_aggregation_inspect::doctor::{Diagnosis, Doctor, Mapping, StreamFacts};

use crate::support::{aggregate, careful};

fn diagnose(facts: StreamFacts, record: &FoundRecord) -> Diagnosis {
    let mut doctor = Doctor::new().stream(facts);
    doctor.look_at(record, None);
    doctor.diagnose()
}

fn plain() -> FoundRecord {
    FoundRecord::new("plain")
}

fn under(key: &str) -> FoundRecord {
    FoundRecord::new(aggregate(&[("k", None, "x")])).with_partition_key(key)
}

fn names(facts: StreamFacts, record: &FoundRecord) -> Vec<&'static str> {
    let findings = diagnose(facts, record).findings;
    findings.iter().map(|finding| finding.name).collect()
}

#[test]
fn a_stream_with_nothing_unusual_has_no_finding() {
    let usual = || StreamFacts {
        service_managed: Some(false),
        max_record_size: Some(1 << 20),
        retention_hours: Some(24),
        open_shards: Some(vec!["shardId-0".to_owned()]),
        closed_shards: Some(Vec::new()),
        consumers: Some(vec!["fast".to_owned()]),
        channels: Some(Vec::new()),
        mappings: Some(Vec::new()),
        ..StreamFacts::default()
    };
    assert_eq!(names(usual(), &under("a")), [""; 0]);
    assert_eq!(names(usual(), &plain()), [""; 0]);
    let larger = StreamFacts {
        max_record_size: Some((1 << 20) + 1024),
        ..usual()
    };
    let diagnosis = diagnose(larger, &plain());
    assert_eq!(diagnosis.findings[0].evidence, "MaxRecordSizeInKiB is 1025");
}

#[test]
fn the_first_four_names_are_told() {
    for (count, expected) in [
        (1, "closed shards: 1 (s0)"),
        (4, "closed shards: 4 (s0, s1, s2, s3)"),
        (5, "closed shards: 5 (s0, s1, s2, s3, …)"),
    ] {
        let facts = StreamFacts {
            closed_shards: Some((0..count).map(|number| format!("s{number}")).collect()),
            ..StreamFacts::default()
        };
        assert_eq!(diagnose(facts, &plain()).findings[0].evidence, expected);
    }
}

/// The findings of a function, by the record that the stream holds.
fn of_function(mapping: Mapping, record: &FoundRecord) -> Vec<&'static str> {
    let facts = StreamFacts {
        mappings: Some(vec![mapping]),
        ..StreamFacts::default()
    };
    names(facts, record)
}

#[test]
fn what_only_hurts_aggregates_is_said_only_if_there_are_some() {
    let change = |change: fn(&mut Mapping)| {
        let mut mapping = careful();
        change(&mut mapping);
        mapping
    };
    let filter = || change(|mapping| mapping.filters = 1);
    let bisect = || change(|mapping| mapping.bisects = true);
    let parallel = || change(|mapping| mapping.parallelization_factor = 2);
    assert_eq!(of_function(filter(), &under("k")), ["lambda-filter"]);
    assert_eq!(of_function(bisect(), &under("k")), ["lambda-bisect"]);
    assert_eq!(
        of_function(parallel(), &under("a")),
        ["lambda-parallelization"]
    );
    // Under keys of their own, they spread.
    assert_eq!(of_function(parallel(), &under("k")), [""; 0]);
    for mapping in [filter(), bisect(), parallel()] {
        assert_eq!(of_function(mapping, &plain()), [""; 0]);
    }
}

#[test]
fn either_bound_ends_the_retries_of_a_function() {
    let with = |retries: Option<u64>, age: Option<u64>, kept: bool| {
        let mapping = Mapping {
            maximum_retries: retries,
            maximum_age_seconds: age,
            has_failure_destination: kept,
            ..careful()
        };
        of_function(mapping, &under("a"))
    };
    for (retries, age) in [(Some(3), None), (None, Some(60)), (Some(3), Some(60))] {
        assert_eq!(with(retries, age, true), [""; 0]);
        assert_eq!(with(retries, age, false), ["lambda-no-destination"]);
    }
    // Nothing is given up, so nothing is thrown away.
    for kept in [true, false] {
        assert_eq!(with(None, None, kept), ["lambda-endless-retries"]);
    }
}

/// Its other settings do nothing.
#[test]
fn of_a_function_that_does_not_read_only_that_is_said() {
    let mapping = Mapping {
        enabled: false,
        filters: 1,
        parallelization_factor: 10,
        bisects: true,
        ..Mapping::default()
    };
    assert_eq!(of_function(mapping, &under("a")), ["lambda-disabled"]);
}
