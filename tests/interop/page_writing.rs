//! The page's rows about writing: the KPL's captured puts, put again by everyone else.

use std::fmt::Write as _;

use kinesis_aggregation::{
    Aggregator, HashKey, HashKeyRange, Outcome, Shard, ShardMap, ShardedAggregator, UserRecord,
    deaggregate,
};
use serde_json::Value;

use crate::page::{Peers, text};
use crate::peer::{Case, Item, Status, read_request, write_request};
use crate::wire::frame;

/// The captured cases that stand for a rule.
const ROWS: [(&str, &str); 16] = [
    ("lone", "one user record alone"),
    (
        "lone_with_ehk",
        "one alone, its explicit hash key written `0042`",
    ),
    ("lone_empty_data", "one alone, without data"),
    ("different_keys", "several under different keys"),
    (
        "interleaved",
        "keys in turns: the tables in the order of first use, nothing twice",
    ),
    ("ehk_some", "explicit hash keys on some"),
    (
        "ehk_odd_spelling",
        "explicit hash keys oddly written are normalised, bad ones refused",
    ),
    ("keys_not_normalised", "keys that Unicode could normalise"),
    ("key_256_ascii", "a key of 256 characters"),
    ("key_too_long_or_empty", "keys too long or empty"),
    (
        "data_is_aggregate_lone",
        "one alone whose data are an aggregate",
    ),
    (
        "data_is_aggregate_among_others",
        "data that are an aggregate, among others",
    ),
    ("shards_2", "user records of two shards"),
    (
        "max_count_2",
        "five user records, at most two in an aggregate",
    ),
    ("aggregation_off", "aggregation off"),
    (
        "lone_over_max_size",
        "one alone larger than the maximum aggregate",
    ),
];

/// The places of the peers that write.
const NODE: usize = 2;
const PYTHON: usize = 3;

pub(crate) fn tables(page: &mut String, peers: &mut Peers) -> Result<(), String> {
    page.push_str(
        "## Writing\n\n\
         \"same bytes\": the data of all Kinesis records are the KPL's; their partition key is \
         told where it is another. A dash: the library has no such setting.\n\n\
         | | KPL | Node | Python | this library |\n|---|---|---|---|---|\n",
    );
    let cases = captured()?;
    for (name, rule) in ROWS {
        let case = cases.iter().find(|case| case["name"] == name);
        let case = case.ok_or(format!("no captured case {name}"))?;
        let kpl: Vec<Item> = list(&case["kinesis_records"]).iter().map(item).collect();
        let refused = list(&case["put"])
            .iter()
            .filter(|put| put["refused"] == true);
        let puts: Vec<Item> = list(&case["put"]).iter().map(item).collect();
        let mut cell = kinesis_records(&kpl, &puts);
        refuses(&mut cell, refused.count());
        let _ = write!(page, "| {rule} | {cell} |");
        let has_settings = case["settings"]
            .as_object()
            .is_some_and(|map| !map.is_empty());
        for place in [NODE, PYTHON] {
            let cell = if has_settings {
                "—".to_owned()
            } else {
                peer(peers, place, case, &kpl)?
            };
            let _ = write!(page, " {cell} |");
        }
        let _ = writeln!(page, " {} |", ours(case, &kpl));
    }
    own_faults(page, peers)
}

/// What the KPL was not asked.
fn own_faults(page: &mut String, peers: &mut Peers) -> Result<(), String> {
    let put = |key: &str, len: usize| Item {
        partition_key: Some(key.as_bytes().to_vec()),
        explicit_hash_key: None,
        sub_sequence_number: 0,
        aggregated: true,
        data: vec![b'x'; len],
    };
    let rows = [
        (
            "keys that look like integers: `b`, `10`, `2`",
            vec![put("b", 1), put("10", 1), put("2", 1)],
        ),
        (
            "data of 1 MiB less 20 bytes",
            vec![put("a", (1 << 20) - 20)],
        ),
    ];
    for (rule, puts) in rows {
        let _ = write!(page, "| {rule} | not run |");
        for place in [NODE, PYTHON] {
            let answer = peers.ask(place, &write_request(&puts, 0))?;
            let _ = write!(
                page,
                " {} |",
                read_back(peers, &answer.items, &puts, answer.status)?
            );
        }
        let mut aggregator = Aggregator::builder()
            .mixing_shards()
            .build()
            .map_err(|e| e.to_string())?;
        let mut written = Vec::new();
        for r in &puts {
            written.extend(
                aggregator
                    .push(user_record(r)?)
                    .map_err(|e| e.to_string())?,
            );
        }
        written.extend(aggregator.flush());
        let written: Vec<_> = written.iter().map(from_ours).collect();
        let _ = writeln!(
            page,
            " {} |",
            read_back(peers, &written, &puts, Status::Returned)?
        );
    }
    Ok(())
}

