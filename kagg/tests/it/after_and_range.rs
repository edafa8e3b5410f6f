//! Resuming after a checkpoint, and the hash key range of a shard.

use kinesis_aggregation::HashKey;

use super::{cut_aggregate, get_records, good_aggregate, kagg};

fn positions(args: &str, status: i32) -> Vec<(String, u64)> {
    let page = get_records(&[good_aggregate(), good_aggregate()]);
    let run = kagg(args, page).expect(status);
    let position = |line: &serde_json::Value| {
        let number = line["sequenceNumber"].as_str().unwrap().to_owned();
        (number, line["subSequenceNumber"].as_u64().unwrap())
    };
    run.lines().iter().map(position).collect()
}

#[test]
fn after_skips_what_is_at_or_below() {
    let all: Vec<_> = ["100", "101"]
        .into_iter()
        .flat_map(|number| (0..3).map(move |sub| (number.to_owned(), sub)))
        .collect();
    assert_eq!(positions("deaggregate --after 99", 0), all);
    assert_eq!(positions("deaggregate --after 100:0", 0), all[1..]);
    assert_eq!(positions("deaggregate --after 100", 0), all[3..]);
    assert_eq!(positions("deaggregate --after 101:1", 0), all[5..]);
    assert_eq!(positions("deaggregate --after 1000", 0), []);
}

#[test]
fn after_skips_losses_too() {
    let page = get_records(&[cut_aggregate()]);
    kagg("deaggregate --after 100:2", &page).expect(1);
    let run = kagg("deaggregate --after 100", &page).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn after_needs_sequence_numbers() {
    let run = kagg("deaggregate --input hex --after 7", "6f6e65").expect(2);
    assert!(
        run.stderr.contains("record 0 has no sequence number"),
        "{}",
        run.stderr
    );
}

#[test]
fn after_needs_sequence_numbers_in_digits() {
    for text in ["abc", ""] {
        let page = format!(r#"{{"Records":[{{"SequenceNumber":"{text}","Data":"aGk="}}]}}"#);
        let run = kagg("deaggregate --after 101", page).expect(2);
        assert!(run.stderr.contains("record 0 has no"), "{}", run.stderr);
    }
}

#[test]
fn a_range_is_all_or_nothing_and_spares_plain_records() {
    let page = get_records(&[good_aggregate(), b"plain".to_vec()]);
    let keys = ["a", "b", "c"].map(|key| HashKey::of_partition_key(key).get());
    let (low, high) = (keys.iter().min().unwrap(), keys.iter().max().unwrap());
    let run = kagg(&format!("deaggregate --hash-key-range {low}-{high}"), &page).expect(0);
    assert_eq!(run.lines().len(), 4);
    let run = kagg(
        &format!("deaggregate --hash-key-range {low}-{}", high - 1),
        &page,
    )
    .expect(1);
    assert_eq!(run.data(), [b"plain"]);
    assert!(run.stderr.contains("user records 0 to 2"), "{}", run.stderr);
}
