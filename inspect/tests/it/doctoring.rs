//! Each finding of the doctor, provoked.

use kinesis_aggregation::{HashKey, Shard, ShardMap};
use kinesis_aggregation_inspect::FoundRecord;
use kinesis_aggregation_inspect::doctor::{
    Diagnosis, Doctor, Finding, Mapping, Severity, StreamFacts,
};

use crate::support::{Record, aggregate, careful, framed};

fn good() -> Vec<u8> {
    aggregate(&[("key-1", None, "one"), ("key-2", None, "two")])
}

fn found(data: impl Into<bytes::Bytes>) -> FoundRecord {
    FoundRecord::new(data).with_partition_key("a")
}

fn diagnose(records: &[FoundRecord]) -> Diagnosis {
    let mut doctor = Doctor::new();
    for record in records {
        doctor.look_at(record, None);
    }
    doctor.diagnose()
}

fn names(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let findings = diagnosis.findings.iter();
    findings.map(|finding| finding.name).collect()
}

#[track_caller]
fn only(data: impl Into<bytes::Bytes>, name: &str, severity: Severity) -> Finding {
    let diagnosis = diagnose(&[found(data), found(good())]);
    assert_eq!(names(&diagnosis), [name]);
    let finding = diagnosis.findings[0].clone();
    assert_eq!(finding.severity, severity);
    assert_eq!(diagnosis.loses(), severity == Severity::Loss);
    assert!(
        finding.evidence.starts_with("1 of 2 Kinesis records"),
        "{finding:?}"
    );
    finding
}

#[test]
fn good_records_have_no_finding() {
    let diagnosis = diagnose(&[found(good()), found("plain")]);
    assert_eq!(names(&diagnosis), [""; 0]);
    assert_eq!(diagnosis.sampled.user_records, 2);
    assert_eq!(diagnosis.packing.user_records_per_aggregate, 2.0);
    assert_eq!(diagnosis.writers[0].aggregates, 1);
}

#[test]
fn what_the_kcl_loses_is_found_by_its_cause() {
    let loss = Severity::Loss;
    let with = |hash_key| aggregate(&[("k", None, "x"), ("k", Some(hash_key), "y")]);
    let finding = only(with("undefined"), "explicit-hash-key-undefined", loss);
    assert!(
        finding.evidence.contains("1 user record lost"),
        "{finding:?}"
    );
    only(with("-123"), "explicit-hash-key-negative", loss);
    only(with("0x10"), "explicit-hash-key-invalid", loss);
    only(
        with(&format!("{}0", u128::MAX)),
        "explicit-hash-key-invalid",
        loss,
    );
    only(framed("0a01611a0508051a0178"), "index-beyond-table", loss);
    // The KCL stumbles over it before the explicit hash key, which is `undefined`.
    only(
        framed("0a01611209756e646566696e65641a07080510001a0178"),
        "index-beyond-table",
        loss,
    );
    // An explicit hash key that the aggregate does not have.
    only(
        framed("0a01611a07080010051a0178"),
        "index-beyond-table",
        loss,
    );
}

#[test]
fn what_was_done_to_aggregates_is_found() {
    let loss = Severity::Loss;
    only([good(), b"\n".to_vec()].concat(), "bytes-appended", loss);
    let mut changed = good();
    changed[10] ^= 1;
    only(changed, "digest-wrong", loss);
    only(framed("0a"), "protobuf-malformed", loss);
    only(good()[..6].to_vec(), "too-short", loss);
    only(
        base64_simd::STANDARD.encode_to_string(good()),
        "encoded-twice",
        loss,
    );
    let latin1: String = good().iter().map(|&byte| char::from(byte)).collect();
    only(latin1, "latin1", loss);
    let lossy = String::from_utf8_lossy(&good()).into_owned();
    only(lossy, "decoded-as-utf8", loss);
    only([good(), good()].concat(), "several-in-one", loss);
    only(framed("0a0161"), "empty-aggregate", Severity::Note);
    only(b"\x1F\x8B\x08\0\0".to_vec(), "compressed", Severity::Note);
}

#[test]
fn what_writers_are_known_for_is_found_by_name() {
    let warning = Severity::Warning;
    let shuffled = aggregate(&[("pod-7", None, "of pod-3"), ("pod-3", None, "of pod-7")]);
    only(shuffled, "shuffled-partition-keys", warning);
    only("{\"a\":1}\n{\"a\":2}\n", "newline-joined", warning);
    let joined = aggregate(&[("k", None, "{\"a\":1}\n{\"a\":2}")]);
    only(joined, "newline-joined", warning);
    only(
        aggregate(&[("", None, "x")]),
        "empty-partition-key",
        warning,
    );
    let zero = || found(aggregate(&[("k", Some("0"), "x"), ("l", Some("0"), "y")]));
    assert_eq!(names(&diagnose(&[zero(), zero()])), ["all-at-hash-0"]);
    assert_eq!(names(&diagnose(&[zero(), found(good())])), [""; 0]);
}

/// Looking into data takes its time, so it ends after 10,000 records: the finding says so.
#[test]
fn what_is_looked_for_in_the_first_records_only_is_said_of_them_only() {
    let mut doctor = Doctor::new();
    for _ in 0..10_001 {
        doctor.look_at(&FoundRecord::new("{\"a\":1}\n{\"a\":2}\n"), None);
    }
    let diagnosis = doctor.diagnose();
    assert_eq!(names(&diagnosis), ["newline-joined"]);
    let evidence = &diagnosis.findings[0].evidence;
    assert!(
        evidence.starts_with("10000 of the first 10000 Kinesis records, all that were looked into"),
        "{evidence}"
    );
}

