//! `kagg inspect`: what a person sees at 3 a.m.

use serde_json::Value;

use super::shards::split;
use super::{
    Run, TempDir, aggregate_of, base64, corrupt, cut_aggregate, framed, get_records,
    good_aggregate, kagg,
};

fn inspect(data: &[u8], status: i32) -> Run {
    kagg("inspect --input hex", hex::encode(data)).expect(status)
}

fn report(data: &[u8], status: i32) -> Value {
    let run = kagg("inspect --json --input hex", hex::encode(data)).expect(status);
    run.lines().pop().unwrap()
}

#[track_caller]
fn assert_shows(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.text().contains(text), "no {text:?} in:\n{}", run.text());
    }
}

#[test]
fn a_good_aggregate_is_shown_whole() {
    let data = good_aggregate();
    let run = inspect(&data, 0);
    assert_shows(
        &run,
        &[
            "record 0: aggregate",
            &hex::encode(&data[data.len() - 16..]),
            "right",
            "3 in the table, 3 bytes",
            "3, 11 bytes of data",
            "bytes more",
            "delivers all 3 user records",
            "\"a\"",
            "three",
            &kinesis_aggregation::HashKey::of_partition_key("c").to_string(),
            "Kinesis records: 1",
        ],
    );
    // Plain in a pipe.
    assert!(!run.text().contains('\u{1b}'));
}

#[test]
fn the_table_of_user_records_is_aligned() {
    let run = inspect(&good_aggregate(), 0);
    let lines = run.text().lines();
    let rows: Vec<_> = lines
        .skip_while(|line| !line.contains("sub  partition key"))
        .collect();
    let column = rows[0].find("data").unwrap();
    for (row, data) in rows[1..4].iter().zip(["one", "two", "three"]) {
        assert_eq!(&row[column..], data);
    }
}

#[test]
fn a_plain_record_is_shown() {
    let run = kagg("inspect", get_records(&[b"plain".to_vec()])).expect(0);
    assert_shows(
        &run,
        &[
            "plain record",
            "5 bytes  plain",
            "100",
            "5 bytes",
            "delivers it as a plain record",
        ],
    );
}

#[test]
fn a_wrong_digest_is_shown_beside_the_right_one() {
    let data = good_aggregate();
    let right = hex::encode(&data[data.len() - 16..]);
    let data = corrupt(data);
    let wrong = hex::encode(&data[data.len() - 16..]);
    let run = inspect(&data, 1);
    assert_shows(&run, &["broken aggregate", &wrong, &right, "well-formed"]);
    let json = report(&data, 1);
    assert_eq!(json["frame"]["digest"], wrong.as_str());
    assert_eq!(json["frame"]["computedDigest"], right.as_str());
    assert_eq!(json["kind"], "broken");
    assert_eq!(json["kcl"]["delivers"], "all");
}

#[test]
fn an_appended_newline_is_found_out() {
    for end in ["\n", "\r\n"] {
        let data = [&good_aggregate()[..], end.as_bytes()].concat();
        let json = report(&data, 1);
        assert_eq!(json["appended"], end.len());
        assert_shows(
            &inspect(&data, 1),
            &["the digest is right without the last"],
        );
    }
}

#[test]
fn malformed_protobuf_is_shown_where_it_breaks() {
    // The second user record has no data.
    let data = framed("0a01611a0508001a01781a020800");
    let run = inspect(&data, 1);
    assert_shows(
        &run,
        &[
            "malformed or incomplete at byte 16",
            "^^ byte 16",
            "00000000  f3 89 9a c2 0a 01 61",
        ],
    );
    assert_eq!(report(&data, 1)["breaksAt"], 16);
    // Cut short: the digest is wrong, and the protobuf breaks.
    let data = good_aggregate();
    assert_shows(
        &inspect(&data[..data.len() - 3], 1),
        &["its protobuf breaks at byte"],
    );
    let run = inspect(&hex::decode("f3899ac2").unwrap(), 1);
    assert_shows(&run, &["too short"]);
}

