//! How many times faster one way is than another, measured in turns in one run: medians.
//!
//! `cargo bench --bench ratios -- [--quick] [--level scalar|sse2|avx2|avx512] [--only GROUP]`
//! prints one line for each: `ratio NAME VALUE`. What the names compare is in benches/README.md.
#![allow(missing_docs, reason = "a bench")]

mod shared;

use std::hint::black_box;

use bytes::Bytes;
use kinesis_aggregation::md5::{self, Level};
use kinesis_aggregation::wire::{Frame, Index};
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, UserRecordRef};
use shared::rounds::{Times, contestant, with_input};
use shared::{Keys, Lengths, Traffic, prost_way};

/// Kinesis records in a batch.
const BATCH: usize = 100;

fn main() {
    shared::settle();
    let level = shared::level();
    let rounds = if shared::quick() { 9 } else { 75 };
    eprintln!("{level}, {rounds} rounds");
    let only = shared::option("--only");
    let all: [(&str, &dyn Fn()); 6] = [
        ("reading", &|| reading(level, rounds)),
        ("batches", &|| batches(level, rounds)),
        ("decoding", &|| decodings(rounds)),
        ("ranges", &|| ranges(level, rounds)),
        ("writing", &|| writing(rounds)),
        ("lambda", &|| lambda(level, rounds)),
    ];
    for (name, group) in all {
        if only.as_deref().is_none_or(|only| only == name) {
            group();
        }
    }
}

fn ratio(name: &str, value: f64) {
    println!("ratio {name} {value:.2}");
}

fn deaggregator(level: Level, range: HashKeyRange) -> Deaggregator {
    Deaggregator::new().hash_key_range(range).level(level)
}

fn take(user_record: UserRecordRef<'_>) {
    black_box((user_record.partition_key(), user_record.data()));
}

fn read_batch(deaggregator: &Deaggregator, page: &[KinesisRecord]) {
    for (_, user_record) in &deaggregator.deaggregate_batch(page) {
        take(user_record.expect("nothing is lost"));
    }
}

fn read_single(deaggregator: &Deaggregator, page: &[KinesisRecord]) {
    for record in page {
        for user_record in &deaggregator.deaggregate(record) {
            take(user_record.expect("nothing is lost"));
        }
    }
}

fn frames(page: &[KinesisRecord]) -> Vec<Frame<'_>> {
    let frames = page.iter().map(|record| Frame::split(record.data()));
    frames.map(|frame| frame.expect("a frame")).collect()
}

fn messages(page: &[KinesisRecord]) -> Vec<&[u8]> {
    frames(page).iter().map(Frame::message).collect()
}

fn reading(level: Level, rounds: usize) {
    let full = black_box(HashKeyRange::FULL);
    let ours = deaggregator(level, full);
    let page = Traffic::USUAL.aggregates(BATCH);
    let digested = messages(&page);
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| {
                let read = page
                    .iter()
                    .map(|record| prost_way::read(record.data(), full));
                read.sum::<usize>()
            }),
            contestant(|| read_single(&ours, &page)),
            contestant(|| read_batch(&ours, &page)),
            contestant(|| md5::digest_many_at(level, &digested)),
            contestant(|| read_batch(&ours, &page)),
        ],
    );
    ratio("read_batch_over_prost", times.ratio(0, 2));
    ratio("read_single_over_prost", times.ratio(0, 1));
    ratio("read_batch_over_single", times.ratio(1, 2));
    ratio("read_batch_over_md5_lanes", times.ratio(3, 4));

    let page = Traffic {
        data_len: 1024,
        ..Traffic::USUAL
    };
    let page = page.aggregates(BATCH);
    let digested = messages(&page);
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| md5::digest_many_at(level, &digested)),
            contestant(|| read_batch(&ours, &page)),
        ],
    );
    ratio("read_batch_over_md5_lanes_1024", times.ratio(0, 1));
}

