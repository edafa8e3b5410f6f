//! What is said of a record: its kind, what a KCL delivers of it, and by which shard that is judged.

use kinesis_aggregation::HashKey;
use kinesis_aggregation_inspect::{Coat, Delivers, FoundRecord, JudgedBy, Kind, Shards, explain};
use serde_json::{Value, json};

use crate::support::{a, aggregate, base64, framed};

const HALF: u128 = 1 << 127;

/// Shard 0 was split into 1 and 2 after the sequence number 200.
fn split() -> Shards {
    let shard = |id: &str, (start, end): (u128, u128), numbers: Value| {
        json!({
            "ShardId": id, "SequenceNumberRange": numbers,
            "HashKeyRange": {
                "StartingHashKey": start.to_string(), "EndingHashKey": end.to_string(),
            },
        })
    };
    let closed = json!({"StartingSequenceNumber": "100", "EndingSequenceNumber": "200"});
    let open = json!({"StartingSequenceNumber": "201"});
    let all = json!({"Shards": [
        shard("shardId-0", (0, u128::MAX), closed),
        shard("shardId-1", (0, HALF - 1), open.clone()),
        shard("shardId-2", (HALF, u128::MAX), open),
    ]});
    Shards::from_json(all.to_string().as_bytes()).unwrap()
}

/// Of both halves, the lower one first.
fn straddling() -> FoundRecord {
    let upper = HALF.to_string();
    FoundRecord::new(aggregate(&[
        ("k", Some("0"), "x"),
        ("k", Some(&*upper), "y"),
    ]))
}

#[test]
fn a_record_is_judged_by_the_shard_that_is_known_best() {
    let full = format!("0-{}", u128::MAX);
    let lower = format!("0-{}", HALF - 1);
    let upper = format!("{HALF}-{}", u128::MAX);
    let (all, nothing) = (Delivers::All, Delivers::Nothing);
    let with = |number: &str| straddling().with_sequence_number(number);
    let by_number = JudgedBy::SequenceNumber;
    let by_first = JudgedBy::FirstUserRecord;
    for (record, judged_by, shard, range, delivers) in [
        (straddling(), by_first, "shardId-1", &lower, nothing),
        // The input's word is better than a number's.
        (
            with("201").with_shard_id("shardId-0"),
            JudgedBy::Input,
            "shardId-0",
            &full,
            all,
        ),
        (
            straddling().with_shard_id("shardId-2"),
            JudgedBy::Input,
            "shardId-2",
            &upper,
            nothing,
        ),
        // A shard that is not in the list says nothing.
        (
            with("150").with_shard_id("shardId-9"),
            by_number,
            "shardId-0",
            &full,
            all,
        ),
        (with("99"), by_first, "shardId-1", &lower, nothing),
        (with("100"), by_number, "shardId-0", &full, all),
        (with("200"), by_number, "shardId-0", &full, all),
        (with("201"), by_number, "shardId-1", &lower, nothing),
        (with("no number"), by_first, "shardId-1", &lower, nothing),
    ] {
        let shards = split();
        let kcl = explain(&record, Some(&shards)).kcl;
        assert_eq!(
            (kcl.judged_by, kcl.shard),
            (judged_by, Some(shard)),
            "{record:?}"
        );
        assert_eq!(
            (&kcl.hash_key_range, kcl.delivers),
            (range, delivers),
            "{record:?}"
        );
    }
    let record = FoundRecord::new(aggregate(&[("k", Some(&*HALF.to_string()), "y")]));
    let shards = split();
    let record = record.with_sequence_number("201");
    assert_eq!(explain(&record, Some(&shards)).kcl.shard, Some("shardId-2"));
}

#[test]
fn a_shard_that_is_named_is_believed_before_all_others() {
    let record = straddling()
        .with_shard_id("shardId-0")
        .with_sequence_number("150");
    let named = split().read_from("shardId-2").unwrap();
    let kcl = explain(&record, Some(&named)).kcl;
    assert_eq!(
        (kcl.judged_by, kcl.shard),
        (JudgedBy::Named, Some("shardId-2"))
    );
    assert_eq!(kcl.delivers, Delivers::Nothing);
    assert!(split().read_from("shardId-9").is_err());
    for (range, delivers) in [
        (format!("0-{}", HALF - 1), Delivers::Nothing),
        (format!("0-{}", u128::MAX), Delivers::All),
    ] {
        let named = Shards::default().read_from_range(range.parse().unwrap());
        let kcl = explain(&record, Some(&named)).kcl;
        assert_eq!((kcl.judged_by, kcl.shard), (JudgedBy::Named, None));
        assert_eq!((kcl.hash_key_range, kcl.delivers), (range, delivers));
    }
}

