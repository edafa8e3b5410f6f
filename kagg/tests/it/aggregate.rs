//! `kagg aggregate`: what it takes, refuses and writes.

use kinesis_aggregation::{HashKey, wire};
use serde_json::Value;

use super::shards::{list_shards, split};
use super::{Run, TempDir, base64, decode, good_aggregate, kagg, kagg_args};

const HIGHEST: &str = "340282366920938463463374607431768211455";

impl Run {
    /// The JSON array on standard output.
    fn array(&self) -> Vec<Value> {
        serde_json::from_str(self.text()).unwrap()
    }
}

/// The data of all user records in entries of put-records.
fn read_back(array: &[Value]) -> Vec<Vec<u8>> {
    let lines: Vec<_> = array
        .iter()
        .map(|entry| entry["Data"].as_str().unwrap())
        .collect();
    kagg("deaggregate --input base64", lines.join("\n"))
        .expect(0)
        .data()
}

fn one_shard(directory: &TempDir) -> String {
    directory.file("shards.json", list_shards(&[("0", HIGHEST, false)]))
}

#[test]
fn what_is_aggregated_comes_back() {
    let directory = TempDir::new();
    let shards = directory.file("shards.json", split());
    let data: Vec<_> = (0..500_u32)
        .map(|n| format!("record {n}").into_bytes())
        .collect();
    let entries: Vec<_> = (0..)
        .zip(&data)
        .map(|(n, data)| serde_json::json!({ "PartitionKey": format!("é{}", n % 7), "Data": base64(data) }))
        .collect();
    let input = serde_json::to_string(&entries).unwrap();
    for options in [
        "",
        "--max-size 1000",
        "--max-count 9",
        "--outer-key first",
        "--outer-key ==x",
    ] {
        for map in [format!("--shards {shards}"), String::new()] {
            let run = kagg(&format!("aggregate {map} {options}"), &input).expect(0);
            assert!(run.stdout.is_ascii());
            let mut back = read_back(&run.array());
            let mut expected = data.clone();
            back.sort();
            expected.sort();
            assert_eq!(back, expected, "{map} {options}");
        }
    }
}

#[test]
fn an_entry_is_what_put_records_takes() {
    let directory = TempDir::new();
    let shards = one_shard(&directory);
    let input = r#"[{"PartitionKey":"k","Data":"b25l"},{"PartitionKey":"l","Data":"dHdv"}]"#;
    let run = kagg(&format!("aggregate --shards {shards}"), input).expect(0);
    let hash_key = HashKey::of_partition_key("k");
    let start =
        format!("[\n{{\"PartitionKey\":\"a\",\"ExplicitHashKey\":\"{hash_key}\",\"Data\":\"84ma");
    assert!(run.text().starts_with(&start), "{}", run.text());
    assert!(run.text().ends_with("\"}\n]\n"), "{}", run.text());
    let [entry] = run.array().try_into().unwrap();
    assert!(wire::is_framed(&decode(&entry["Data"])));
}

#[test]
fn without_shards_each_hash_key_has_its_own_aggregate() {
    let input = r#"{"PartitionKey":"k","Data":"b25l"}
        {"PartitionKey":"k","Data":"dHdv","ExplicitHashKey":" 007 "}
        {"PartitionKey":"k","Data":"b25l"}
        {"PartitionKey":"l","Data":"dHdv","ExplicitHashKey":"7"}"#;
    let array = kagg("aggregate", input).expect(0).array();
    assert_eq!(array.len(), 2);
    assert_eq!(array[0]["ExplicitHashKey"], "7");
    assert_eq!(read_back(&array), [b"two", b"two", b"one", b"one"]);
}