/// Whether the KCL finds in these Kinesis records what was put.
fn read_back(
    peers: &mut Peers,
    written: &[Item],
    puts: &[Item],
    status: Status,
) -> Result<String, String> {
    if status != Status::Returned {
        return Ok("throws".to_owned());
    }
    let mut read = Vec::new();
    for one in written {
        let answer = peers.ask(0, &read_request(&case(one, None)))?;
        read.extend(answer.items.into_iter().map(|r| (r.partition_key, r.data)));
    }
    let put: Vec<_> = puts
        .iter()
        .map(|r| (r.partition_key.clone(), r.data.clone()))
        .collect();
    if read == put {
        return Ok("the KCL reads what was put".to_owned());
    }
    if written.iter().all(|one| one.data == frame(b"")) {
        return Ok("lost: an aggregate of nothing".to_owned());
    }
    let keys = read
        .iter()
        .map(|(key, _)| text(key.as_deref().unwrap_or_default()));
    let keys: Vec<_> = keys.map(|key| format!("`{key}`")).collect();
    Ok(format!("the KCL reads other keys: {}", keys.join(" ")))
}

fn peer(peers: &mut Peers, place: usize, case: &Value, kpl: &[Item]) -> Result<String, String> {
    let puts: Vec<Item> = list(&case["put"]).iter().map(item).collect();
    let answer = peers.ask(place, &write_request(&puts, 0))?;
    if answer.status != Status::Returned {
        return Ok("throws".to_owned());
    }
    let mut cell = compared(&answer.items, kpl, &puts);
    let map = shard_map(case);
    for one in &answer.items {
        // It lands by its own explicit hash key or partition key.
        let explicit = one
            .explicit_hash_key
            .as_deref()
            .and_then(|key| str::from_utf8(key).ok()?.parse().ok());
        let key =
            str::from_utf8(one.partition_key.as_deref().unwrap_or_default()).unwrap_or_default();
        let landed = explicit.unwrap_or_else(|| HashKey::of_partition_key(key));
        let range = map.predict(landed).hash_key_range();
        let kcl = peers.ask(0, &read_request(&self::case(one, Some(range))))?;
        match kcl.status {
            Status::Returned if kcl.items.is_empty() => cell.push_str("; the KCL drops it"),
            Status::Returned => {}
            _ => cell.push_str("; the KCL loses some of it"),
        }
    }
    Ok(cell)
}

fn ours(case: &Value, kpl: &[Item]) -> String {
    let setting = |name: &str| case["settings"].get(name).and_then(Value::as_u64);
    let setting = |name: &str| setting(name).and_then(|n| usize::try_from(n).ok());
    let mut builder = Aggregator::builder();
    if let Some(max_size) = setting("aggregation_max_size") {
        builder = builder.max_size(max_size);
    }
    if let Some(max_count) = setting("aggregation_max_count") {
        builder = builder.max_count(max_count);
    }
    if case["settings"].get("aggregation_enabled") == Some(&Value::Bool(false)) {
        builder = builder.max_count(1);
    }
    let mut aggregator =
        ShardedAggregator::new(shard_map(case), builder).expect("the KPL's own settings");
    let (mut written, mut refused) = (Vec::new(), 0);
    for put in list(&case["put"]) {
        match user_record(&item(put)).map(|record| aggregator.push(record)) {
            Ok(Ok(out)) => written.extend(out),
            _ => refused += 1,
        }
    }
    written.extend(aggregator.flush());
    let written: Vec<Item> = written.iter().map(from_ours).collect();
    let puts: Vec<Item> = list(&case["put"]).iter().map(item).collect();
    let mut cell = compared(&written, kpl, &puts);
    refuses(&mut cell, refused);
    cell
}

