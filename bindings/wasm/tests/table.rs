//! The tables say what the library says, read and written through requests as a host makes them.

use std::fs;
use std::path::Path;

use kinesis_aggregation::wire::{self, RecordIndices};
use kinesis_aggregation::{Deaggregator, KinesisRecord};
use kinesis_aggregation_wasm::{Instance, LOSS, Output, PLAIN};

/// The outcome of a damaged aggregate that salvage has opened.
const DAMAGED: u32 = 9;

/// A request: numbers, and the parts that they point to.
#[derive(Default)]
struct Request {
    numbers: Vec<u32>,
    parts: Vec<(usize, Vec<u8>)>,
}

impl Request {
    fn number(mut self, number: u32) -> Self {
        self.numbers.push(number);
        self
    }

    fn part(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.parts
            .push((self.numbers.len(), bytes.as_ref().to_vec()));
        self.numbers.extend([0, 0]);
        self
    }

    fn send(mut self, instance: &mut Instance) {
        let mut at = u32::try_from(self.numbers.len() * 4).unwrap();
        let mut tail = Vec::new();
        for (place, bytes) in self.parts {
            self.numbers[place] = at;
            at += u32::try_from(bytes.len()).unwrap();
            self.numbers[place + 1] = at;
            tail.extend(bytes);
        }
        let head: Vec<u8> = self.numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let all = [head, tail].concat();
        instance.input(all.len()).copy_from_slice(&all);
    }
}

fn read<'a>(instance: &'a mut Instance, flags: u32, range: &str, data: &[&[u8]]) -> &'a Output {
    let count = u32::try_from(data.len()).unwrap();
    let mut request = Request::default()
        .number(flags)
        .part(range)
        .part("")
        .number(count);
    for data in data {
        request = request.part(data).part("");
    }
    request.send(instance);
    instance.read()
}

/// Each row as text, with the keys as the tables have them.
fn rows(output: &Output, data: &[&[u8]]) -> Vec<String> {
    let mut text = output.text.encode_utf16().collect::<Vec<_>>();
    let (mut lines, mut row, mut key_start) = (Vec::new(), 0, 0);
    for (line, data) in output.records.chunks(5).zip(data) {
        let &[outcome, _, row_end, key_end, _] = line else {
            panic!("five numbers")
        };
        let ends = &output.keys[key_start..key_end as usize];
        let units = ends.last().map_or(0, |end| *end as usize);
        let own: Vec<u16> = text.drain(..units).collect();
        let key = |place: usize| {
            let start = place
                .checked_sub(1)
                .map_or(0, |before| ends[before] as usize);
            String::from_utf16(&own[start..ends[place] as usize]).unwrap()
        };
        for numbers in output.rows[row..row_end as usize].chunks(5) {
            let &[start, end, partition_key, explicit, sub] = numbers else {
                panic!("five numbers")
            };
            let of = |at: u32| format!("{:?}", &data[at as usize..end as usize]);
            lines.push(match partition_key {
                PLAIN => format!("plain {}", of(start)),
                LOSS => {
                    let loss = &output.losses[start as usize * 8..][..8];
                    let message = &output.bytes[loss[6] as usize..loss[7] as usize];
                    format!(
                        "loss {sub} {:?} {}",
                        &loss[3..6],
                        String::from_utf8_lossy(message)
                    )
                }
                place => {
                    let explicit = explicit.checked_sub(1).map(|place| key(place as usize));
                    let damaged = if outcome == DAMAGED { " damaged" } else { "" };
                    let key = key(place as usize);
                    format!("{sub} {key} {explicit:?} {}{damaged}", of(start))
                }
            });
        }
        (row, key_start) = (row_end as usize, key_end as usize);
    }
    lines
}

/// The same from the library itself.
fn expected(deaggregator: &Deaggregator, data: &[&[u8]]) -> Vec<String> {
    let records: Vec<_> = data
        .iter()
        .map(|data| KinesisRecord::new("k", data.to_vec()))
        .collect();
    let batch = deaggregator.deaggregate_batch(&records);
    let mut lines = Vec::new();
    for record in batch.records() {
        for user_record in record.user_records() {
            lines.push(match user_record {
                Err(loss) => {
                    let (lost, offset) = (loss.lost(), loss.offset());
                    let numbers = [lost.start, lost.end, offset as u64];
                    format!(
                        "loss {} {numbers:?} {}",
                        loss.sub_sequence_number(),
                        loss.kind()
                    )
                }
                Ok(r) if !r.is_aggregated() => format!("plain {:?}", r.data()),
                Ok(r) => format!(
                    "{} {} {:?} {:?}{}",
                    r.sub_sequence_number(),
                    r.partition_key().unwrap_or_default(),
                    r.explicit_hash_key().map(ToOwned::to_owned),
                    r.data(),
                    if r.is_damaged() { " damaged" } else { "" }
                ),
            });
        }
    }
    lines
}