#[test]
fn a_lone_record_travels_raw_under_its_own_key() {
    let array = kagg("aggregate", r#"[{"PartitionKey":"é","Data":"b25l"}]"#)
        .expect(0)
        .array();
    assert_eq!(array[0]["PartitionKey"], "é");
    assert_eq!(decode(&array[0]["Data"]), b"one");
    // Unless it would be read as an aggregate.
    let data = base64(good_aggregate());
    let input = format!(r#"[{{"PartitionKey":"k","Data":"{data}"}}]"#);
    let array = kagg("aggregate", input).expect(0).array();
    assert_eq!(read_back(&array), [good_aggregate()]);
}

#[test]
fn the_outer_key_is_the_users_choice() {
    let input = r#"[{"PartitionKey":"k","Data":""},{"PartitionKey":"k","Data":""}]"#;
    for (option, key) in [
        ("kpl", "a"),
        ("first", "k"),
        ("=x=y", "x=y"),
        ("=kpl", "kpl"),
    ] {
        let array = kagg(&format!("aggregate --outer-key {option}"), input)
            .expect(0)
            .array();
        assert_eq!(array[0]["PartitionKey"], key);
    }
    kagg("aggregate --outer-key =", input).expect(2);
}

#[test]
fn text_and_objects_are_data_too() {
    let input = r#"[
        {"PartitionKey":"k","Data":"é \" \u0041"},
        {"PartitionKey":"k","Data":{ "b" : 1.0e+2, "a" : [ 1 , "x  y" , {"b":null} ], "b": 12345678901234567890.10 }}
    ]"#;
    let array = kagg("aggregate --data text", input).expect(0).array();
    let object = r#"{"b":1.0e+2,"a":[1,"x  y",{"b":null}],"b":12345678901234567890.10}"#;
    assert_eq!(read_back(&array), ["é \" A".as_bytes(), object.as_bytes()]);
    let run = kagg("aggregate", input).expect(1);
    assert_eq!(read_back(&run.array()), [object.as_bytes()]);
    assert!(
        run.stderr.starts_with("record 0: refused: "),
        "{}",
        run.stderr
    );
}

#[test]
fn a_record_without_a_key_shares_a_random_one() {
    let input = r#"[{"Data":"b25l"},{"PartitionKey":null,"Data":"dHdv"},{"PartitionKey":"k","Data":"eA=="}]"#;
    let run = kagg("aggregate", input).expect(1);
    assert_eq!(read_back(&run.array()), [b"x"]);
    assert!(run.stderr.contains("--random-keys"), "{}", run.stderr);
    let array = kagg("aggregate --random-keys", input).expect(0).array();
    assert_eq!(array.len(), 2);
    assert_eq!(read_back(&array).len(), 3);
}

/// Requests of PutRecords, and what `kagg deaggregate` prints.
#[test]
fn entries_come_from_requests_and_from_deaggregate() {
    let request = r#"{"StreamName":"s","Records":[{"Data":"b25l","PartitionKey":"k"},{"Data":{"type":"Buffer","data":[116,119,111]},"PartitionKey":"k"}]}"#;
    let array = kagg("aggregate", request).expect(0).array();
    assert_eq!(array.len(), 1);
    assert_eq!(read_back(&array), [b"one", b"two"]);
    let lines = kagg("deaggregate", good_aggregate()).expect(0);
    let array = kagg("aggregate", &lines.stdout).expect(0).array();
    assert_eq!(array.len(), 3);
    assert_eq!(read_back(&array).len(), 3);
}

#[test]
fn a_refused_record_is_named_and_the_rest_is_written() {
    let long = "k".repeat(257);
    let large = base64(vec![0; 1 << 20]);
    let entries = [
        r#"{"PartitionKey":"k","Data":"b25l"}"#.to_owned(),
        r#"{"PartitionKey":"","Data":"b25l"}"#.to_owned(),
        format!(r#"{{"PartitionKey":"{long}","Data":"b25l"}}"#),
        r#"{"PartitionKey":"k","ExplicitHashKey":"-1","Data":"b25l"}"#.to_owned(),
        r#"{"PartitionKey":"k","ExplicitHashKey":"0x10","Data":"b25l"}"#.to_owned(),
        r#"{"ExplicitHashKey":"1","Data":"b25l"}"#.to_owned(),
        r#"{"partition_key":"k","Data":"b25l"}"#.to_owned(),
        r#"{"PartitionKey":"k","Data":"b25"}"#.to_owned(),
        r#"{"PartitionKey":"k"}"#.to_owned(),
        r#"{"PartitionKey":"k","Data":[1]}"#.to_owned(),
        r#"{"PartitionKey":7,"Data":"b25l"}"#.to_owned(),
        r#"{"PartitionKey":"k","Data":"b25l","Explicithashkey":"1"}"#.to_owned(),
        "7".to_owned(),
        format!(r#"{{"PartitionKey":"k","Data":"{large}"}}"#),
        r#"{"PartitionKey":"k","Data":"dHdv"}"#.to_owned(),
    ];
    let refused = entries.len() - 2;
    for input in [format!("[{}]", entries.join(",")), entries.join("\n")] {
        let run = kagg("aggregate", input).expect(1);
        assert_eq!(read_back(&run.array()), [b"one", b"two"]);
        let lines: Vec<_> = run.stderr.lines().collect();
        assert_eq!(lines.len(), refused, "{}", run.stderr);
        for (position, line) in (1..).zip(&lines) {
            assert!(
                line.starts_with(&format!("record {position}: refused: ")),
                "{line}"
            );
        }
    }
    let input = format!(r#"[{{"PartitionKey":"k","Data":"{large}"}}]"#);
    kagg("aggregate --max-record-size 2000000", input).expect(0);
}

#[test]
fn input_that_breaks_off_gives_what_is_whole() {
    let whole = r#"{"PartitionKey":"k","Data":"b25l"}"#;
    for (input, records) in [
        (format!("[{whole}"), 1),
        (format!("[{whole},{{\"Part"), 1),
        ("nonsense".to_owned(), 0),
        (format!("[{whole}] []"), 1),
    ] {
        let run = kagg("aggregate", &input).expect(2);
        assert!(
            run.stderr.starts_with("kagg: standard input: "),
            "{}",
            run.stderr
        );
        let written: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(written.as_array().unwrap().len(), records, "{input}");
    }
}

#[test]
fn a_line_that_is_not_json_refuses_itself_only() {
    let whole = r#"{"PartitionKey":"k","Data":"b25l"}"#;
    let input = format!("{whole}\nnonsense\n{{\"PartitionKey\":\"k\",\"Da\n{whole}\n");
    let run = kagg("aggregate", input).expect(1);
    let written: Vec<Value> = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(read_back(&written), [b"one", b"one"]);
    assert_eq!(kagg("aggregate", "").expect(0).text(), "[]\n");
    assert_eq!(kagg("aggregate", "[]").expect(0).text(), "[]\n");
    let refused: Vec<_> = run.stderr.lines().collect();
    assert!(
        refused[0].starts_with("record 1: refused: it is not JSON"),
        "{refused:?}"
    );
    assert!(
        refused[1].starts_with("record 2: refused: it is not JSON"),
        "{refused:?}"
    );
    assert_eq!(refused.len(), 2);
}

fn many(count: usize, size: usize) -> String {
    let data = base64(vec![0; size]);
    let entries = (0..count).map(|n| format!(r#"{{"PartitionKey":"{n:04}","Data":"{data}"}}"#));
    entries.collect::<Vec<_>>().join("\n")
}

fn files(directory: &TempDir) -> Vec<Vec<Value>> {
    let mut names: Vec<_> = std::fs::read_dir(directory.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let read = |path: &std::path::PathBuf| {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    names.iter().map(read).collect()
}

#[test]
fn out_dir_writes_files_that_one_put_records_takes() {
    let directory = TempDir::new();
    let out = directory.path("out");
    let run = kagg_args(&["aggregate", "--out-dir", &out], many(1100, 1)).expect(0);
    assert_eq!(run.stderr, "");
    let lens: Vec<_> = files(&directory).iter().map(Vec::len).collect();
    assert_eq!(lens, [500, 500, 100]);
    let names: Vec<_> = run.text().lines().collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| std::path::Path::new(name).exists()));
    // What is there is not mixed with what a second run writes.
    let run = kagg_args(&["aggregate", "--out-dir", &out], many(1, 1)).expect(2);
    assert!(run.stderr.contains("exists already"), "{}", run.stderr);
}

#[test]
fn out_dir_keeps_files_to_five_mebibytes_keys_included() {
    // Ten of 2^19 bytes are 5 MiB exactly; their keys are part of it.
    for (size, lens) in [((1 << 19) - 4, vec![10, 1]), ((1 << 19) - 3, vec![9, 2])] {
        let directory = TempDir::new();
        let out = directory.path("out");
        kagg_args(&["aggregate", "--out-dir", &out], many(11, size)).expect(0);
        let written: Vec<_> = files(&directory).iter().map(Vec::len).collect();
        assert_eq!(written, lens);
    }
}

#[test]
fn a_longer_array_gets_a_warning() {
    let run = kagg("aggregate", many(500, 1)).expect(0);
    assert_eq!(run.stderr, "");
    let run = kagg("aggregate", many(501, 1)).expect(0);
    assert_eq!(run.array().len(), 501);
    assert!(
        run.stderr.starts_with("warning: 501 records"),
        "{}",
        run.stderr
    );
    let run = kagg("aggregate", many(6, 1_000_000)).expect(0);
    assert!(
        run.stderr
            .starts_with("warning: 6 records of 6000024 bytes"),
        "{}",
        run.stderr
    );
}