#[test]
fn without_a_shard_the_full_range_counts() {
    let full = format!("0-{}", u128::MAX);
    // No key to find a shard by; and of two shards that were open, no one knows which it was.
    let keyless = FoundRecord::new(framed("0a01611a0508051a0178")).with_sequence_number("201");
    for (record, shards) in [
        (straddling(), None),
        (straddling(), Some(Shards::default())),
        (keyless.clone(), Some(split())),
    ] {
        let kcl = explain(&record, shards.as_ref()).kcl;
        assert_eq!((kcl.judged_by, kcl.shard), (JudgedBy::FullRange, None));
        assert_eq!(kcl.hash_key_range, full);
    }
    let shards = split();
    let keyless = keyless.with_sequence_number("150");
    let kcl = explain(&keyless, Some(&shards)).kcl;
    assert_eq!(
        (kcl.judged_by, kcl.shard),
        (JudgedBy::SequenceNumber, Some("shardId-0"))
    );
}

/// The data, how much is delivered, how the sentence starts and ends, and the user record that is bad.
#[test]
fn what_a_kcl_delivers_is_said_in_a_sentence() {
    let with = |hash_key| {
        aggregate(&[
            ("k", None, "x"),
            ("k", Some(hash_key), "y"),
            ("k", None, "z"),
        ])
    };
    let page = " (without javax.xml.bind on its class path, it loses the whole page)";
    for (data, delivers, start, end, bad) in [
        (
            b"plain".to_vec(),
            Delivers::All,
            "delivers it as a plain record, as it is",
            "",
            None,
        ),
        (
            framed("0a0161"),
            Delivers::All,
            "has nothing to deliver: there is no user record",
            "",
            None,
        ),
        (
            aggregate(&[("k", None, "x")]),
            Delivers::All,
            "delivers the one user record",
            "",
            None,
        ),
        (a(), Delivers::All, "delivers all 3 user records", "", None),
        (
            with("undefined"),
            Delivers::Some,
            "delivers user record 0 and loses user records 1 to 2: user record 1, at byte ",
            page,
            Some(1),
        ),
        (
            framed("0a01611a0508051a0178"),
            Delivers::Nothing,
            "delivers nothing and loses user record 0: user record 0, at byte ",
            page,
            Some(0),
        ),
        (
            with("-1"),
            Delivers::Nothing,
            "drops all 3 user records, without a word: user record 1, at byte ",
            "2^128-1",
            Some(1),
        ),
    ] {
        let record = FoundRecord::new(data);
        let report = explain(&record, None);
        assert_eq!(report.bad, delivers != Delivers::All);
        let kcl = report.kcl;
        assert_eq!((kcl.delivers, kcl.user_record), (delivers, bad), "{kcl:?}");
        assert_eq!(kcl.breaks_at.is_some(), bad.is_some(), "{kcl:?}");
        assert_eq!(kcl.delivers_all(), delivers == Delivers::All);
        let is_whole = bad.is_none();
        let text = &kcl.explanation;
        assert!(text.starts_with(start) && text.ends_with(end), "{text}");
        assert!(!is_whole || text == start, "{text}");
    }
    let (record, shards) = (straddling(), split());
    let text = explain(&record, Some(&shards)).kcl.explanation;
    assert!(text.starts_with("drops all 2 user records, without a word: user record 1, at byte "));
    assert!(text.ends_with(" and belongs to shardId-2"), "{text}");
}

#[test]
fn the_kind_and_what_was_done_to_a_record_are_told() {
    let (plain, whole, broken) = (Kind::Plain, Kind::Aggregate, Kind::Broken);
    let mut changed = a();
    changed[20] ^= 1;
    let appended = |text: &[u8]| [&a()[..], text].concat();
    // The data, its kind, whether it is bad, how many bytes were added, and whether it breaks somewhere.
    for (data, kind, bad, added, breaks) in [
        (b"plain".to_vec(), plain, false, None, false),
        (b"\x1F\x8B\x08\x00".to_vec(), plain, false, None, false),
        (base64(&a()).into_bytes(), plain, true, None, false),
        (a(), whole, false, None, false),
        (changed, broken, true, None, false),
        (appended(b"\n"), broken, true, Some(1), false),
        (appended(b"\r\n"), broken, true, Some(2), false),
        (appended(b"\n\r\n"), broken, true, None, false),
        (
            framed("0a01611a0508001a01781a020800"),
            broken,
            true,
            None,
            true,
        ),
        (b"\xF3\x89\x9A\xC2".to_vec(), broken, true, None, false),
    ] {
        let record = FoundRecord::new(data);
        let report = explain(&record, None);
        assert_eq!((report.kind, report.bad), (kind, bad), "{report:?}");
        assert_eq!(report.bad, report.is_bad());
        assert_eq!(report.appended, added, "{report:?}");
        if added.is_none() && !matches!(report.coat, Some(Coat::SeveralAggregates { .. })) {
            assert_eq!(report.breaks_at.is_some(), breaks, "{report:?}");
        }
        assert_eq!(report.tables.is_some(), kind != plain);
        assert_eq!(report.sizes.is_some(), kind == whole);
        let says_more = bad || report.coat.is_some();
        assert_eq!(report.problem.is_some(), says_more, "{report:?}");
        let intact = report.frame.as_ref().map(|frame| frame.is_intact());
        assert!(
            intact.is_none_or(|intact| intact == (kind == whole || breaks)),
            "{report:?}"
        );
    }
}