/// All that the real KPL put, from the project's vectors.
fn vectors() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut all = Vec::new();
    for name in ["kpl.json", "kpl-more.json"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
        for case in cases.as_array().unwrap() {
            for record in case["kinesis_records"].as_array().unwrap() {
                let hex = record["data"].as_str().unwrap().as_bytes();
                let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16);
                all.push(hex.chunks(2).map(|two| byte(two).unwrap()).collect());
            }
        }
    }
    assert!(all.len() > 80);
    all
}

#[test]
fn the_vectors_read_the_same() {
    let vectors = vectors();
    let data: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
    let mut instance = Instance::default();
    assert_eq!(
        rows(read(&mut instance, 0, "", &data), &data),
        expected(&Deaggregator::new(), &data)
    );
    let range = "0-170141183460469231731687303715884105727";
    let deaggregator = Deaggregator::new()
        .hash_key_range(range.parse().unwrap())
        .salvage(true);
    assert_eq!(
        rows(read(&mut instance, 1, range, &data), &data),
        expected(&deaggregator, &data)
    );
}

/// Mutated aggregates, most with the right digest again.
#[test]
fn mutated_records_read_the_same() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let keys = ["a", "", "ü", "bb", "a"];
    let indices = |partition_key, explicit_hash_key| RecordIndices {
        partition_key,
        explicit_hash_key,
    };
    let records = (0..12).map(|n| {
        (
            indices(n % 5, (n % 3 == 0).then_some(n % 2)),
            b"data".as_slice(),
        )
    });
    let good = wire::encode(keys, ["1", "-1"], records);
    let mut instance = Instance::default();
    let mut opened = 0;
    for _ in 0..2000 {
        let batch: Vec<_> = (0..rng.usize(1..5))
            .map(|_| mutated(&mut rng, &good))
            .collect();
        let data: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        let (salvage, damaged) = (rng.bool(), rng.bool());
        let deaggregator = Deaggregator::new()
            .salvage(salvage)
            .salvage_damaged(damaged);
        let flags = u32::from(salvage) | u32::from(damaged) << 2;
        let output = read(&mut instance, flags, "", &data);
        opened += output
            .records
            .chunks(5)
            .filter(|it| it[0] == DAMAGED)
            .count();
        assert_eq!(
            rows(output, &data),
            expected(&deaggregator, &data),
            "seed {seed}"
        );
    }
    assert!(
        opened > 100,
        "seed {seed}: {opened} damaged ones were opened"
    );
}

fn mutated(rng: &mut fastrand::Rng, good: &[u8]) -> Vec<u8> {
    let mut frame = good.to_vec();
    for _ in 0..rng.usize(0..3) {
        let at = rng.usize(4..frame.len() - 16);
        frame[at] = if rng.bool() { rng.u8(..8) } else { rng.u8(..) };
    }
    if rng.u8(..4) > 0 {
        wire::seal(&mut frame);
    }
    frame
}

#[test]
fn the_losses_of_damaged_aggregates_have_kinds() {
    let indices = RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    let good = wire::encode(["a"], [""; 0], [(indices, b"x".as_slice())]);
    let mut changed = good.clone();
    changed[4 + 3 + 6] ^= 1;
    let mut malformed = [&good[..good.len() - 16], b"\xff", &good[good.len() - 16..]].concat();
    wire::seal(&mut malformed);
    let mut instance = Instance::default();
    let kinds = |instance: &mut Instance, data: &[u8]| {
        let output = read(instance, 4, "", &[data]);
        let line = (output.records[0], output.records[1] as usize);
        (line, output.losses.iter().step_by(8).copied().collect())
    };
    assert_eq!(kinds(&mut instance, &good), ((4, 0), vec![]));
    assert_eq!(kinds(&mut instance, &changed), ((DAMAGED, 0), vec![5]));
    let offset = malformed.len() - 17;
    assert_eq!(
        kinds(&mut instance, &malformed),
        ((DAMAGED, offset), vec![6])
    );
}

