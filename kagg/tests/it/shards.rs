//! `--shards`: what `aws kinesis list-shards` prints.

use super::{TempDir, kagg};

const HIGHEST: &str = "340282366920938463463374607431768211455";

/// `aws kinesis list-shards` with shards `(start, end, closed)`.
pub(super) fn list_shards(shards: &[(&str, &str, bool)]) -> String {
    let shards: Vec<_> = shards
        .iter()
        .enumerate()
        .map(|(number, (start, end, closed))| {
            let mut sequence = serde_json::json!({ "StartingSequenceNumber": "1" });
            if *closed {
                sequence["EndingSequenceNumber"] = "2".into();
            }
            serde_json::json!({
                "ShardId": format!("shardId-{number:012}"),
                "HashKeyRange": { "StartingHashKey": start, "EndingHashKey": end },
                "SequenceNumberRange": sequence,
            })
        })
        .collect();
    serde_json::json!({ "Shards": shards }).to_string()
}

/// One shard, split in the middle.
pub(super) fn split() -> String {
    let middle = u128::MAX / 2;
    list_shards(&[
        ("0", HIGHEST, true),
        ("0", &middle.to_string(), false),
        (&(middle + 1).to_string(), HIGHEST, false),
    ])
}

const RECORDS: &str = r#"[{"PartitionKey":"a","Data":"b25l"},{"PartitionKey":"b","Data":"dHdv"}]"#;

fn aggregate(shards: &str, status: i32) -> super::Run {
    let directory = TempDir::new();
    let file = directory.file("shards.json", shards);
    kagg(&format!("aggregate --shards {file}"), RECORDS).expect(status)
}

#[test]
fn closed_shards_are_left_out() {
    let one = list_shards(&[
        ("0", "99", true),
        ("100", HIGHEST, true),
        ("0", HIGHEST, false),
    ]);
    let run = aggregate(&one, 0);
    let array: Vec<serde_json::Value> = serde_json::from_str(run.text()).unwrap();
    assert_eq!(array.len(), 1);
}

#[test]
fn a_list_that_is_no_shard_map_is_refused_with_the_reason() {
    for (shards, why) in [
        (
            list_shards(&[("0", "99", false), ("101", HIGHEST, false)]),
            "owns the hash key 100",
        ),
        (
            list_shards(&[("0", "99", false), ("99", HIGHEST, false)]),
            "shardId-000000000001",
        ),
        (list_shards(&[("0", HIGHEST, true)]), "owns the hash key 0"),
        (list_shards(&[("9", "5", false)]), "above its end"),
        (
            list_shards(&[("x", "5", false)]),
            "a hash key is not an integer",
        ),
        ("{}".to_owned(), "Shards"),
        ("nonsense".to_owned(), "line 1"),
    ] {
        let run = aggregate(&shards, 2);
        assert!(run.stderr.starts_with("kagg: shards in "), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
        assert_eq!(run.text(), "");
    }
    let run = kagg("aggregate --shards no-such-file", RECORDS).expect(2);
    assert!(run.stderr.contains("no-such-file"), "{}", run.stderr);
}
