//! Where a finding of the doctor begins: on either side of each limit.

use kinesis_aggregation_inspect::doctor::{Diagnosis, Doctor, known_faults};
use kinesis_aggregation_inspect::{FoundRecord, explain};

use crate::support::{Record, aggregate, framed};

fn diagnose(records: impl IntoIterator<Item = FoundRecord>) -> Diagnosis {
    let mut doctor = Doctor::new();
    for record in records {
        doctor.look_at(&record, None);
    }
    doctor.diagnose()
}

fn names(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let findings = diagnosis.findings.iter();
    findings.map(|finding| finding.name).collect()
}

fn one(user_records: &[Record<'_>]) -> FoundRecord {
    FoundRecord::new(aggregate(user_records)).with_partition_key("a")
}

/// Plain records, so many of them under one key, the others each under its own.
fn keyed(hot: usize, cold: usize) -> Vec<FoundRecord> {
    let plain = |key: String| FoundRecord::new("x").with_partition_key(key);
    let hot = (0..hot).map(|_| plain("hot".to_owned()));
    let cold = (0..cold).map(|number| plain(format!("cold-{number}")));
    hot.chain(cold).collect()
}

/// From 100 user records and 20 percent on, unless there is only one key.
#[test]
fn a_key_is_hot_from_a_fifth_of_enough_user_records_on() {
    for (hot, cold, is_hot) in [
        (20, 80, true),
        (19, 81, false),
        (199, 801, false),
        (50, 49, false),
        (50, 50, true),
        (100, 0, false),
        (99, 1, true),
    ] {
        let found = names(&diagnose(keyed(hot, cold)));
        assert_eq!(
            found == ["hot-partition-key"],
            is_hot,
            "{hot} of {}: {found:?}",
            hot + cold
        );
        assert_eq!(found.is_empty(), !is_hot);
    }
    let evidence = &diagnose(keyed(30, 70)).findings[0].evidence;
    assert_eq!(evidence, "\"hot\" has 30 % of 100 user records");
}

/// Nobody gets the user records of a broken aggregate.
#[test]
fn the_keys_of_broken_aggregates_are_not_counted() {
    let mut broken = aggregate(&[("inside", None, "x"), ("inside", None, "y")]);
    *broken.last_mut().unwrap() ^= 1;
    let records = [
        FoundRecord::new(broken).with_partition_key("a"),
        one(&[("k", None, "x"), ("l", None, "y"), ("k", None, "z")]),
        FoundRecord::new("plain").with_partition_key("plain"),
        FoundRecord::new("plain"),
    ];
    let keys = diagnose(records).hottest_partition_keys;
    let keys: Vec<_> = keys
        .iter()
        .map(|key| (&*key.partition_key, key.user_records))
        .collect();
    assert_eq!(keys, [("k", 2), ("l", 1), ("plain", 1)]);
}

#[test]
fn the_sample_is_counted_by_kind() {
    let good = aggregate(&[("k", None, "x"), ("l", None, "y"), ("m", None, "z")]);
    let other = aggregate(&[("k", None, "longer")]);
    let mut broken = good.clone();
    *broken.last_mut().unwrap() ^= 1;
    let sizes = [good.len(), other.len(), broken.len()];
    let (aggregates, broken_len) = (sizes[0] + sizes[1] + 2, sizes[2]);
    let diagnosis = diagnose([
        FoundRecord::new(good).with_partition_key("a"),
        FoundRecord::new(other).with_partition_key("a"),
        FoundRecord::new(broken),
        FoundRecord::new("plain").with_partition_key("key"),
        FoundRecord::new("plain"),
    ]);
    let sampled = diagnosis.sampled;
    assert_eq!(
        (
            sampled.records,
            sampled.aggregates,
            sampled.broken,
            sampled.plain
        ),
        (5, 2, 1, 2)
    );
    assert_eq!(sampled.user_records, 4);
    let bytes = aggregates + broken_len + 8 + 5;
    assert_eq!(sampled.bytes, u64::try_from(bytes).unwrap());
    assert_eq!(diagnosis.packing.now.bytes, sampled.bytes);
    assert_eq!(diagnosis.packing.user_records_per_aggregate, 2.0);
    assert_eq!(
        diagnosis.packing.bytes_per_aggregate,
        aggregates as f64 / 2.0
    );
    // One by one: a user record of its key and its data, and what was not opened as it is.
    let alone = diagnosis.packing.without_aggregation;
    let expected = 2 + 2 + 2 + 7 + broken_len + 8 + 5;
    assert_eq!(
        (alone.records, alone.bytes),
        (7, u64::try_from(expected).unwrap())
    );
}

#[test]
fn how_many_user_records_are_lost_is_said() {
    let with = |bad: &str| one(&[("k", None, "x"), ("k", Some(bad), "y"), ("k", None, "z")]);
    let mut broken = aggregate(&[("k", None, "x")]);
    *broken.last_mut().unwrap() ^= 1;
    for (record, lost) in [
        (
            with("undefined"),
            ", with 2 user records lost; record 0: the KCL delivers user record 0",
        ),
        (
            with("-1"),
            ", with 3 user records lost; record 0: the KCL drops all 3 user records",
        ),
        (
            one(&[("k", None, "x"), ("k", Some("undefined"), "y")]),
            ", with 1 user record lost; record 0: the KCL delivers user record 0 and loses",
        ),
        (
            FoundRecord::new(framed("0a01611a0508051a0178")),
            ", with 1 user record lost; record 0: the KCL delivers nothing",
        ),
        // It is delivered, as it is.
        (
            FoundRecord::new(broken),
            "; record 0: it starts as an aggregate, but its digest",
        ),
        (
            FoundRecord::new("{\"a\":1}\n{\"a\":2}").with_sequence_number("7"),
            "; record 0 (sequence number 7)",
        ),
    ] {
        let evidence = diagnose([record]).findings.remove(0).evidence;
        let expected = format!("1 of 1 Kinesis records{lost}");
        assert!(evidence.starts_with(&expected), "{evidence}");
    }
    let evidence = diagnose([with("-1"), one(&[("k", None, "x")]), with("-1")]);
    let evidence = &evidence.findings[0].evidence;
    let expected = "2 of 3 Kinesis records, with 6 user records lost; record 0: ";
    assert!(evidence.starts_with(expected), "{evidence}");
}

/// One aggregate, or one user record in it, may be meant so.
#[test]
fn all_at_hash_0_is_said_of_several_only() {
    let zero = |count: usize| one(&vec![("k", Some("0"), "x"); count]);
    let diagnosis = diagnose([zero(2), zero(3)]);
    assert_eq!(names(&diagnosis), ["all-at-hash-0"]);
    assert_eq!(
        diagnosis.findings[0].evidence,
        "all 5 user records, in 2 aggregates"
    );
    assert_eq!(names(&diagnose([zero(5)])), [""; 0]);
    assert_eq!(
        names(&diagnose([zero(2), one(&[("k", None, "x")])])),
        [""; 0]
    );
    // Not the number 0, but the text that such writers write.
    let text = |text| one(&[("k", Some(text), "x"), ("k", Some("0"), "y")]);
    assert_eq!(names(&diagnose([text("00"), zero(2)])), [""; 0]);
    let empty = || FoundRecord::new(framed("0a0161"));
    assert_eq!(names(&diagnose([empty(), empty()])), ["empty-aggregate"]);

    let faults = |record: &FoundRecord| {
        let faults = known_faults(record, &explain(record, None));
        faults.iter().map(|fault| fault.name).collect::<Vec<_>>()
    };
    assert_eq!(faults(&zero(2)), ["all-at-hash-0"]);
    assert_eq!(faults(&zero(1)), [""; 0]);
    assert_eq!(faults(&text("1")), [""; 0]);
}

/// Those that only one kind of writer makes; of the others, the verdict says enough.
#[test]
fn the_faults_of_a_record_are_those_of_known_writers() {
    let mut broken = b"{\"a\":1}\n{\"a\":2}".to_vec();
    broken.splice(..0, *b"\xF3\x89\x9A\xC2");
    for (record, expected) in [
        (
            one(&[("k", Some("undefined"), "x")]),
            &["explicit-hash-key-undefined"][..],
        ),
        (
            one(&[("k", Some("-7"), "x")]),
            &["explicit-hash-key-negative"],
        ),
        (one(&[("k", Some("x"), "x")]), &[]),
        (
            one(&[("", None, "x"), ("k", None, "y")]),
            &["empty-partition-key"],
        ),
        (
            one(&[("k", None, "x"), ("", None, "y")]),
            &["empty-partition-key"],
        ),
        (
            one(&[("k", None, "{\"a\":1}\n{\"a\":2}")]),
            &["newline-joined"],
        ),
        (
            FoundRecord::new("{\"a\":1}\n{\"a\":2}"),
            &["newline-joined"],
        ),
        (FoundRecord::new("plain"), &[]),
        (FoundRecord::new(broken), &[]),
    ] {
        let faults = known_faults(&record, &explain(&record, None));
        let names: Vec<_> = faults.iter().map(|fault| fault.name).collect();
        assert_eq!(names, expected, "{record:?}");
    }
}

/// Of each, so many user records hold another one's key, and so many their own.
#[test]
fn keys_are_shuffled_if_most_user_records_hold_another_ones() {
    let shuffled = |others: usize, own: usize, key: &str| {
        let keys: Vec<_> = (10..10 + others + own)
            .map(|number| format!("{key}{number}"))
            .collect();
        let data: Vec<_> = (0..keys.len())
            .map(|at| match at < others {
                true => format!("of {}", keys[(at + 1) % others]),
                false => format!("of {}", keys[at]),
            })
            .collect();
        let pairs = keys.iter().zip(&data);
        let records: Vec<Record<'_>> = pairs.map(|(key, data)| (&**key, None, &**data)).collect();
        names(&diagnose([one(&records)])) == ["shuffled-partition-keys"]
    };
    assert!(shuffled(2, 0, "pod-") && shuffled(2, 1, "pod-") && shuffled(3, 2, "pod-"));
    assert!(!shuffled(2, 2, "pod-") && !shuffled(0, 5, "pod-"));
    // Four characters tell, three may be there by chance.
    assert!(shuffled(2, 0, "po") && !shuffled(2, 0, "p"));
    // More keys are not looked for.
    assert!(shuffled(32, 0, "pod-") && !shuffled(33, 0, "pod-"));
}

/// What the keys of an aggregate show of its writer.
#[test]
fn writers_are_told_by_their_keys() {
    let own_hash = kinesis_aggregation::HashKey::of_partition_key("k").to_string();
    let with = |outer: Option<&str>, hash_key: Option<&str>| {
        let record = FoundRecord::new(aggregate(&[("k", hash_key, "x"), ("l", None, "y")]));
        match outer {
            Some(key) => record.with_partition_key(key),
            None => record,
        }
    };
    for (record, start) in [
        (with(Some("a"), None), "under the key `a`: "),
        (
            with(None, None),
            "whose own partition key the input does not tell",
        ),
        (
            with(Some("k"), None),
            "under the first user record's key: Fluent Bit's Go plugin",
        ),
        (
            with(Some("k"), Some("7")),
            "under the first user record's key: Fluent Bit's Go plugin",
        ),
        (
            with(Some("k"), Some(&own_hash)),
            "under the first user record's key, its hash as explicit hash key: ",
        ),
        (with(Some("l"), None), "under a key of their own: "),
    ] {
        let writers = diagnose([record.clone(), record]).writers;
        assert_eq!(writers.len(), 1, "{writers:?}");
        assert!(writers[0].signature.starts_with(start), "{writers:?}");
        assert_eq!(writers[0].aggregates, 2);
    }
}