#[test]
fn a_bad_user_record_is_shown_among_the_good_ones() {
    let run = inspect(&cut_aggregate(), 1);
    assert_shows(
        &run,
        &[
            "delivers user records 0 to 1 and loses user records 2 to 3",
            "at byte 21",
            "^^ byte 21",
            "index 5?",
            "its partition key index is beyond the table",
        ],
    );
    let json = report(&cut_aggregate(), 1);
    assert_eq!(json["kcl"]["delivers"], "some");
    assert_eq!(json["kcl"]["userRecord"], 2);
    assert_eq!(json["userRecords"].as_array().unwrap().len(), 4);
    assert_eq!(json["userRecords"][2]["partitionKey"], Value::Null);
    for (hash_key, fault) in [(" 7", "not an integer"), ("-1", "not in 0 to 2^128-1")] {
        let data = aggregate_of(&[("a", Some(hash_key), "one")]);
        let json = report(&data, 1);
        assert_eq!(json["kcl"]["delivers"], "nothing");
        assert!(
            json["userRecords"][0]["fault"]
                .as_str()
                .unwrap()
                .contains(fault)
        );
    }
}

/// `a` and `d` belong to the lower half, `b` and `c` to the upper one.
fn straddling() -> Vec<u8> {
    use kinesis_aggregation::HashKey;
    let low = |key: &&str| HashKey::of_partition_key(key).get() <= u128::MAX / 2;
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    let first = keys.iter().find(|key| low(key)).unwrap();
    let second = keys.iter().find(|key| !low(key)).unwrap();
    aggregate_of(&[(first, None, "one"), (second, None, "two")])
}

#[test]
fn an_aggregate_that_straddles_a_split_is_dropped() {
    let directory = TempDir::new();
    let shards = directory.file("shards.json", split());
    let input = hex::encode(straddling());
    let run = kagg(&format!("inspect --shards {shards}"), &input).expect(1);
    assert_shows(
        &run,
        &[
            "drops all 2 user records, without a word: user record 1",
            "belongs to shardId-000000000002",
            "shardId-000000000001, 0-170141183460469231731687303715884105727",
        ],
    );
    // Without a shard map, nothing is wrong with it.
    kagg("inspect", &input).expect(0);
}

#[test]
fn the_shard_that_the_event_names_decides() {
    let directory = TempDir::new();
    let shards = directory.file("shards.json", split());
    for (shard, status, judged_by) in [
        ("shardId-000000000000", 0, "input"),
        ("shardId-000000000001", 1, "input"),
        ("shardId-000000000009", 1, "sequenceNumber"),
    ] {
        let input = format!(
            r#"{{"Records":[{{"eventID":"{shard}:7","kinesis":{{"sequenceNumber":"7","data":"{}"}}}}]}}"#,
            base64(straddling())
        );
        let run = kagg(&format!("inspect --json --shards {shards}"), &input).expect(status);
        let json = run.lines().pop().unwrap();
        assert_eq!(json["shardId"], shard);
        assert_eq!(json["kcl"]["judgedBy"], judged_by);
    }
}

/// The first of these records was written before the split, which tore its aggregate apart for no one.
#[test]
fn the_sequence_number_tells_the_shard_of_that_time() {
    let directory = TempDir::new();
    let shards = split()
        .replacen(
            "\"StartingSequenceNumber\":\"1\"",
            "\"StartingSequenceNumber\":\"100\"",
            1,
        )
        .replacen(
            "\"EndingSequenceNumber\":\"2\"",
            "\"EndingSequenceNumber\":\"200\"",
            1,
        )
        .replace(
            "\"StartingSequenceNumber\":\"1\"",
            "\"StartingSequenceNumber\":\"201\"",
        );
    let shards = directory.file("shards.json", shards);
    for (number, shard, status) in [("150", 0, 0), ("200", 0, 0), ("201", 1, 1)] {
        let input = format!(
            r#"[{{"SequenceNumber":"{number}","Data":"{}"}}]"#,
            base64(straddling())
        );
        let run = kagg(&format!("inspect --json --shards {shards}"), &input).expect(status);
        let json = run.lines().pop().unwrap();
        assert_eq!(json["kcl"]["judgedBy"], "sequenceNumber");
        assert_eq!(json["kcl"]["shard"], format!("shardId-{shard:012}"));
    }
}