#[test]
fn unjudged_hands_out_any_explicit_hash_key_but_no_bad_index() {
    let indices = |partition_key, explicit_hash_key| RecordIndices {
        partition_key,
        explicit_hash_key,
    };
    let records = [
        (indices(0, Some(0)), b"x".as_slice()),
        (indices(7, None), b"y"),
        (indices(1, None), b"z"),
    ];
    let frame = wire::encode(["a", "b"], ["undefined"], records);
    let data = [frame.as_slice()];
    let mut instance = Instance::default();
    let rows = rows(read(&mut instance, 2, "", &data), &data);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], r#"0 a Some("undefined") [120]"#);
    assert!(rows[1].starts_with("loss 1 [1, 2,"));
    assert_eq!(rows[2], "2 b None [122]");
}

/// The keys of a record whose user records share them are in the table once.
#[test]
fn a_used_key_is_in_the_table_once() {
    let indices = |partition_key| RecordIndices {
        partition_key,
        explicit_hash_key: Some(0),
    };
    let records = (0..300_u32).map(|n| (indices(n % 3), b"data".as_slice()));
    let frame = wire::encode(["key", "", "other"], ["5"], records);
    let mut instance = Instance::default();
    let output = read(&mut instance, 0, "", &[&frame]);
    assert_eq!(output.rows.len(), 300 * 5);
    assert_eq!(output.keys.len(), 4);
}

/// Whatever a host writes into a request, it gets an answer.
#[test]
fn requests_that_make_no_sense_are_answered() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut instance = Instance::default();
    let handle = {
        Request::default()
            .number(1)
            .number(1000)
            .number(u32::MAX)
            .number(u32::MAX)
            .part("")
            .number(0)
            .send(&mut instance);
        instance.aggregator().status()
    };
    assert!(handle >= 2);
    for _ in 0..20_000 {
        let numbers = (0..rng.usize(0..12)).map(|_| match rng.u8(0..3) {
            0 => rng.u32(..60),
            1 => rng.u32(..8),
            _ => rng.u32(..),
        });
        let bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        instance.input(bytes.len()).copy_from_slice(&bytes);
        match rng.u8(0..5) {
            0 => drop(instance.read().status()),
            1 => {
                let opened = instance.aggregator().status();
                instance.close(opened);
            }
            2 => drop(instance.push(handle, rng.bool()).status()),
            3 => drop(instance.push(rng.u32(..), true).status()),
            _ => drop(instance.encode().status()),
        }
    }
}

/// The page shows what `kagg inspect` prints: both are the package `inspect`.
#[test]
fn inspect_explains_what_was_found_and_hands_over_its_bytes() {
    let indices = |partition_key| RecordIndices {
        partition_key,
        explicit_hash_key: None,
    };
    let good = wire::encode(["key"], [""; 0], [(indices(0), b"x".as_slice())]);
    let bad = wire::encode(["key"], [""; 0], [(indices(9), b"x".as_slice())]);
    let text = format!("{}\n{}\n", hex(&good), hex(&bad));
    let mut instance = Instance::default();
    let mut ask = |text: &str, shards: &str| {
        Request::default()
            .part(text)
            .part(shards)
            .send(&mut instance);
        let output = instance.inspect();
        (output.status(), output.text.clone(), output.bytes.clone())
    };
    let listed = r#"{"Shards": [{"ShardId": "shard", "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "340282366920938463463374607431768211455"}}]}"#;
    let (status, json, bytes) = ask(&text, listed);
    assert_eq!(status, 0);
    assert_eq!(bytes, [good, bad].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let shards = kinesis_aggregation_inspect::Shards::from_json(listed.as_bytes()).unwrap();
    let found = kinesis_aggregation_inspect::find(text.as_bytes()).unwrap();
    let expected = found.records().iter().map(|record| {
        let explanation = kinesis_aggregation_inspect::explain(record, Some(&shards));
        serde_json::to_value(explanation).unwrap()
    });
    assert_eq!(json["records"], expected.collect::<serde_json::Value>());
    assert_eq!(ask("", "").0, 1);
    assert_eq!(ask(&text, "{").0, 1);
}

#[test]
fn compressed_data_are_opened_and_others_are_not() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    let ask = |most, parts: &[&[u8]]| {
        let mut instance = Instance::default();
        let count = u32::try_from(parts.len()).unwrap();
        let request = Request::default().number(most).number(count);
        let request = parts.iter().fold(request, Request::part);
        request.send(&mut instance);
        let output = instance.decompress();
        assert_eq!(output.status(), 0);
        (output.bytes.clone(), output.records.clone())
    };
    let all = ask(99, &[gzip, b"plain", &gzip[..20], gzip]);
    assert_eq!(all, (b"hellohello".to_vec(), vec![5, 5, 5, 10]));
    assert_eq!(ask(2, &[gzip]), (b"he".to_vec(), vec![2]));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