#[test]
fn the_sizes_of_an_aggregate_are_those_that_the_service_counts() {
    let key = "k".repeat(50);
    let report = |count: usize| {
        let indices = kinesis_aggregation::wire::RecordIndices {
            partition_key: 0,
            explicit_hash_key: None,
        };
        let records = vec![(indices, b"data".as_slice()); count];
        let data = kinesis_aggregation::wire::encode([&*key], [""; 0], records);
        let len = data.len();
        let record = FoundRecord::new(data).with_partition_key("key");
        (len, explain(&record, None).sizes.unwrap())
    };
    let (len, sizes) = report(10);
    assert_eq!((sizes.user_records, sizes.user_data), (10, 40));
    assert_eq!((sizes.aggregated, sizes.alone), (len + 3, 540));
    assert_eq!(sizes.saved, 540 - i64::try_from(len + 3).unwrap());
    assert!(sizes.saved > 0 && report(1).1.saved < 0);
}

#[test]
fn the_shard_of_a_key_is_predicted() {
    let shards = split();
    let home = |key: &str| match HashKey::of_partition_key(key).get() < HALF {
        true => "shardId-1",
        false => "shardId-2",
    };
    let plain = FoundRecord::new("plain");
    assert_eq!(explain(&plain, Some(&shards)).predicted_shard, None);
    for key in ["a", "b", "c", "d"] {
        let plain = plain.clone().with_partition_key(key);
        assert_eq!(
            explain(&plain, Some(&shards)).predicted_shard,
            Some(home(key))
        );
        assert_eq!(explain(&plain, None).predicted_shard, None);
        // An aggregate's own key says nothing about its user records.
        let upper = HALF.to_string();
        let data = aggregate(&[(key, None, "x"), (key, Some(&*upper), "y")]);
        let aggregate = FoundRecord::new(data).with_partition_key(key);
        let report = explain(&aggregate, Some(&shards));
        assert_eq!(report.predicted_shard, None);
        let predicted = report
            .user_records
            .iter()
            .map(|record| record.predicted_shard);
        assert_eq!(
            predicted.collect::<Vec<_>>(),
            [Some(home(key)), Some("shardId-2")]
        );
    }
}

#[test]
fn a_user_record_that_is_bad_on_any_shard_says_why() {
    let with = |hash_key: &str| aggregate(&[("k", Some(hash_key), "x")]);
    let max = u128::MAX;
    for (data, fault) in [
        (with("7"), None),
        (with(&max.to_string()), None),
        (
            with(&format!("{max}0")),
            Some("its explicit hash key is not in 0 to 2^128-1"),
        ),
        (
            with("-1"),
            Some("its explicit hash key is not in 0 to 2^128-1"),
        ),
        (with(" 7"), Some("its explicit hash key is not an integer")),
        (with("7\n"), Some("its explicit hash key is not an integer")),
        (with(""), Some("its explicit hash key is not an integer")),
        (
            framed("0a01611a0508051a0178"),
            Some("its partition key index is beyond the table"),
        ),
        (
            framed("0a01611a07080010051a0178"),
            Some("its explicit hash key index is beyond the table"),
        ),
        // The KCL looks at the partition key first.
        (
            framed("0a01611a07080510051a0178"),
            Some("its partition key index is beyond the table"),
        ),
    ] {
        let record = FoundRecord::new(data);
        let report = explain(&record, None);
        let user_record = &report.user_records[0];
        assert_eq!(user_record.fault, fault, "{user_record:?}");
        assert_eq!(
            user_record.hash_key.is_none(),
            fault.is_some(),
            "{user_record:?}"
        );
        assert_eq!(
            report.kcl.delivers_all(),
            fault.is_none(),
            "{user_record:?}"
        );
    }
}

/// Wherever a list of shards is complained of, the id is in one line and steers no terminal.
#[test]
fn the_id_of_a_shard_is_escaped_in_errors() {
    for (start, end) in [("x", "7"), ("7", "5")] {
        let list = json!({"Shards": [{
            "ShardId": "shard\n\u{1b}[2J",
            "HashKeyRange": {"StartingHashKey": start, "EndingHashKey": end},
        }]});
        let error = Shards::from_json(list.to_string().as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("shard\\n\\u{1b}[2J: "), "{text}");
    }
    let error = split().read_from("a\nb").unwrap_err();
    assert_eq!(error.to_string(), "the shard a\\nb is not in the list");
}