#[test]
fn the_shard_may_be_named() {
    let directory = TempDir::new();
    let shards = directory.file("shards.json", split());
    let input = hex::encode(straddling());
    for (arguments, status) in [
        (format!("--shards {shards} --shard shardId-000000000000"), 0),
        (format!("--shards {shards} --shard shardId-000000000002"), 1),
        (format!("--hash-key-range 0-{}", u128::MAX), 0),
        (format!("--hash-key-range 0-{}", u128::MAX / 2), 1),
    ] {
        let run = kagg(&format!("inspect --json {arguments}"), &input).expect(status);
        assert_eq!(run.lines()[0]["kcl"]["judgedBy"], "named");
    }
    let run = kagg(
        &format!("inspect --shards {shards} --shard nonsense"),
        &input,
    )
    .expect(2);
    assert!(
        run.stderr.contains("nonsense is not in the list"),
        "{}",
        run.stderr
    );
    kagg("inspect --shard shardId-000000000000", &input).expect(2);
}

#[test]
fn only_problems_come_after_the_summary() {
    let page = get_records(&[good_aggregate(), corrupt(good_aggregate()), cut_aggregate()]);
    let run = kagg("inspect --only-problems", &page).expect(1);
    assert!(
        run.text().starts_with("Kinesis records: 3 "),
        "{}",
        run.text()
    );
    assert!(!run.text().contains("record 0:"), "{}", run.text());
    assert_shows(&run, &["record 1: broken aggregate", "record 2: aggregate"]);
    let run = kagg("inspect --only-problems --json", &page).expect(1);
    assert_eq!(run.lines().len(), 2);
    assert!(run.lines().iter().all(|line| line["bad"] == true));
    let run = kagg("inspect --only-problems", get_records(&[good_aggregate()])).expect(0);
    assert_eq!(run.text().lines().count(), 1);
}

#[test]
fn the_user_records_of_a_broken_aggregate_are_shown_as_far_as_they_go() {
    let json = report(&corrupt(good_aggregate()), 1);
    assert_eq!(json["userRecords"].as_array().unwrap().len(), 3);
    // The third user record has no data.
    let data = framed("0a01611a0508001a01781a0508001a01791a020800");
    assert_eq!(report(&data, 1)["userRecords"].as_array().unwrap().len(), 2);
    assert_shows(&inspect(&data, 1), &["  x\n", "  y\n"]);
}

