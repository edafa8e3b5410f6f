//! The example event: what README shows is what this makes.

use std::path::Path;

use kinesis_aggregation::{
    Aggregator, HashKey, HashKeyRange, KinesisRecord, Shard, ShardMap, UserRecord,
};

use super::{base64, kagg};

const SHARD: &str = "shardId-000000000006";
const MIDDLE: u128 = 1 << 127;

/// Two shards that one was split into.
fn shards() -> [Shard; 3] {
    let range = |start, end| HashKeyRange::new(HashKey::new(start), HashKey::new(end)).unwrap();
    [
        Shard::closed("shardId-000000000003", HashKeyRange::FULL),
        Shard::open(SHARD, range(0, MIDDLE - 1)),
        Shard::open("shardId-000000000007", range(MIDDLE, u128::MAX)),
    ]
}

fn list_shards() -> String {
    let mut entries = Vec::new();
    for shard in shards() {
        let range = shard.hash_key_range();
        let end = if shard.is_closed() {
            ",\n                \"EndingSequenceNumber\": \"49590338271490256608559692538361571095921575989136588898\""
        } else {
            ""
        };
        entries.push(format!(
            "        {{\n            \"ShardId\": \"{}\",\n            \"HashKeyRange\": {{\n                \
             \"StartingHashKey\": \"{}\",\n                \"EndingHashKey\": \"{}\"\n            }},\n            \
             \"SequenceNumberRange\": {{\n                \"StartingSequenceNumber\": \
             \"49590338271490256608559692538361571095921575989136588864\"{end}\n            }}\n        }}",
            shard.id(),
            range.start(),
            range.end(),
        ));
    }
    format!(
        "{{\n    \"Shards\": [\n{}\n    ]\n}}\n",
        entries.join(",\n")
    )
}

fn range() -> HashKeyRange {
    let map = ShardMap::new(shards()).unwrap();
    map.hash_key_range(SHARD).unwrap()
}

/// Three customers of this shard.
fn customers() -> Vec<String> {
    (1..)
        .map(|number| format!("customer-{number}"))
        .filter(|key| range().contains(HashKey::of_partition_key(key)))
        .take(3)
        .collect()
}

fn order(number: u32, customer: &str, status: &str) -> String {
    format!("{{\"order\":{number},\"customer\":\"{customer}\",\"status\":\"{status}\"}}")
}

/// An aggregate of orders with consecutive numbers.
fn orders(first: u32, count: usize) -> KinesisRecord {
    let builder = Aggregator::builder().hash_key_range(range());
    let mut aggregator = builder.build().unwrap();
    let keys = customers();
    for (number, key) in (first..).zip(keys.iter().cycle()).take(count) {
        let data = order(number, key, "paid");
        aggregator
            .push(UserRecord::new(key.as_str(), data))
            .unwrap();
    }
    aggregator.flush().unwrap()
}

fn event() -> String {
    let [customer, ..] = &customers()[..] else {
        unreachable!()
    };
    // One letter of a status has changed.
    let mut corrupt = orders(1006, 3).data().to_vec();
    let place = corrupt.windows(4).position(|word| word == b"paid").unwrap();
    corrupt[place] = b'q';
    let records = [
        ("a", orders(1001, 4).data().to_vec()),
        (customer, order(1005, customer, "open").into_bytes()),
        ("a", corrupt),
        ("a", orders(1009, 3).data().to_vec()),
    ];
    let entries: Vec<_> = (0..)
        .zip(records)
        .map(|(position, (partition_key, data))| {
            let number = 49_590_338_271_490_256_608_559_692_538_u128;
            let sequence = format!("{number}3615710959215759891365{}", 88_898 + position * 17);
            let arrival = format!("{}.{}", 1_545_084_650 + position, 987 - position);
            let data = base64(data);
            format!(
                r#"    {{
      "kinesis": {{
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "{partition_key}",
        "sequenceNumber": "{sequence}",
        "data": "{data}",
        "approximateArrivalTimestamp": {arrival}
      }},
      "eventSource": "aws:kinesis",
      "eventVersion": "1.0",
      "eventID": "{SHARD}:{sequence}",
      "eventName": "aws:kinesis:record",
      "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
      "awsRegion": "us-east-2",
      "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/orders"
    }}"#
            )
        })
        .collect();
    format!("{{\n  \"Records\": [\n{}\n  ]\n}}\n", entries.join(",\n"))
}

/// Run with `UPDATE=1` to write the files anew.
#[test]
fn the_example_files_are_made_by_this_test() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/events");
    for (name, content) in [("kinesis.json", event()), ("shards.json", list_shards())] {
        let path = directory.join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &content).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == content,
            "{name} is not current: run with UPDATE=1"
        );
    }
}

#[test]
fn the_example_event_comes_out_whole() {
    let run = kagg("deaggregate examples/events/kinesis.json", "").expect(0);
    let lines = run.lines();
    let records: Vec<_> = lines
        .iter()
        .map(|line| line["record"].as_u64().unwrap())
        .collect();
    assert_eq!(records, [0, 0, 0, 0, 1, 2, 3, 3, 3]);
    let subs: Vec<_> = lines
        .iter()
        .map(|line| line["subSequenceNumber"].as_u64().unwrap())
        .collect();
    assert_eq!(subs, [0, 1, 2, 3, 0, 0, 0, 1, 2]);
    assert_eq!(run.stderr.lines().count(), 1);
    assert!(
        run.stderr.starts_with("record 2 (sequence number 4959"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("warning"));
    // The event's own number, digit for digit.
    assert!(
        run.text()
            .contains("\"approximateArrivalTimestamp\":1545084650.987}\n")
    );
}

#[test]
fn a_line_has_all_keys_in_order() {
    let run = kagg("deaggregate examples/events/kinesis.json", "");
    let line = run.text().lines().next().unwrap();
    let keys = [
        "{\"record\":0,",
        "\"shardId\":\"shardId-",
        "\"sequenceNumber\":\"4959",
        "\"subSequenceNumber\":0,",
        "\"aggregated\":true,",
        "\"partitionKey\":\"customer-",
        "\"explicitHashKey\":null,",
        "\"data\":\"",
        "\"approximateArrivalTimestamp\":",
    ];
    let places: Vec<_> = keys.iter().map(|key| line.find(key).expect(key)).collect();
    assert!(places.is_sorted(), "{line}");
}

#[test]
fn inspect_tells_the_corrupt_record_of_the_example() {
    let run = kagg(
        "inspect --shards examples/events/shards.json examples/events/kinesis.json",
        "",
    )
    .expect(1);
    assert!(
        run.text().contains("record 2: broken aggregate"),
        "{}",
        run.text()
    );
    assert!(run.text().contains("delivers all 4 user records"));
    assert!(run.text().contains(SHARD));
}