/// The same bytes as the KPL's, or what else.
fn compared(written: &[Item], kpl: &[Item], puts: &[Item]) -> String {
    let data = |records: &[Item]| {
        let mut data: Vec<_> = records.iter().map(|one| one.data.clone()).collect();
        data.sort_unstable();
        data
    };
    if data(written) != data(kpl) {
        return kinesis_records(written, puts);
    }
    let key = |records: &[Item]| records.iter().map(|one| one.partition_key.clone()).max();
    match key(written) {
        theirs if theirs == key(kpl) => "same bytes".to_owned(),
        theirs => format!(
            "same bytes, key `{}`",
            short(&theirs.flatten().unwrap_or_default())
        ),
    }
}

/// The Kinesis records in a few words.
fn kinesis_records(records: &[Item], puts: &[Item]) -> String {
    let words = records.iter().map(|one| {
        let read = deaggregate(None, &one.data);
        let key = short(one.partition_key.as_deref().unwrap_or_default());
        let as_put = puts.iter().any(|put| put.data == one.data);
        match read.outcome() {
            Outcome::Plain(_) => format!("raw, key `{key}`"),
            _ if as_put => format!("raw, key `{key}`, so readers split it"),
            _ => {
                let count: u64 = read
                    .user_records()
                    .map(|r| match r {
                        Ok(_) => 1,
                        Err(loss) => loss.lost().end - loss.lost().start,
                    })
                    .sum();
                format!("{count} in an aggregate, key `{key}`")
            }
        }
    });
    let mut words: Vec<_> = words.collect();
    words.sort_unstable();
    words.join("; ")
}

/// A key, or its length where it is long.
fn short(key: &[u8]) -> String {
    match str::from_utf8(key).map(|key| key.chars().count()) {
        Ok(chars) if chars > 20 => format!("({chars} characters)"),
        _ => text(key),
    }
}

fn refuses(cell: &mut String, count: usize) {
    if count > 0 {
        let _ = write!(cell, "; refuses {count}");
    }
}

fn captured() -> Result<Vec<Value>, String> {
    let read = |text: &str| serde_json::from_str::<Vec<Value>>(text).map_err(|e| e.to_string());
    let mut cases = read(include_str!("../vectors/kpl.json"))?;
    cases.extend(read(include_str!("../vectors/kpl-more.json"))?);
    Ok(cases)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn item(value: &Value) -> Item {
    let text = |name: &str| value[name].as_str().map(|text| text.as_bytes().to_vec());
    Item {
        partition_key: text("partition_key"),
        explicit_hash_key: text("explicit_hash_key"),
        sub_sequence_number: 0,
        aggregated: true,
        data: hex::decode(value["data"].as_str().unwrap_or_default()).unwrap_or_default(),
    }
}

fn user_record(item: &Item) -> Result<UserRecord, String> {
    let key = String::from_utf8(item.partition_key.clone().unwrap_or_default());
    let record = UserRecord::new(key.map_err(|e| e.to_string())?, item.data.clone());
    match item.explicit_hash_key.as_deref().map(str::from_utf8) {
        Some(Ok(hash_key)) => {
            let hash_key = hash_key.parse().map_err(|_| "a bad explicit hash key")?;
            Ok(record.with_explicit_hash_key(hash_key))
        }
        _ => Ok(record),
    }
}

fn from_ours(record: &kinesis_aggregation::KinesisRecord) -> Item {
    Item {
        partition_key: record.partition_key().map(|key| key.as_bytes().to_vec()),
        explicit_hash_key: record
            .explicit_hash_key()
            .map(|key| key.to_string().into_bytes()),
        sub_sequence_number: 0,
        aggregated: true,
        data: record.data().to_vec(),
    }
}

fn case(one: &Item, range: Option<HashKeyRange>) -> Case {
    let key = one.partition_key.clone().map(String::from_utf8);
    Case {
        partition_key: key.and_then(Result::ok),
        range,
        data: one.data.clone(),
    }
}

/// Equal ranges, as the capture had them.
fn shard_map(case: &Value) -> ShardMap {
    let count = u128::from(case["shards"].as_u64().unwrap_or(1));
    let width = u128::MAX / count + u128::from(count > 1);
    let shards = (0..count).map(|i| {
        let end = if i + 1 == count {
            u128::MAX
        } else {
            width * (i + 1) - 1
        };
        let range = HashKeyRange::new(HashKey::new(width * i), HashKey::new(end));
        Shard::open(format!("shardId-{i:012}"), range.expect("in order"))
    });
    ShardMap::new(shards).expect("no gap")
}