#[test]
fn nothing_broken_is_green() {
    let green = "\u{1b}[32m";
    for data in [
        corrupt(good_aggregate()),
        cut_aggregate(),
        base64(good_aggregate()).into_bytes(),
    ] {
        let output = super::command()
            .args(["inspect", "--input", "raw", "examples/events/kinesis.json"])
            .env("CLICOLOR_FORCE", "1")
            .output()
            .unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains(green));
        let directory = TempDir::new();
        let file = directory.file("record", data);
        let output = super::command()
            .args(["inspect", "--input", "raw", &file])
            .env("CLICOLOR_FORCE", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let verdict = text.lines().find(|line| line.contains("the KCL")).unwrap();
        assert!(!verdict.contains(green), "{text}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    for (variable, coloured) in [("CLICOLOR_FORCE", true), ("NO_COLOR", false)] {
        let output = super::command()
            .args(["inspect", "examples/events/kinesis.json"])
            .env(variable, "1")
            .output()
            .unwrap();
        assert_eq!(output.stdout.contains(&0x1b), coloured, "{variable}");
    }
    for (when, coloured) in [("always", true), ("never", false), ("auto", false)] {
        let run = kagg(
            &format!("inspect --color {when} examples/events/kinesis.json"),
            "",
        )
        .expect(1);
        assert_eq!(run.stdout.contains(&0x1b), coloured, "{when}");
    }
}

#[test]
fn a_key_that_the_service_would_not_take_is_cut() {
    let data = aggregate_of(&[(&"k".repeat(100_000), None, "one")]);
    let run = inspect(&data, 0);
    assert_shows(&run, &["kkk\"… (100000 bytes)"]);
    assert!(run.stdout.len() < 3000);
}

#[test]
fn no_user_records_are_nothing_bad() {
    assert_shows(
        &inspect(&framed("0a0161"), 0),
        &["aggregate", "no user record"],
    );
}

#[test]
fn keys_and_data_cannot_command_the_terminal() {
    let data = aggregate_of(&[
        ("\u{1b}]0;x\u{7}\u{202e}\n", None, "\u{1b}[2J"),
        ("b", None, "\u{9b}2J"),
    ]);
    let page = get_records(&[data, b"\x1b[31m".to_vec()]).replace("\"a\"", "\"\\u001b[2J\"");
    let run = kagg("inspect", page).expect(0);
    assert!(
        !run.text().chars().any(|c| c.is_control() && c != '\n'),
        "{:?}",
        run.text()
    );
    assert!(!run.text().contains('\u{202e}'));
    assert_shows(&run, &["\\u{1b}]0;x\\u{7}\\u{202e}\\n"]);
}

/// What takes colours away would take this one too.
#[test]
fn json_keeps_every_character_of_a_key() {
    let shown = report(
        &aggregate_of(&[("a\u{7f}b", None, "one"), ("ab", None, "two")]),
        0,
    );
    assert_eq!(shown["userRecords"][0]["partitionKey"], "a\u{7f}b");
    assert_eq!(shown["userRecords"][1]["partitionKey"], "ab");
}

#[test]
fn the_json_has_all_keys() {
    let keys = |json: &Value| {
        json.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let good = keys(&report(&good_aggregate(), 0));
    assert_eq!(keys(&report(b"plain", 0)), good);
    assert_eq!(keys(&report(&corrupt(good_aggregate()), 1)), good);
    let json = report(&good_aggregate(), 0);
    assert_eq!(json["sizes"]["alone"], 14);
    assert_eq!(json["sizes"]["aggregated"], good_aggregate().len());
    assert_eq!(
        json["tables"]["partitionKeys"],
        serde_json::json!(["a", "b", "c"])
    );
}

#[test]
fn faults_of_known_writers_are_named() {
    for (record, name) in [
        (
            aggregate_of(&[("k", Some("undefined"), "x")]),
            "explicit-hash-key-undefined",
        ),
        (
            aggregate_of(&[("pod-7", None, "of pod-3"), ("pod-3", None, "of pod-7")]),
            "shuffled-partition-keys",
        ),
        (
            aggregate_of(&[("k", Some("0"), "x"), ("l", Some("0"), "y")]),
            "all-at-hash-0",
        ),
        (b"{\"a\":1}\n{\"a\":2}\n".to_vec(), "newline-joined"),
    ] {
        let run = kagg("inspect --input base64", base64(&record));
        let named = format!("known fault         {name}: ");
        assert!(run.text().contains(&named), "{}", run.text());
    }
}

/// Of an input that breaks off, as of a truncated download.
#[test]
fn what_was_read_before_a_read_error_is_summed_up() {
    let mut page = get_records(&[good_aggregate(), corrupt(good_aggregate()), cut_aggregate()]);
    page.truncate(page.len() - 2);
    let run = kagg("inspect --only-problems", &page).expect(2);
    assert!(
        run.text().starts_with("Kinesis records: 3 "),
        "{}",
        run.text()
    );
    assert_shows(&run, &["record 1: broken aggregate", "record 2: aggregate"]);
    assert!(run.stderr.contains("breaks"), "{}", run.stderr);
    let run = kagg("inspect", &page).expect(2);
    assert_shows(&run, &["record 0: aggregate", "Kinesis records: 3 "]);
    let run = kagg("inspect --json", &page).expect(2);
    assert_eq!(run.lines().len(), 3);
    // There is nothing to sum up.
    assert_eq!(kagg("inspect no-such-file", "").expect(2).text(), "");
}