/// The same 500 Kinesis records, a hundred at a time and all at once.
fn batches(level: Level, rounds: usize) {
    let ours = deaggregator(level, black_box(HashKeyRange::FULL));
    let page = Traffic::USUAL.aggregates(5 * BATCH);
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| page.chunks(BATCH).for_each(|part| read_batch(&ours, part))),
            contestant(|| read_batch(&ours, &page)),
        ],
    );
    ratio("read_batch_500_over_100", times.ratio(0, 1));
}

fn decodings(rounds: usize) {
    decoding(rounds, Traffic::USUAL, "");
    for (lengths, suffix) in [
        (Lengths::Varied, "_varied_lengths"),
        (Lengths::Real, "_real_lengths"),
    ] {
        let traffic = Traffic {
            lengths,
            ..Traffic::USUAL
        };
        decoding(rounds, traffic, suffix);
    }
}

fn decoding(rounds: usize, traffic: Traffic, suffix: &str) {
    let page = traffic.aggregates(BATCH);
    let messages: Vec<Bytes> = messages(&page)
        .into_iter()
        .zip(&page)
        .map(|(message, record)| record.data().slice_ref(message))
        .collect();
    let frames = frames(&page);
    let mut index = Index::default();
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| {
                for message in &messages {
                    black_box(prost_way::decode_owned(message.clone()));
                }
            }),
            contestant(|| {
                for message in &messages {
                    black_box(prost_way::decode_bare(message.clone()));
                }
            }),
            contestant(|| {
                for frame in &frames {
                    index.refill(frame).expect("a message");
                    black_box(index.records());
                }
            }),
            contestant(|| {
                let lines = frames.iter().flat_map(|frame| frame.message().chunks(64));
                lines.fold(0, |all, line| all ^ line[0])
            }),
            contestant(|| {
                let fields = frames.iter().map(|frame| fields(frame.message()));
                fields.sum::<usize>()
            }),
        ],
    );
    for (name, fast) in [("index", 2), ("lines", 3), ("fields", 4)] {
        ratio(
            &format!("{name}_over_prost_decode{suffix}"),
            times.ratio(0, fast),
        );
        ratio(
            &format!("{name}_over_prost_bare{suffix}"),
            times.ratio(1, fast),
        );
    }
}

/// Counts the fields of a message, looking at nothing but where each one ends. All fields of an
/// `AggregatedRecord` have a length, and its tags take one byte.
fn fields(message: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < message.len() {
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            let byte = message[at];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        at += 1 + length;
        count += 1;
    }
    count
}

/// The table's way is the reader's own; each record's, the way of those who read first and check
/// afterwards. Both start from the decoded aggregate.
fn ranges(level: Level, rounds: usize) {
    let page = Traffic::USUAL.aggregates(BATCH);
    // Any range but the full one, for which no key needs hashing.
    let range = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX - 1)).expect("in order");
    let indexed: Vec<(Vec<&[u8]>, Vec<usize>)> = page
        .iter()
        .zip(frames(&page))
        .map(|(record, frame)| {
            let index = Index::new(&frame).expect("a message");
            let data = record.data();
            let keys = index.partition_keys().map(|key| &data[key]).collect();
            let records = index.records().iter();
            let records = records.map(|record| record.partition_key_index() as usize);
            (keys, records.collect())
        })
        .collect();
    let [full, most] =
        [HashKeyRange::FULL, range].map(|range| deaggregator(level, black_box(range)));
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| {
                indexed.iter().all(|(keys, records)| {
                    let hashes = records.iter().map(|&key| md5::digest(keys[key]));
                    hashes
                        .map(u128::from_be_bytes)
                        .all(|hash| range.contains(hash.into()))
                })
            }),
            contestant(|| {
                indexed.iter().all(|(keys, records)| {
                    let hashes = md5::digest_many_at(level, keys).expect("the level is there");
                    let inside: Vec<bool> = hashes
                        .into_iter()
                        .map(|hash| range.contains(u128::from_be_bytes(hash).into()))
                        .collect();
                    records.iter().all(|&key| inside[key])
                })
            }),
            contestant(|| read_batch(&full, &page)),
            contestant(|| read_batch(&most, &page)),
        ],
    );
    ratio("range_check_table_over_record", times.ratio(0, 1));
    ratio("read_batch_shard_range_over_full", times.ratio(2, 3));

    let page = Traffic {
        keys: Keys::Partition(usize::MAX),
        ..Traffic::USUAL
    };
    let page = page.aggregates(BATCH);
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| {
                let read = page
                    .iter()
                    .map(|record| prost_way::read(record.data(), range));
                read.sum::<usize>()
            }),
            contestant(|| read_batch(&most, &page)),
        ],
    );
    ratio("read_batch_over_prost_all_keys_differ", times.ratio(0, 1));
}

