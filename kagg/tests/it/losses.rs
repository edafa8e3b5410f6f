//! What is said on standard error, and the exit status.

use super::{aggregate_of, corrupt, cut_aggregate, framed, get_records, good_aggregate, kagg};

/// Five Kinesis records, of which 1, 2 and 4 are worth a line.
fn page() -> String {
    let minus_one = aggregate_of(&[("a", None, "one"), ("b", Some("-1"), "two")]);
    get_records(&[
        good_aggregate(),
        cut_aggregate(),
        minus_one,
        b"plain".to_vec(),
        corrupt(good_aggregate()),
    ])
}

#[test]
fn every_loss_is_one_line() {
    let run = kagg("deaggregate", page()).expect(1);
    assert_eq!(
        run.stderr,
        "record 1 (sequence number 101): user record 2, at byte 21: its partition key index 5 is \
         beyond the table's 1 entries; user records 2 to 3 lost\n\
         record 2 (sequence number 102): user record 1, at byte 23: its explicit hash key of 2 bytes \
         is a number outside 0 to 2^128-1; user record 1 lost; the KCL drops the whole Kinesis record\n\
         record 4 (sequence number 104): warning: it starts as an aggregate, but its digest is not \
         its message's; delivered as a plain record, as it is\n"
    );
    let records: Vec<_> = run
        .lines()
        .iter()
        .map(|line| line["record"].as_u64().unwrap())
        .collect();
    assert_eq!(records, [0, 0, 0, 1, 1, 2, 3, 4]);
}

#[test]
fn salvage_goes_on_and_still_reports() {
    let range = "0-340282366920938463463374607431768211455";
    let command = format!("deaggregate --salvage --hash-key-range {range}");
    let run = kagg(&command, page()).expect(1);
    assert_eq!(run.stderr.lines().count(), 3);
    assert!(
        run.stderr.contains("; user record 2 lost\n"),
        "{}",
        run.stderr
    );
    let lines = run.lines();
    let of_cut: Vec<_> = lines
        .iter()
        .filter(|line| line["record"] == 1)
        .map(|line| line["subSequenceNumber"].as_u64().unwrap())
        .collect();
    assert_eq!(of_cut, [0, 1, 3]);
    assert!(
        !lines.iter().any(|line| line["record"] == 2),
        "what is out of the range is never salvaged"
    );
}

