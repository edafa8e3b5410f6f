//! Fixed pieces of work, each by name, for benches/instructions to count: `fixed NAME` does the
//! work ten times, `fixed NAME 0` only prepares it, `fixed list` names all.
#![allow(missing_docs, reason = "a bench")]

mod shared;

use std::hint::black_box;

use bytes::Bytes;
use kinesis_aggregation::md5::{self, Level};
use kinesis_aggregation::wire::{Frame, Index};
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, UserRecord};
use shared::{Keys, Traffic, prost_way};

type Work = fn(usize);

/// Without the digests, which callgrind counts by what the processor that it shows can do: the
/// level is fixed where there are any.
const ALL: &[(&str, Work)] = &[
    ("index_kpl_shape", index_kpl_shape),
    ("index_explicit_hash_keys", index_explicit_hash_keys),
    ("index_prost_bare", index_prost_bare),
    ("read_batch_sse2", read_batch_sse2),
    (
        "read_batch_all_keys_differ_sse2",
        read_batch_all_keys_differ_sse2,
    ),
    ("read_owned_sse2", read_owned_sse2),
    ("iterate", iterate),
    ("md5_lanes_sse2", md5_lanes_sse2),
    ("write_push", write_push),
];

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let Some(name) = args.next().filter(|name| name != "list") else {
        ALL.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let times = args
        .next()
        .map_or(10, |times| times.parse().expect("a number"));
    let work = ALL.iter().find(|(known, _)| *known == name);
    work.expect("a name of the list").1(times);
}

fn usual(keys: Keys) -> Vec<KinesisRecord> {
    let traffic = Traffic {
        keys,
        ..Traffic::USUAL
    };
    traffic.aggregates(16)
}

fn frames(page: &[KinesisRecord]) -> impl Iterator<Item = Frame<'_>> {
    let frames = page.iter().map(|record| Frame::split(record.data()));
    frames.map(|frame| frame.expect("a frame"))
}

fn messages(page: &[KinesisRecord]) -> Vec<&[u8]> {
    frames(page).map(|frame| frame.message()).collect()
}

fn index(times: usize, keys: Keys) {
    let page = usual(keys);
    let frames: Vec<_> = frames(&page).collect();
    let mut index = Index::default();
    for _ in 0..times {
        for frame in &frames {
            index.refill(frame).expect("a message");
            black_box(&index);
        }
    }
}

fn index_kpl_shape(times: usize) {
    index(times, Keys::Partition(10));
}

fn index_explicit_hash_keys(times: usize) {
    index(times, Keys::ExplicitHash);
}

fn index_prost_bare(times: usize) {
    let page = usual(Keys::Partition(10));
    let messages: Vec<Bytes> = messages(&page)
        .into_iter()
        .map(Bytes::copy_from_slice)
        .collect();
    for _ in 0..times {
        for message in &messages {
            black_box(prost_way::decode_bare(message.clone()));
        }
    }
}

fn shard() -> Deaggregator {
    let range = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX - 1)).expect("in order");
    Deaggregator::new().hash_key_range(range).level(Level::Sse2)
}

fn read(times: usize, keys: Keys) {
    let page = usual(keys);
    let deaggregator = shard();
    for _ in 0..times {
        for (_, user_record) in &deaggregator.deaggregate_batch(&page) {
            let user_record = user_record.expect("nothing is lost");
            black_box((user_record.partition_key(), user_record.data()));
        }
    }
}

fn read_batch_sse2(times: usize) {
    read(times, Keys::Partition(10));
}

fn read_batch_all_keys_differ_sse2(times: usize) {
    read(times, Keys::Partition(usize::MAX));
}

fn read_owned_sse2(times: usize) {
    let page = usual(Keys::Partition(10));
    let deaggregator = shard();
    for _ in 0..times {
        let batch = deaggregator.deaggregate_batch(&page);
        batch
            .owned_user_records()
            .for_each(|owned| drop(black_box(owned)));
    }
}

fn iterate(times: usize) {
    let page = usual(Keys::Partition(10));
    let batch = shard().deaggregate_batch(&page);
    for _ in 0..times {
        for (_, user_record) in &batch {
            let user_record = user_record.expect("nothing is lost");
            black_box((user_record.partition_key(), user_record.data()));
        }
    }
}

fn md5_lanes_sse2(times: usize) {
    let page = usual(Keys::Partition(10));
    let messages = messages(&page);
    for _ in 0..times {
        black_box(md5::digest_many_at(Level::Sse2, &messages));
    }
}

/// All that writing does but for the digest: nothing is closed.
fn write_push(times: usize) {
    let traffic = Traffic::USUAL;
    let inputs: Vec<Vec<UserRecord>> = (0..10).map(|_| traffic.user_records(240)).collect();
    for records in inputs.into_iter().take(times) {
        let mut aggregator = traffic.aggregator();
        for record in records {
            black_box(aggregator.push(record).expect("a good record"));
        }
    }
}