fn writing(rounds: usize) {
    let traffic = Traffic::USUAL;
    let records = traffic.user_records(BATCH * 250);
    let (page, _) = traffic.aggregator().aggregate_batch(records.clone());
    let digested = messages(&page);
    let times = Times::of(
        rounds,
        &mut [
            with_input(
                || records.clone(),
                |records| {
                    let mut writer = prost_way::Writer::default();
                    let mut frames = Vec::with_capacity(BATCH);
                    for record in &records {
                        frames.extend(writer.push(record, traffic.aggregate_len));
                    }
                    frames.extend(writer.flush());
                    (frames, records)
                },
            ),
            with_input(
                || records.clone(),
                |records| {
                    let mut aggregator = traffic.aggregator();
                    let mut closed = Vec::with_capacity(BATCH);
                    for record in records {
                        closed.extend(aggregator.push(record).expect("a good record"));
                    }
                    closed.extend(aggregator.flush());
                    closed
                },
            ),
            with_input(
                || records.clone(),
                |records| traffic.aggregator().aggregate_batch(records),
            ),
            contestant(|| {
                digested
                    .iter()
                    .map(|message| md5::digest(message))
                    .fold(0, |all, digest| all ^ digest[0])
            }),
        ],
    );
    ratio("write_over_prost", times.ratio(0, 1));
    ratio("write_batch_over_single", times.ratio(1, 2));
    ratio("write_digests_alone_over_prost", times.ratio(0, 3));
}

#[cfg(feature = "lambda")]
fn lambda(level: Level, rounds: usize) {
    use kinesis_aggregation::lambda::Processor;
    use shared::lambda_way::{
        converted_event, event, kinesis_event, kinesis_event_alone, own_event, owned_event,
        payload, scan_alone, usual,
    };

    let event = event();
    let processor = Processor::new().level(level);
    let all = usual(&event);
    assert_eq!(kinesis_event(&processor, &event), all);
    assert_eq!(own_event(&processor, &event), all);
    assert_eq!(owned_event(&processor, &event), all);
    assert_eq!(converted_event(&processor, &event), all);
    assert_eq!(payload(&processor, &event), all);
    eprintln!("the event: {} bytes, {all} user records", event.len());
    let times = Times::of(
        rounds,
        &mut [
            contestant(|| usual(&event)),
            contestant(|| kinesis_event(&processor, &event)),
            contestant(|| own_event(&processor, &event)),
            contestant(|| owned_event(&processor, &event)),
            contestant(|| payload(&processor, &event)),
            contestant(|| kinesis_event_alone(&event)),
            contestant(|| converted_event(&processor, &event)),
            contestant(|| scan_alone(&event)),
        ],
    );
    ratio("lambda_kinesis_event_over_usual", times.ratio(0, 1));
    ratio("lambda_own_event_over_usual", times.ratio(0, 2));
    ratio("lambda_owned_event_over_usual", times.ratio(0, 3));
    ratio("lambda_payload_over_usual", times.ratio(0, 4));
    ratio("lambda_kinesis_event_alone_over_usual", times.ratio(0, 5));
    ratio(
        "lambda_kinesis_event_converted_over_usual",
        times.ratio(0, 6),
    );
    ratio("lambda_scan_alone_over_usual", times.ratio(0, 7));
}

/// A build cannot change its features: cargo makes another one, of these ratios alone.
#[cfg(not(feature = "lambda"))]
fn lambda(_: Level, _: usize) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["bench", "--quiet", "--features", "lambda"])
        .args(["--bench", "ratios", "--", "--only", "lambda"])
        .args(std::env::args_os().skip(1).filter(|arg| arg != "--bench"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "no ratios");
}