/// The KCL loses the second user record for its explicit hash key, whatever else is odd.
#[test]
fn a_warning_claims_no_user_record_that_another_finding_has_lost() {
    let both = aggregate(&[("", None, "{\"a\":1}\n{\"a\":2}"), ("k", Some("-1"), "y")]);
    let diagnosis = diagnose(&[found(both)]);
    let expected = [
        "explicit-hash-key-negative",
        "empty-partition-key",
        "newline-joined",
    ];
    assert_eq!(names(&diagnosis), expected);
    let [loss, warnings @ ..] = &*diagnosis.findings else {
        panic!("three findings");
    };
    assert!(loss.evidence.contains("lost"), "{loss:?}");
    for warning in warnings {
        assert_eq!(warning.evidence, "1 of 1 Kinesis records; record 0");
    }
}

#[test]
fn a_hot_key_is_found_through_aggregates_and_plain_records() {
    let cold: Vec<String> = (0..50).map(|number| format!("cold-{number}")).collect();
    let user_records: Vec<Record<'_>> = cold.iter().map(|key| (&**key, None, "x")).collect();
    let mut records = vec![found(aggregate(&user_records))];
    let plain = || FoundRecord::new("x").with_partition_key("hot");
    records.extend(std::iter::repeat_with(plain).take(50));
    let diagnosis = diagnose(&records);
    assert_eq!(names(&diagnosis), ["hot-partition-key"]);
    let hottest = &diagnosis.hottest_partition_keys[0];
    assert_eq!((&*hottest.partition_key, hottest.percent), ("hot", 50));
}

/// User records of two shards, on a stream with keys and on one without.
#[test]
fn ranges_are_judged_unless_the_service_places_records() {
    let half = HashKey::new(1 << 127);
    let straddling = || {
        let record = aggregate(&[("k", Some("0"), "x"), ("k", Some(&half.to_string()), "y")]);
        found(record).with_shard_id("shardId-000000000000")
    };
    let end = HashKey::new((1 << 127) - 1);
    let range = |range: String| range.parse().unwrap();
    let map = || {
        let lower = Shard::open("shardId-000000000000", range(format!("0-{end}")));
        let upper = range(format!("{half}-{}", u128::MAX));
        ShardMap::new([lower, Shard::open("shardId-000000000001", upper)]).unwrap()
    };
    let mut doctor = Doctor::new().shards(map().into());
    doctor.look_at(&straddling(), None);
    let diagnosis = doctor.diagnose();
    assert_eq!(names(&diagnosis), ["out-of-range"]);
    assert!(
        diagnosis.findings[0]
            .evidence
            .contains("2 user records lost")
    );

    let facts = StreamFacts {
        service_managed: Some(true),
        ..StreamFacts::default()
    };
    let mut doctor = Doctor::new().shards(map().into()).stream(facts.clone());
    doctor.look_at(&straddling(), None);
    assert_eq!(
        names(&doctor.diagnose()),
        ["aggregates-on-service-managed-stream"]
    );
    let mut doctor = Doctor::new().stream(facts);
    doctor.look_at(&FoundRecord::new("plain"), None);
    assert_eq!(names(&doctor.diagnose()), ["service-managed"]);
}

#[test]
fn what_the_service_says_is_judged_by_what_is_in_the_stream() {
    let facts = StreamFacts {
        max_record_size: Some(10 << 20),
        closed_shards: Some(vec!["shardId-000000000000".to_owned()]),
        channels: Some(vec!["to-s3".to_owned()]),
        ..StreamFacts::default()
    };
    let with = |data: Vec<u8>| {
        let mut doctor = Doctor::new().stream(facts.clone());
        doctor.look_at(&found(data), None);
        names(&doctor.diagnose())
    };
    assert_eq!(with(good()), ["channel", "large-records", "resharded"]);
    assert_eq!(with(b"plain".to_vec()), ["large-records", "resharded"]);
}

#[test]
fn settings_of_lambda_are_judged_by_what_they_do_to_aggregates() {
    let careful = careful();
    let with = |mapping: &Mapping, data: Vec<u8>| {
        let facts = StreamFacts {
            mappings: Some(vec![mapping.clone()]),
            ..StreamFacts::default()
        };
        let mut doctor = Doctor::new().stream(facts);
        doctor.look_at(&found(data), None);
        names(&doctor.diagnose())
    };
    assert_eq!(with(&careful, good()), [""; 0]);
    let one = |change: &dyn Fn(&mut Mapping), name: &str| {
        let mut mapping = careful.clone();
        change(&mut mapping);
        assert_eq!(with(&mapping, good()), [name]);
    };
    one(&|mapping| mapping.enabled = false, "lambda-disabled");
    one(&|mapping| mapping.filters = 1, "lambda-filter");
    one(
        &|mapping| mapping.reports_failures = false,
        "lambda-no-batch-item-failures",
    );
    one(
        &|mapping| mapping.maximum_retries = None,
        "lambda-endless-retries",
    );
    one(
        &|mapping| mapping.has_failure_destination = false,
        "lambda-no-destination",
    );
    one(&|mapping| mapping.bisects = true, "lambda-bisect");
    one(
        &|mapping| mapping.parallelization_factor = 10,
        "lambda-parallelization",
    );
    let filters = Mapping {
        filters: 1,
        ..careful.clone()
    };
    assert_eq!(with(&filters, b"plain".to_vec()), [""; 0]);
}