/// What old writers put for "no explicit hash key" is reported, and comes out all the same.
#[test]
fn salvage_hands_out_what_only_has_a_bad_explicit_hash_key() {
    for (name, text, data) in [
        (
            "ehk_undefined.b64",
            "undefined",
            [r#"{"order":1}"#, r#"{"order":2}"#],
        ),
        (
            "ehk_negative.b64",
            "-123",
            [r#"{"order":1}"#, r#"{"order":2}"#],
        ),
    ] {
        let input = std::fs::read(format!("../inspect/tests/cases/{name}")).unwrap();
        let run = kagg("deaggregate", &input).expect(1);
        assert_eq!(run.text(), "", "{name}");
        let run = kagg("deaggregate --salvage", &input).expect(1);
        assert!(
            run.stderr.contains("; salvaged all the same\n"),
            "{}",
            run.stderr
        );
        let lines = run.lines();
        assert_eq!(lines[0]["explicitHashKey"], text, "{name}");
        assert_eq!(lines[0]["partitionKey"], "customer-4", "{name}");
        assert_eq!(
            run.data(),
            data.map(|data| data.as_bytes().to_vec()),
            "{name}"
        );
    }
}

#[test]
fn damaged_aggregates_are_opened_on_demand_marked_and_reported() {
    let mut cut_short = good_aggregate();
    cut_short.truncate(cut_short.len() - 17);
    let page = get_records(&[corrupt(good_aggregate()), cut_short, b"plain".to_vec()]);
    // Off by default.
    let run = kagg("deaggregate --salvage", &page).expect(0);
    assert_eq!(run.lines().len(), 3);
    assert!(run.lines()[0].get("damaged").is_none());

    let run = kagg("deaggregate --salvage-damaged", &page).expect(1);
    assert_eq!(
        run.stderr,
        "record 0 (sequence number 100): user record 0, at byte 13: the digest over it and the others \
         is wrong, so any byte may be; the aggregate is opened all the same; the KCL delivers it as a \
         plain record\n\
         record 1 (sequence number 101): user record 2, at byte 32: the message is cut short or \
         malformed there; user records from 2 on are lost; the KCL delivers the aggregate as a plain \
         record\n"
    );
    let told: Vec<_> = run
        .lines()
        .iter()
        .map(|line| {
            (
                line["record"].as_u64().unwrap(),
                line["damaged"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, true),
            (0, true),
            (0, true),
            (1, true),
            (1, true),
            (2, false)
        ]
    );
    let data = ["one", "two", "three", "one", "two", "plain"];
    assert_eq!(run.data(), data.map(|data| data.as_bytes().to_vec()));
}

#[test]
fn what_is_delivered_all_the_same_is_a_warning() {
    for (data, what, user_records) in [
        (corrupt(good_aggregate()), "digest", 1),
        (
            framed("0a01611a0108"),
            "malformed or incomplete at byte ",
            1,
        ),
        (framed("0801"), "zero user records", 0),
        (hex::decode("f3899ac200").unwrap(), "too short", 1),
    ] {
        let run = kagg("deaggregate --input hex", hex::encode(&data)).expect(0);
        assert!(
            run.stderr.starts_with("record 0: warning: "),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(what), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
        assert_eq!(run.lines().len(), user_records);
    }
}

#[test]
fn records_are_counted_through_the_whole_input() {
    let mut input = "6f6e65\n".repeat(1200);
    input.push_str(&hex::encode(cut_aggregate()));
    let run = kagg("deaggregate --input hex", input).expect(1);
    assert!(
        run.stderr.starts_with("record 1200: user record 2"),
        "{}",
        run.stderr
    );
    let last = run.lines().pop().unwrap();
    assert_eq!(last["record"], 1200);
}

#[test]
fn wrong_usage_has_status_2() {
    for line in [
        "",
        "deaggregate --input nonsense",
        "deaggregate --hash-key-range 5",
        "deaggregate --hash-key-range 7-5",
        "deaggregate --after x",
        "deaggregate --output xml",
        "aggregate --outer-key nonsense",
        "aggregate --max-count 0",
        "aggregate --max-size 2000000",
        "nonsense",
    ] {
        let run = kagg(line, "[]").expect(2);
        assert!(!run.stderr.is_empty(), "{line}");
        assert_eq!(run.text(), "", "{line}");
    }
}

#[test]
fn nothing_is_lost_of_records_that_are_printed_unopened() {
    let broken = get_records(&[corrupt(good_aggregate()), cut_aggregate()]);
    let run = kagg("deaggregate --output kinesis", &broken).expect(0);
    assert_eq!((run.lines().len(), &*run.stderr), (2, ""));
}

#[test]
fn an_option_that_does_nothing_to_unopened_records_is_refused() {
    let aws: &[_] = match cfg!(feature = "aws") {
        true => &[("tail orders", "--no-range", "")],
        false => &[],
    };
    let always = [
        ("deaggregate", "--after", "5:0"),
        ("deaggregate", "--hash-key-range", "0-5"),
        ("deaggregate", "--salvage", ""),
        ("deaggregate", "--salvage-damaged", ""),
        ("deaggregate", "--decompress", "auto"),
        ("deaggregate", "--split", "cloudwatch"),
        ("deaggregate", "--delimiter", ","),
        ("carve", "--salvage", ""),
        ("carve", "--decompress", "auto"),
    ];
    for (subcommand, option, value) in always.iter().chain(aws) {
        let line = format!("{subcommand} --output kinesis {option} {value}");
        let run = kagg(&line, get_records(&[good_aggregate()])).expect(2);
        assert_eq!(run.text(), "", "{line}");
        let expected = format!("kagg: {option} cannot be used with --output kinesis");
        assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    }
}

#[test]
fn an_explicit_hash_key_comes_out_as_it_was_written() {
    let data = aggregate_of(&[("a", Some("007"), "one"), ("b", Some("-0"), "two")]);
    let lines = kagg("deaggregate", data).expect(0).lines();
    assert_eq!(lines[0]["explicitHashKey"], "007");
    assert_eq!(lines[1]["explicitHashKey"], "-0");
}
