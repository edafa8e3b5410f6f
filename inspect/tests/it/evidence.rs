//! What a finding of the doctor says of the records that it is about.

use kinesis_aggregation::wire::{RecordIndices, encode};
use kinesis_aggregation_inspect::FoundRecord;
use kinesis_aggregation_inspect::doctor::{Doctor, StreamFacts};

const JOINED: &str = "{\"a\":1}\n{\"a\":2}\n";

/// An aggregate that the KCL cuts before its only user record.
fn cut() -> Vec<u8> {
    let indices = RecordIndices {
        partition_key: 0,
        explicit_hash_key: Some(0),
    };
    encode(["key"], ["undefined"], [(indices, b"data".as_slice())])
}

/// The evidence of the only finding in so many records, the last of them this one.
fn evidence(before: usize, last: Vec<u8>) -> String {
    let mut doctor = Doctor::new();
    for _ in 0..before {
        doctor.look_at(&FoundRecord::new(JOINED), None);
    }
    doctor.look_at(&FoundRecord::new(last), None);
    let mut findings = doctor.diagnose().findings;
    findings.remove(0).evidence
}

#[test]
fn an_example_says_what_a_kcl_does_if_it_loses_something() {
    let evidence = evidence(0, cut());
    assert!(evidence.contains("record 0: the KCL "), "{evidence}");
}

/// On a stream that places records itself, nobody can say what a KCL does with an aggregate.
#[test]
fn an_example_of_which_nothing_is_lost_is_only_named() {
    let facts = StreamFacts {
        service_managed: Some(true),
        ..StreamFacts::default()
    };
    let mut doctor = Doctor::new().stream(facts);
    let indices = RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    let aggregate = encode(["key"], [""; 0], [(indices, b"data".as_slice())]);
    doctor.look_at(&FoundRecord::new(aggregate), None);
    let evidence = doctor.diagnose().findings.remove(0).evidence;
    assert!(
        evidence.contains("record 0") && !evidence.contains("the KCL"),
        "{evidence}"
    );
}

#[test]
fn only_what_was_not_looked_for_in_all_records_is_said_of_the_first_ones() {
    let all = evidence(9_999, JOINED.into());
    assert!(all.starts_with("10000 of 10000 Kinesis records"), "{all}");
    let lost = evidence(10_000, cut());
    assert!(lost.starts_with("1 of 10001 Kinesis records"), "{lost}");
}
